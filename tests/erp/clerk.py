"""What the connector's user does over JSON-RPC: moves, and the wizards that settle them."""

import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import Json, TrytonRpc, TrytonRpcError, date, decimal


class Clerk:
    """Acts in one legal entity at a time, named by its code."""

    def __init__(self, erp: ErpInstance, rpc: TrytonRpc) -> None:
        self.erp = erp
        self.rpc = rpc

    @classmethod
    @asynccontextmanager
    async def of(cls, erp: ErpInstance) -> AsyncIterator["Clerk"]:
        who = erp.credentials
        async with TrytonRpc(erp.url, erp.database, who.api_login, who.api_password) as rpc:
            yield cls(erp, rpc)

    async def entry(
        self,
        company: str,
        day: datetime.date,
        *lines: tuple[str, str, str | None],
        **fields: Any,
    ) -> Json:
        """A posted move; each line is an account's role, a balance and the code of a party."""
        facts = self.erp.companies[company]
        context = {"company": facts.id}
        (period,) = await self.rpc.search(
            "account.period",
            [
                ["company", "=", facts.id],
                ["type", "=", "standard"],
                ["start_date", "<=", date(day)],
                ["end_date", ">=", date(day)],
            ],
            ["state"],
            company=facts.id,
        )
        (move,) = await self.rpc.create(
            "account.move",
            {
                "company": facts.id,
                "journal": self.erp.facts.journals["MISC"],
                "period": period["id"],
                "date": date(day),
                "lines": [["create", [self._line(company, *line) for line in lines]]],
                **fields,
            },
            context=context,
        )
        await self.rpc.call("model.account.move.post", [move], context=context)
        rows = await self.rpc.search(
            "account.move.line", [["move", "=", move]], ["account", "party"], company=facts.id
        )
        return {"id": move, "receivable": [row["id"] for row in rows if row["party"]]}

    async def receivable(self, company: str, invoice: int) -> list[int]:
        """The lines that a posted invoice asks to be paid."""
        (row,) = await self.rpc.search(
            "account.invoice",
            [["id", "=", invoice]],
            ["lines_to_pay"],
            company=self.erp.companies[company].id,
        )
        lines: list[int] = row["lines_to_pay"]
        return lines

    async def reconcile(self, company: str, lines: Sequence[int], **writeoff: Any) -> None:
        """Settle the lines against each other; ``writeoff`` says where what is missing goes."""
        await self.wizard(
            "account.move.reconcile_lines",
            "reconcile",
            {"writeoff": writeoff} if writeoff else {},
            model="account.move.line",
            ids=lines,
            company=company,
        )

    async def wizard(
        self, name: str, state: str, forms: Json, *, model: str, ids: Sequence[int], company: str
    ) -> Json:
        return await self.rpc.wizard(
            name,
            (state, forms),
            context={
                "company": self.erp.companies[company].id,
                "active_model": model,
                "active_id": ids[0],
                "active_ids": list(ids),
            },
        )

    async def warned(self, action: Callable[[], Awaitable[Any]]) -> str:
        """Do what Tryton warns of: be warned, skip that one warning, do it. Returns its name."""
        with pytest.raises(TrytonRpcError) as refusal:
            await action()
        assert refusal.value.kind == "UserWarning", str(refusal.value)
        key = str(refusal.value.details[0])
        await self.rpc.call("model.res.user.warning.skip", key, False)
        await action()
        return key.partition(".")[2]

    def _line(self, company: str, role: str, balance: str, party: str | None) -> Json:
        amount = Decimal(balance)
        return {
            "account": self.erp.companies[company].accounts[role].id,
            "debit": decimal(max(amount, Decimal(0))),
            "credit": decimal(max(-amount, Decimal(0))),
            "party": self.erp.facts.parties[party].id if party else None,
        }
