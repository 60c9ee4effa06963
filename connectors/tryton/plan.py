"""A move as it should be booked, and whether a draft is that. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.money import Money
from connectors.tryton.client import Row
from connectors.tryton.entries import LINE, Move
from connectors.tryton.mapping import Company, day, decimal


@dataclass(frozen=True)
class Leg:
    """A line to book. `minor` is in minor units of the deal, debit positive. `party` is given on
    the receivable account alone, `settles` is the line that it is for."""

    account: int
    minor: int
    label: str = ""
    party: int | None = None
    settles: int | None = None


@dataclass(frozen=True)
class Plan:
    """A move as it should be, by Tryton's ids. `booked` are the legs in the currency of the books;
    `second` is the currency of the deal where it is another."""

    reference: str
    description: str
    company: Company
    journal: int
    period: int
    on: date
    matures: date
    currency: str
    second: int | None
    legs: tuple[Leg, ...]
    booked: tuple[Decimal, ...]

    def values(self, *, with_external_id: bool) -> Row:
        """To create it."""
        lines = [self._line(leg, booked) for leg, booked in self._pairs()]
        return {
            "company": self.company.id,
            "journal": self.journal,
            "period": self.period,
            "date": day(self.on),
            "description": self.description,
            **({"external_id": self.reference} if with_external_id else {}),
            "lines": [["create", lines]],
        }

    def says(self, move: Move) -> bool:
        """Whether a draft is this, to the last line."""
        wanted = sorted(
            (leg.account, booked, self._second(leg), leg.party or 0, leg.settles or 0, leg.label)
            for leg, booked in self._pairs()
        )
        found = sorted(
            (
                line.account.id,
                line.balance,
                line.amount_second_currency or Decimal(0),
                line.party or 0,
                line.settles or 0,
                line.description or "",
            )
            for line in move.lines
        )
        return (move.date, move.journal) == (self.on, self.journal) and wanted == found

    def _pairs(self) -> list[tuple[Leg, Decimal]]:
        return list(zip(self.legs, self.booked, strict=True))

    def _second(self, leg: Leg) -> Decimal:
        return self._money(leg) if self.second else Decimal(0)

    def _money(self, leg: Leg) -> Decimal:
        return Money(minor=leg.minor, currency=self.currency).decimal

    def _line(self, leg: Leg, booked: Decimal) -> Row:
        second = self.second if leg.minor else None
        line: Row = {
            "account": leg.account,
            # Plain zeros: on SQLite Tryton takes 0.00 for something.
            "debit": decimal(booked if booked > 0 else Decimal(0)),
            "credit": decimal(-booked if booked < 0 else Decimal(0)),
            "second_currency": second,
            "amount_second_currency": decimal(self._money(leg)) if second else None,
            "description": leg.label or None,
        }
        if leg.party is not None:
            line["party"] = leg.party
            line["maturity_date"] = day(self.matures) if leg.minor else None
        if leg.settles is not None:
            line["origin"] = f"{LINE},{leg.settles}"
        return line


def balancing(converted: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """All legs in the currency of the books, by those of all but the last: it takes the rest, so
    that the move balances to the unit whatever was rounded."""
    return (*converted, -sum(converted, Decimal(0)))
