"""A deposit as it should be booked, and what a posted one says. Pure.

A deposit is one move: what reaches the bank, what billing has kept, and what leaves clearing. Its
lines are told apart by their labels, which people read as well.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.cash import DepositDraft, DepositEntry
from canonical_models.money import Money
from connectors.tryton.client import Row
from connectors.tryton.entries import Move, external_id
from connectors.tryton.mapping import Company, day, decimal

#: What the lines say, by what they are.
BANK, FEES, FEE_TAX = "payout", "fees", "tax on fees"
CLEARED, CONVERSION = "paid out", "difference of currencies"


@dataclass(frozen=True)
class TaxPart:
    """What a line is for the tax return: a `base`, or the `tax` itself, in the currency of the
    books."""

    tax: int
    kind: str
    amount: Decimal


@dataclass(frozen=True)
class DepositLeg:
    """A line to book, debit positive: `booked` in the currency of the books, `second` in that of
    the deal where it is another."""

    account: int
    booked: Decimal
    label: str
    second: Money | None = None
    tax: TaxPart | None = None


@dataclass(frozen=True)
class DepositPlan:
    """A move by Tryton's ids, as `Movements` books it. `currencies` are ids by code."""

    reference: str
    description: str
    company: Company
    journal: int
    period: int
    on: date
    legs: tuple[DepositLeg, ...]
    currencies: dict[str, int]

    def values(self, *, with_external_id: bool) -> Row:
        return {
            "company": self.company.id,
            "journal": self.journal,
            "period": self.period,
            "date": day(self.on),
            "description": self.description,
            **({"external_id": self.reference} if with_external_id else {}),
            "lines": [["create", [self._line(leg) for leg in self.legs]]],
        }

    def says(self, move: Move) -> bool:
        wanted = sorted(
            (leg.account, leg.booked, leg.second.decimal if leg.second else Decimal(0), leg.label)
            for leg in self.legs
        )
        found = sorted(
            (
                line.account.id,
                line.balance,
                line.amount_second_currency or Decimal(0),
                line.description or "",
            )
            for line in move.lines
        )
        return (move.date, move.journal) == (self.on, self.journal) and wanted == found

    def _line(self, leg: DepositLeg) -> Row:
        line: Row = {
            "account": leg.account,
            # Plain zeros: on SQLite Tryton takes 0.00 for something.
            "debit": decimal(leg.booked if leg.booked > 0 else Decimal(0)),
            "credit": decimal(-leg.booked if leg.booked < 0 else Decimal(0)),
            "second_currency": self.currencies[leg.second.currency] if leg.second else None,
            "amount_second_currency": decimal(leg.second.decimal) if leg.second else None,
            "description": leg.label,
        }
        if leg.tax is not None:
            part = {
                "tax": leg.tax.tax,
                "type": leg.tax.kind,
                "amount": decimal(leg.tax.amount),
            }
            line["tax_lines"] = [["create", [part]]]
        return line


def entry_of(move: Move, draft: DepositDraft, company: Company) -> DepositEntry:
    """A posted deposit, by what its lines say."""
    currency = draft.received.currency

    def summed(label: str) -> Money:
        lines = (line.money(company) for line in move.lines if line.description == label)
        return Money.total(lines, currency)

    cleared: dict[str, Money] = {}
    for line in move.lines:
        if (line.description or "").startswith(CLEARED):
            part = -line.money(company)
            cleared[part.currency] = cleared.get(part.currency, Money.zero(part.currency)) + part
    books = company.currency.code
    lost = (Money.of(line.balance, books) for line in move.lines if line.description == CONVERSION)
    return DepositEntry(
        entry_id=str(move.id),
        external_id=external_id(move.external_id, move.description),
        number=move.number,
        posted_on=move.date,
        received=summed(BANK),
        fee=summed(FEES),
        fee_tax=summed(FEE_TAX),
        cleared=tuple(cleared[code] for code in sorted(cleared) if cleared[code]),
        conversion=Money.total(lost, books),
    )
