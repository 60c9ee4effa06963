"""Lines of the books as facts: what is open on customers' accounts, and what moves revenue without
a document.

A line of a posted move never changes but by being reconciled: then it is open no more.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from canonical_models.money import Money
from canonical_models.reconciliation import EntryFact, EntryKind
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.earning import ROUNDING, SCHEDULE
from connectors.tryton.entries import LINE, LINE_FIELDS, Keyed, MoveLine
from connectors.tryton.held import INVOICE
from connectors.tryton.mapping import Company, Day, Wire, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.references import literal

_FIELDS = (
    *LINE_FIELDS,
    "account.type.receivable",
    "party.code",
    "invoice_payment",
    "move.number",
    "move.origin",
    "move.create_uid.login",
)


class _Type(Wire):
    receivable: bool


class _Account(Keyed):
    type: _Type | None


class _Party(Wire):
    code: str


class _Maker(Wire):
    login: str


class _Move(Wire):
    number: str | None
    origin: str | None
    create_uid: _Maker | None


class _Line(MoveLine):
    account: _Account
    party: _Party | None
    invoice_payment: int | None
    move: _Move


class _Period(Wire):
    end_date: Day


@dataclass(frozen=True)
class LedgerReader:
    client: TrytonClient
    master: MasterData

    async def page(
        self, company: Company, changed: list[Any], last: int, limit: int
    ) -> tuple[tuple[EntryFact, ...], tuple[str, ...], int | None]:
        """Entries behind the line `last`, keys of lines that are open no more, and the last line of
        a whole page; None at the end. `changed` is the domain of what has changed; empty for
        all."""
        deferred = await self.master.deferred_revenue(company)
        earning = await self.master.revenue_accounts(company)
        moving = earning | ({deferred} if deferred is not None else set())
        rows = await self._rows(company, sorted(moving), changed, last, limit)
        entries, gone = [], []
        for row in rows:
            line = parsed(_Line, row, "line")
            if line.account.type is not None and line.account.type.receivable:
                if line.reconciliation is not None:
                    gone.append(_key(line))
                    continue
                kind, amount = EntryKind.RECEIVABLE, line.money(company)
            else:
                books = Money.of(line.credit - line.debit, company.currency.code)
                of_deferred = line.account.id == deferred
                kind, amount = EntryKind.DEFERRED if of_deferred else EntryKind.REVENUE, books
            if amount:
                entries.append(self._entry(line, kind, amount))
        return tuple(entries), tuple(gone), int(rows[-1]["id"]) if len(rows) == limit else None

    async def until(self, company: Company) -> date | None:
        """The last day that there is a period for."""
        rows = await self.client.search(
            "account.period",
            [["company", "=", company.id], ["type", "=", "standard"]],
            ("end_date",),
            what="the last period",
            company=company.id,
            order=(("end_date", "DESC"),),
            limit=1,
        )
        return parsed(_Period, rows[0], "period").end_date if rows else None

    async def _rows(
        self, company: Company, accounts: list[int], changed: list[Any], last: int, limit: int
    ) -> list[Row]:
        receivable: list[Any] = [["account.type.receivable", "=", True], ["party", "!=", None]]
        if not changed:
            receivable.append(["reconciliation", "=", None])
        revenue = [
            ["account", "in", accounts],
            # What closes a year, and what belongs to a document.
            ["move.period.type", "=", "standard"],
            [
                "OR",
                ["move.origin", "=", None],
                [
                    ["move.origin", "not like", f"{INVOICE},%"],
                    ["move.origin", "not like", f"{SCHEDULE},%"],
                ],
            ],
            [
                "OR",
                ["move.description", "=", None],
                ["move.description", "not like", f"{literal(ROUNDING)}%"],
            ],
        ]
        return await self.client.search(
            LINE,
            [
                ["id", ">", last],
                ["move.company", "=", company.id],
                ["move.state", "=", "posted"],
                ["OR", receivable, revenue],
                *changed,
            ],
            _FIELDS,
            what="lines of the books",
            company=company.id,
            limit=limit,
        )

    def _entry(self, line: _Line, kind: EntryKind, amount: Money) -> EntryFact:
        of_document = (line.move.origin or "").startswith(f"{INVOICE},")
        made_by = line.move.create_uid
        return EntryFact(
            key=_key(line),
            kind=kind,
            account=line.party.code if line.party is not None else None,
            amount=amount,
            on=line.date,
            number=line.move.number,
            beside=not of_document and line.invoice_payment is None,
            ours=made_by is not None and made_by.login == self.client.login,
        )


def _key(line: MoveLine) -> str:
    """Lines and documents have numbers of their own."""
    return f"line/{line.id}"
