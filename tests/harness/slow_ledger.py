"""The ledger at work on one effect, against a vendor whose requests a test answers one by one."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from activities.effect import Effect
from activities.ledger import EffectLedger
from connectors.attempts import Alone
from persistence import effects
from persistence.connection import Connection
from persistence.database import Database
from persistence.effects import Known
from tests.harness.slow_vendor import DraftAndFinal, Made, OneRequest, Request, Vendor, unanswered
from tests.harness.waiting import until

KEY = "document:acme/in_1"


class Ledger:
    """The ledger, one effect, and a vendor whose requests a test answers."""

    def __init__(self, database: Database) -> None:
        self.database, self.ledger, self.vendor = database, EffectLedger(database), Vendor()
        self.freed: list[object] = []
        self.kept: list[Request] = []

    def effect(self, *, once: bool = False, **given: Any) -> Effect[Made]:
        adapter = OneRequest(self.vendor) if once else DraftAndFinal(self.vendor)

        async def stray(made: Made) -> None:
            await self.vendor.credit(made, Alone())

        async def freed(_: Connection, reversal: object) -> None:
            self.freed.append(reversal)

        effect = Effect(
            key=KEY,
            tenant="acme",
            change_id="chg_1",
            step="erp.document/in_1",
            system="erp",
            operation="post invoice",
            request=Made(number=0, state="posted"),
            result=Made,
            probe=adapter.probe,
            write=adapter.write,
            named=lambda made: (str(made.number), None),
            reversed=freed,
            stray=stray,
            once=once,
            place="LE",
        )
        return replace(effect, **given)

    def begin(self, effect: Effect[Made]) -> asyncio.Task[Made]:
        return begun(self.ledger.perform(effect))

    def undo(self, effect: Effect[Made]) -> asyncio.Task[None]:
        left = DraftAndFinal(self.vendor).left
        return begun(self.ledger.undo(effect, self.vendor.credit, left=left))

    async def sent(self, name: str) -> Request:
        """The newest of this name, neither answered nor `kept` back, once it is there."""

        def waiting() -> list[Request]:
            asked = [r for r in self.vendor.sent if r.name == name and r not in self.kept]
            return [request for request in asked if not request.answer.done()]

        await until(lambda: _soon(bool(waiting())), f"the vendor is asked to {name}")
        return waiting()[-1]

    async def answer(self, *names: str) -> None:
        for name in names:
            (await self.sent(name)).tell()

    async def lose(self, name: str, *, landed: bool = False) -> Request:
        request = await self.sent(name)
        if landed:
            request.land()
        request.fail(unanswered(request))
        return request

    async def row(self) -> Known:
        async with self.database.statement() as conn:
            found = await effects.get(conn, KEY)
        assert found is not None
        return found

    async def said(self, *columns: str) -> tuple[Any, ...]:
        """What the row says besides."""
        async with self.database.statement() as conn:
            query = f"select {', '.join(columns)} from effects where key = %s"
            row = await (await conn.execute(query.encode(), (KEY,))).fetchone()
        assert row is not None
        return tuple(row)

    async def time_passes(self) -> None:
        async with self.database.statement() as conn:
            await conn.execute("update effects set lands_until = now() - interval '1 second'")


def begun(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.create_task(work)


async def _soon(found: bool) -> bool:
    return found
