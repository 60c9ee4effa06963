"""What the ERP's own people do by hand, as its administrator, in one legal entity."""

import datetime
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, TrytonRpcError, date, decimal
from tests.harness.erp_documents import day as erp_day


class ErpPeople:
    def __init__(self, erp: ErpInstance, rpc: TrytonRpc, entity: str) -> None:
        self._erp = erp
        self._rpc = rpc
        self._entity = entity
        self._company = erp.companies[entity].id

    async def party(self, name: str) -> str:
        """A customer that they have made; its code."""
        code = f"P-{secrets.token_hex(5)}"
        address = {
            "street_unstructured": "Am Markt 1",
            "postal_code": "20457",
            "city": "Hamburg",
            "country": await self._country("DE"),
        }
        await self._rpc.create(
            "party.party", {"code": code, "name": name, "addresses": [["create", [address]]]}
        )
        return code

    async def called(self, name: str) -> list[str]:
        """Codes of all parties of that name, active or not."""
        found = await self._rpc.search(
            "party.party", [["name", "=", name], ["active", "in", [True, False]]], ["code"]
        )
        return sorted(row["code"] for row in found)

    async def sold(
        self, party: str, number: str, net: Decimal, tax: str, day: datetime.date
    ) -> int:
        """An invoice of one line that they have posted, with billing's number as its reference.
        Of that day, or of the year's last document if that is later: numbers follow the dates."""
        facts = self._erp.companies[self._entity]
        (owner,) = await self._rpc.search("party.party", [["code", "=", party]], ["addresses"])
        line = {
            "type": "line",
            "company": facts.id,
            "currency": self._erp.facts.currencies[facts.currency],
            "account": facts.revenue_account,
            "quantity": 1,
            "unit_price": decimal(net),
            "taxes": [["add", [facts.taxes[tax].id]]],
        }
        (made,) = await self._rpc.create(
            "account.invoice",
            {
                "type": "out",
                "company": facts.id,
                "reference": number,
                "party": owner["id"],
                "invoice_address": owner["addresses"][0],
                "currency": self._erp.facts.currencies[facts.currency],
                "account": facts.receivable_account,
                "journal": facts.revenue_journal,
                "lines": [["create", [line]]],
            },
            context={"company": facts.id},
        )
        await self.post(made, await self._numbered_next(day))
        return made

    async def credit(self, document: int) -> None:
        """The credit note that the client's wizard makes: posted, and settled with the document."""
        await self._rpc.wizard(
            "account.invoice.credit",
            ("credit", {"start": {"with_refund": True, "with_refund_allowed": True}}),
            context={
                "company": self._company,
                "active_model": "account.invoice",
                "active_id": document,
                "active_ids": [document],
            },
        )

    async def entry(self, day: datetime.date, *lines: tuple[str, Decimal, str | None]) -> int:
        """A posted move; each line is an account's role, a balance (a debit is positive) and the
        code of a party, or None."""
        facts, context = self._erp.companies[self._entity], {"company": self._company}
        (period,) = await self._rpc.search(
            "account.period",
            [
                ["company", "=", self._company],
                ["type", "=", "standard"],
                ["start_date", "<=", date(day)],
                ["end_date", ">=", date(day)],
            ],
            ["state"],
            company=self._company,
        )
        created = []
        for role, balance, code in lines:
            party = None
            if code is not None:
                (found,) = await self._rpc.search("party.party", [["code", "=", code]], ["name"])
                party = found["id"]
            created.append(
                {
                    "account": facts.accounts[role].id,
                    "debit": decimal(max(balance, Decimal(0))),
                    "credit": decimal(max(-balance, Decimal(0))),
                    "party": party,
                }
            )
        (move,) = await self._rpc.create(
            "account.move",
            {
                "company": self._company,
                "journal": self._erp.facts.journals["MISC"],
                "period": period["id"],
                "date": date(day),
                "lines": [["create", created]],
            },
            context=context,
        )
        await self._rpc.call("model.account.move.post", [move], context=context)
        return int(move)

    async def reconcile(self, *moves: int) -> None:
        """What the moves have on customers' accounts, settled with each other."""
        rows = await self._rpc.search(
            "account.move.line",
            [["move", "in", list(moves)], ["account.type.receivable", "=", True]],
            ["move"],
            company=self._company,
        )
        lines = [row["id"] for row in rows]
        await self._rpc.wizard(
            "account.move.reconcile_lines",
            ("reconcile", {}),
            context={
                "company": self._company,
                "active_model": "account.move.line",
                "active_id": lines[0],
                "active_ids": lines,
            },
        )

    async def post(self, document: int, day: datetime.date) -> None:
        """With this date, and whatever Tryton warns of."""
        dated = {"invoice_date": date(day), "accounting_date": date(day)}
        await self._rpc.write("account.invoice", [document], dated, company=self._company)
        context = {"company": self._company}
        while True:
            try:
                await self._rpc.call("model.account.invoice.post", [document], context=context)
            except TrytonRpcError as refused:
                if refused.kind != "UserWarning":
                    raise
                await self._rpc.call("model.res.user.warning.skip", refused.details[0], False)
            else:
                return

    async def name_and_tax_ids(self, party: str) -> tuple[str, list[str]]:
        (row,) = await self._rpc.search(
            "party.party", [["code", "=", party]], ["name", "identifiers.code"]
        )
        return row["name"], [found["code"] for found in row["identifiers."]]

    async def tax_rule(self, party: str) -> str | None:
        """The code of the rule by which the party is taxed."""
        (row,) = await self._rpc.search(
            "party.party",
            [["code", "=", party]],
            ["customer_tax_rule"],
            company=self._company,
        )
        rules = {
            rule: code
            for facts in self._erp.companies.values()
            for code, rule in facts.tax_rules.items()
        }
        return rules.get(row["customer_tax_rule"])

    async def _numbered_next(self, day: datetime.date) -> datetime.date:
        found = await self._rpc.search(
            "account.invoice",
            [
                ["company", "=", self._company],
                ["type", "=", "out"],
                ["number", "!=", None],
                ["invoice_date", ">=", date(day)],
                ["invoice_date", "<=", date(day.replace(month=12, day=31))],
            ],
            ["invoice_date"],
            company=self._company,
        )
        return max([day, *(erp_day(row["invoice_date"]) for row in found)])

    async def _country(self, code: str) -> int:
        (row,) = await self._rpc.search("country.country", [["code", "=", code]], ["name"])
        return int(row["id"])


@asynccontextmanager
async def people_of(erp: ErpInstance, entity: str = "LE-DE") -> AsyncIterator[ErpPeople]:
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        yield ErpPeople(erp, rpc, entity)
