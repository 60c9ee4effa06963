"""Reads the books of the real ERP directly, as an oracle beside the connector."""

import datetime
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.erp.instance import CompanyFacts, ErpInstance
from sandbox.erp.rpc import Json, TrytonRpc, date
from tests.harness.erp_documents import Document, day, money, read_documents


@dataclass(frozen=True)
class TaxTotal:
    """What a tax declaration would show; a credit note counts against it."""

    base: Decimal
    tax: Decimal


@dataclass(frozen=True)
class Deferral:
    """The schedule of one line; months that Tryton has booked are in ``booked``, by ``YYYY-MM``."""

    id: int
    line: int
    state: str
    amount: Decimal
    start: datetime.date
    end: datetime.date
    booked: dict[str, Decimal]


class Books:
    """What stands in the ERP, read as its administrator; nothing is written.

    Companies and parties are given by code. Only posted moves count. Amounts of accounts are in
    the company's currency, debit positive, unless a method says otherwise.
    """

    def __init__(self, erp: ErpInstance, rpc: TrytonRpc) -> None:
        self.erp = erp
        self._rpc = rpc
        self._taxes = {
            tax.id: code for facts in erp.companies.values() for code, tax in facts.taxes.items()
        }

    async def trial_balance(
        self, company: str, *, until: datetime.date | None = None
    ) -> dict[str, Decimal]:
        """Balance by account code, without zeros, up to and with a day. It sums to zero."""
        domain = [["move.date", "<=", date(until)]] if until else []
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for row in await self._move_lines(company, domain):
            totals[row["account."]["code"]] += _balance(row)
        return {code: total for code, total in sorted(totals.items()) if total}

    async def receivable_of(self, party: str, company: str) -> Decimal:
        """What the party owes (positive) or has to its credit, settled or not; no drafts."""
        rows = await self._move_lines(company, self._receivables(party))
        return sum(map(_balance, rows), Decimal(0))

    async def open_items(self, party: str, company: str) -> list[Decimal]:
        """Each receivable line that is not reconciled, in the order they were made."""
        domain = [*self._receivables(party), ["reconciliation", "=", None]]
        return [_balance(row) for row in await self._move_lines(company, domain)]

    async def by_month(self, company: str, role: str) -> dict[str, Decimal]:
        """What moves on the account of a role, by ``YYYY-MM``: credit positive, no zeros."""
        account = self.erp.companies[company].accounts[role].id
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for row in await self._move_lines(company, [["account", "=", account]]):
            totals[f"{day(row['move.']['date']):%Y-%m}"] -= _balance(row)
        return {month: total for month, total in sorted(totals.items()) if total}

    async def revenue_by_month(self, company: str) -> dict[str, Decimal]:
        """Revenue earned in each month, deferral in and out included."""
        return await self.by_month(company, "revenue")

    async def deferred_by_month(self, company: str) -> dict[str, Decimal]:
        """What each month adds to (positive) or releases from deferred revenue."""
        return await self.by_month(company, "deferred_revenue")

    async def tax_by_code(self, company: str) -> dict[str, TaxTotal]:
        """Base and tax by our tax code, from Tryton's tax lines."""
        rows = await self._rpc.search(
            "account.tax.line",
            [
                ["move_line.move.company", "=", self._of(company).id],
                ["move_line.move.state", "=", "posted"],
            ],
            ["tax", "type", "amount"],
            company=self._of(company).id,
        )
        totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            totals[self._taxes[row["tax"]], row["type"]] += money(row["amount"])
        return {
            code: TaxTotal(base=totals[code, "base"], tax=totals[code, "tax"])
            for code in sorted({code for code, _ in totals})
        }

    async def documents(self, *, party: str | None = None, **fields: Any) -> list[Document]:
        """Customers' documents, drafts too, whose ``fields`` (``reference``, ``id`` ...) are so."""
        domain: list[Any] = [["type", "=", "out"]]
        domain += [[name, "=", value] for name, value in fields.items()]
        domain += [["party.code", "=", party]] if party else []
        return await read_documents(self.erp, self._rpc, domain)

    async def document(self, id_: int) -> Document:
        """One document by Tryton's id."""
        (found,) = await self.documents(id=id_)
        return found

    async def open_documents(self, party: str) -> list[Document]:
        """The party's posted documents of all companies that are not paid or cancelled."""
        return await self.documents(party=party, state="posted")

    async def deferrals(self, document: int) -> list[Deferral]:
        """The schedules of a document's lines; ``booked`` is revenue, released positive."""
        rows = await self._rpc.search(
            "account.invoice.deferred",
            [["invoice_line.invoice", "=", document]],
            ["invoice_line", "state", "amount", "start_date", "end_date", "moves"],
        )
        found = []
        for row in rows:
            lines = await self._rpc.search(
                "account.move.line",
                [["move", "in", row["moves"]], ["account.type.revenue", "=", True]],
                ["move.date", "debit", "credit"],
            )
            # The first move takes all of it out of revenue, the others bring it back.
            opening = min(row["moves"], default=None)
            booked: dict[str, Decimal] = defaultdict(Decimal)
            for line in lines:
                if line["move."]["id"] != opening:
                    booked[f"{day(line['move.']['date']):%Y-%m}"] -= _balance(line)
            found.append(
                Deferral(
                    id=row["id"],
                    line=row["invoice_line"],
                    state=row["state"],
                    amount=money(row["amount"]),
                    start=day(row["start_date"]),
                    end=day(row["end_date"]),
                    booked=dict(sorted(booked.items())),
                )
            )
        return found

    async def commissions(self, company: str) -> list[tuple[str, int, Decimal]]:
        """Who (party code) earned how much on which document (id)."""
        rows = await self._rpc.search(
            "commission",
            [["agent.company", "=", self._of(company).id]],
            ["agent.party.code", "origin.invoice", "amount"],
        )
        return [
            (row["agent."]["party."]["code"], row["origin."]["invoice"], money(row["amount"]))
            for row in rows
        ]

    def _of(self, company: str) -> CompanyFacts:
        return self.erp.companies[company]

    def _receivables(self, party: str) -> list[Any]:
        return [["party.code", "=", party], ["account.type.receivable", "=", True]]

    async def _move_lines(self, company: str, domain: list[Any]) -> list[Json]:
        mine = [["move.company", "=", self._of(company).id], ["move.state", "=", "posted"]]
        fields = ["account.code", "debit", "credit", "move.date"]
        return await self._rpc.search("account.move.line", [*mine, *domain], fields)


@asynccontextmanager
async def books_of(erp: ErpInstance) -> AsyncIterator[Books]:
    """A reader of the books of ``erp``, with a session of its administrator."""
    login, password = erp.credentials.admin_login, erp.credentials.admin_password
    async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
        yield Books(erp, rpc)


def _balance(row: Json) -> Decimal:
    return money(row["debit"]) - money(row["credit"])
