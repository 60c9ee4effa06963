"""What people at the console meet, brought about in the other systems of a whole stack: each with
customers of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.demo.console_story import sold_unmapped
from sandbox.demo.late_payment import LATER, RENEWED, move_to, newcomer, unpaid_of
from sandbox.demo.observed import documents, known_changes, next_change
from sandbox.demo.observed import until as seen
from sandbox.demo.stories import begin, command, quiet
from sandbox.demo.systems import Row
from sandbox.demo.world import LONG_AGO, Account, World, account, change_plan
from sandbox.erp.instance import ErpInstance
from tests.harness.e2e_stack import Front
from tests.harness.erp_people import people_of


class Office:
    """The stack, its catalogue, and who does what in it."""

    def __init__(self, front: Front, erp: ErpInstance, prices: dict[str, str]) -> None:
        self.front, self.erp, self.prices = front, erp, prices
        #: They have accounts from the first start on.
        self._people = {"fay", "sam", "olu"}

    @property
    def world(self) -> World:
        return self.front.world

    @property
    def console(self) -> str:
        return self.front.facts.console.url

    async def customers(self, count: int, plan: str = "Starter") -> list[Account]:
        made = await asyncio.gather(
            *(account(self.world, self.prices, party="C-1001", plan=plan) for _ in range(count))
        )
        await asyncio.gather(*(begin(self.world, each) for each in made))
        return list(made)

    async def unmapped(self, who: str | None, count: int) -> list[Account]:
        """So many wait for one cause, which `who` has; None: nobody."""
        made = await self.customers(count)
        await sold_unmapped(self.world, *made)
        await self.given_to(who, made[0])
        return made

    async def called_as_parties(self, count: int) -> list[Account]:
        """Customers known to support who are called as parties that the ERP has, one each: whether
        they are those nobody has said."""
        again = secrets.token_hex(2).upper()
        names = [f"{name} {again} GmbH" for name in ("Elbhafen", "Kiebitz", "Lindenhof")[:count]]

        async def one(name: str, code: str) -> Account:
            sold = replace(await newcomer(self.world, self.prices, name), party=code)
            organization = {"name": name, "external_id": sold.customer}
            asked = {"organization": organization}
            await self.world.desk.ask("POST", "/api/v2/organizations", json=asked)
            return sold

        async with people_of(self.erp) as people:
            codes = [await people.party(name) for name in names]
        made = await asyncio.gather(*map(one, names, codes))
        await asyncio.gather(*map(self.asked, made))
        return list(made)

    async def asked(self, account: Account) -> Row:
        """The one question that is open about a customer."""

        async def look() -> Row | None:
            for change in await self.world.trueup.changes_of_customer(account.customer):
                if found := await self.world.trueup.exceptions(change["change_id"]):
                    return dict(found[0])
            return None

        return await seen(f"a question about {account.subscription}", look)

    async def given_to(self, who: str | None, account: Account) -> Row:
        case = await self.asked(account)
        await self.world.trueup.ask(
            "POST", f"/v1/causes/{case['cause_id']}/assign", json={"to": who}
        )
        return case

    async def for_a_yes(self) -> Account:
        """A credit note that is above what needs nobody."""
        (one,) = await self.customers(1, plan="Pro")
        await change_plan(self.world, one, self.prices["Starter"])
        await self.asked(one)
        return one

    async def refused_by_the_desk(self, who: str | None) -> Account:
        """It refused for good, and has been mended there since."""
        (one,) = await self.customers(1)
        before = await known_changes(self.world, one)
        await self.world.desk.refuse_organizations()
        try:
            await change_plan(self.world, one, self.prices["Pro"])
            await next_change(self.world, one, before)
            await self.given_to(who, one)
        finally:
            await self.world.desk.recover()
        return one

    async def unpaid(self, who: str | None) -> Account:
        """An invoice that nobody pays, past all reminders."""
        (one,) = await self.customers(1)
        await self.world.billing.ask(
            "POST", f"/_sim/customers/{one.customer}/payment", json={"outcome": "fail"}
        )
        renewed = datetime.now(UTC) - LONG_AGO + RENEWED
        await move_to(self.world, one, renewed)
        await unpaid_of(self.world, one)
        await move_to(self.world, one, renewed + LATER)
        await self.world.trueup.ask("POST", f"/v1/subscriptions/{one.subscription}/sync")

        async def look() -> Row | None:
            return next(iter(await self.overdue(one)), None)

        case = await seen(f"what finance is asked about {one.customer}", look)
        await self.world.trueup.ask(
            "POST", f"/v1/causes/{case['cause_id']}/assign", json={"to": who}
        )
        return one

    async def overdue(self, account: Account) -> list[Row]:
        """What finance is asked about the customer's unpaid invoices."""
        found = await self.world.trueup.ask(
            "GET", "/v1/exceptions", params={"code": "payment_overdue"}
        )
        return [each for each in found["items"] if each["customer_id"] == account.customer]

    @asynccontextmanager
    async def without_the_desk(self) -> AsyncIterator[Account]:
        """It answers nobody within the block; a change of somebody waits for it."""
        (one,) = await self.customers(1)
        away = {"path_prefix": "/api/v2", "status": 503, "times": None}
        faults = [{**away, "method": each} for each in ("GET", "PUT", "POST")]
        await self.world.desk.ask("POST", "/_sim/faults", json=faults)
        try:
            await change_plan(self.world, one, self.prices["Pro"])
            yield one
        finally:
            await self.world.desk.recover()

    async def invites(self, name: str, role: str) -> str:
        """Where they come in, once; who has no account yet is given one of that role."""
        if name not in self._people:
            await command(self.world, "people", "add", name, "--role", role)
            self._people.add(name)
        invited: dict[str, Any] = await command(self.world, "people", "invite", name)
        return f"{self.console}/sign-in/link/{invited['invitation']}"

    async def posted(self, *accounts: Account) -> list[int]:
        """How many numbered documents the ERP has of each."""
        found = await asyncio.gather(*(documents(self.world, each) for each in accounts))
        return [sum(bool(paper["number"]) for paper in papers) for papers in found]

    async def mapped(self, *accounts: Account) -> list[str]:
        """The ERP's accounts that these customers are said to be, by now."""
        asked = {"kind": "account", "limit": 200}
        found = await self.world.trueup.ask("GET", "/v1/mappings", params=asked)
        named = {each.customer for each in accounts}
        return sorted(e["target"]["erp_party"] for e in found["items"] if e["source"] in named)

    async def settled(self, *accounts: Account) -> None:
        for each in accounts:
            await quiet(self.world, each)
