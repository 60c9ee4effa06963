"""What stands in the books of a legal entity within some days: documents to customers one by one,
and what the general ledger has moved on accounts."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from canonical_models.closing import BookedDocument, BookedPage, LedgerMonth
from canonical_models.money import Money
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.held import INVOICE
from connectors.tryton.mapping import Amount, Coded, Company, Wire, day, parsed
from connectors.tryton.taxes import TaxBook, Taxes

#: As many whole documents as Tryton reads well within some seconds.
_PAGE = 200
#: What no account is named of.
_UNNAMED = ""

_FIELDS = (
    "number",
    "currency.code",
    "untaxed_amount",
    "tax_amount",
    "create_uid.login",
    "lines.type",
    "lines.amount",
    "lines.account.code",
    "lines.account.name",
    "taxes.tax",
    "taxes.base",
    "taxes.amount",
)


class _User(Wire):
    login: str


class _Account(Wire):
    code: str | None
    name: str


class _Line(Wire):
    type: str
    amount: Amount | None
    account: _Account | None


class _Tax(Wire):
    tax: int | None
    base: Amount
    amount: Amount


class _Booked(Wire):
    id: int
    number: str | None
    currency: Coded
    untaxed_amount: Amount
    tax_amount: Amount
    create_uid: _User | None
    lines: tuple[_Line, ...]
    taxes: tuple[_Tax, ...]


class _Moved(Wire):
    code: str
    debit: Amount
    credit: Amount


class BookedReader:
    """The books of one connection."""

    def __init__(self, client: TrytonClient, book: TaxBook) -> None:
        self._client, self._book = client, book

    async def page(
        self, legal_entity: str, company: Company, first: date, last: date, after: str | None
    ) -> BookedPage:
        """`after` is the last id that was told."""
        rows = await self._client.search(
            INVOICE,
            [
                ["id", ">", int(after or 0)],
                ["company", "=", company.id],
                ["type", "=", "out"],
                # With a refund Tryton calls the original, and what credits it, cancelled: both have
                # been booked, and stay so.
                ["state", "in", ["posted", "paid", "cancelled"]],
                ["move.state", "=", "posted"],
                ["move.date", ">=", day(first)],
                ["move.date", "<=", day(last)],
                ["cancel_move", "=", None],
            ],
            _FIELDS,
            what=f"documents that are booked from {first} to {last}",
            company=company.id,
            limit=_PAGE,
        )
        found = [parsed(_Booked, row, "invoice") for row in rows]
        needed = {tax.tax for each in found for tax in each.taxes if tax.tax}
        taxes = await self._book.of(legal_entity, company, needed)
        return BookedPage(
            documents=tuple(self._document(each, taxes) for each in found),
            next=str(found[-1].id) if len(rows) == _PAGE else None,
        )

    async def ledger(
        self, company: Company, first: date, last: date, accounts: Collection[str]
    ) -> tuple[LedgerMonth, ...]:
        rows = await self._client.search(
            "account.account",
            [["company", "=", company.id], ["code", "in", sorted(accounts)], ["type", "!=", None]],
            ["code"],
            what="the accounts of the month",
            company=company.id,
        )
        if not rows:
            return ()
        moved: list[Row] = await self._client.rpc(
            "model.account.account.read",
            [int(row["id"]) for row in rows],
            ["code", "debit", "credit"],
            what=f"the general ledger from {first} to {last}",
            company=company.id,
            context={"posted": True, "from_date": day(first), "to_date": day(last)},
        )
        currency = company.currency.code
        return tuple(
            LedgerMonth(
                account=found.code,
                debit=Money.of(found.debit, currency),
                credit=Money.of(found.credit, currency),
            )
            for found in sorted(
                (parsed(_Moved, row, "account") for row in moved), key=lambda each: each.code
            )
        )

    def _document(self, found: _Booked, taxes: Taxes) -> BookedDocument:
        currency = found.currency.code
        accounts: dict[str, Decimal] = {}
        for line in found.lines:
            if line.type == "line" and line.amount is not None:
                name = (line.account.code or line.account.name) if line.account else _UNNAMED
                accounts[name] = accounts.get(name, Decimal(0)) + line.amount
        sums: dict[str, list[Any]] = {}
        for row in found.taxes:
            pair = sums.setdefault(taxes.name(row.tax or 0), [Decimal(0), Decimal(0)])
            pair[0] += row.base
            pair[1] += row.amount
        return BookedDocument(
            key=str(found.id),
            number=found.number,
            ours=found.create_uid is not None and found.create_uid.login == self._client.login,
            net=Money.of(found.untaxed_amount, currency),
            tax=Money.of(found.tax_amount, currency),
            accounts={name: Money.of(sum_, currency) for name, sum_ in accounts.items()},
            taxes={
                name: (Money.of(base, currency), Money.of(amount, currency))
                for name, (base, amount) in sums.items()
            },
        )
