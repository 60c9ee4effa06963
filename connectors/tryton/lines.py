"""A document's lines as Tryton holds them: written and read by the same few fields. Pure.

What Tryton has no field for stands in the line's description, where people read it: the service
period, which only schedules of deferred revenue have a field for, the discount, and dimensions.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from canonical_models.ledgering import DraftLine
from canonical_models.money import Money
from connectors.tryton.mapping import Amount, Company, Day, Row, Wire, day, decimal

LINE = "account.invoice.line"

#: Tryton keeps prices with four decimals (`price_decimal` of the product module).
_PRICE_DIGITS = 4
_PERIOD = re.compile(r"Service period (\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)")
_DETAIL = re.compile(r"Service period |Discount |Dimension ")


class WireAccount(Wire):
    id: int
    code: str | None = None
    name: str | None = None


class WireProduct(Wire):
    id: int
    code: str | None = None


class WireLine(Wire):
    """`account.invoice.line` as it is read."""

    id: int
    #: What is no `line` says nothing of money.
    type: Literal["line", "subtotal", "title", "comment"]
    product: WireProduct | None = None
    account: WireAccount | None = None
    unit: int | None = None
    quantity: float | None = None
    unit_price: Amount | None = None
    amount: Amount | None = None
    description: str | None = None
    note: str | None = None
    taxes: tuple[int, ...] = ()
    taxes_date: Day | None = None
    origin: str | None = None
    defer_from: Day | None = None
    defer_to: Day | None = None

    @property
    def corrects(self) -> int | None:
        """The id of the invoice line that it corrects."""
        model, _, key = (self.origin or "").partition(",")
        return int(key) if model == LINE and key.isdecimal() else None


_FIELDS = (
    "id",
    "type",
    "product.code",
    "account.code",
    "account.name",
    "unit",
    "quantity",
    "unit_price",
    "amount",
    "description",
    "note",
    "taxes",
    "taxes_date",
    "origin",
)
_DEFERRAL_FIELDS = ("defer_from", "defer_to")


def line_fields(*, deferral: bool) -> tuple[str, ...]:
    """What is read of the lines of a document; the schedule's fields are of an optional module."""
    fields = (*_FIELDS, *(_DEFERRAL_FIELDS if deferral else ()))
    return tuple(f"lines.{field}" for field in fields)


@dataclass(frozen=True)
class Line:
    """What a line is made of; two that are equal are the same line twice.

    `kind` is `line`, or `title` and `comment` for text alone. `corrects` is the id of an invoice
    line. `defer_from` and `defer_to` are both inclusive.
    """

    kind: str
    description: str
    note: str | None = None
    product: int | None = None
    account: int | None = None
    unit: int | None = None
    quantity: float | None = None
    price: Decimal | None = None
    taxes: frozenset[int] = frozenset()
    taxes_date: date | None = None
    corrects: int | None = None
    defer_from: date | None = None
    defer_to: date | None = None

    @classmethod
    def read(cls, wire: WireLine) -> "Line":
        return cls(
            kind=wire.type,
            description=wire.description or "",
            note=wire.note,
            product=wire.product.id if wire.product else None,
            account=wire.account.id if wire.account else None,
            unit=wire.unit,
            quantity=wire.quantity,
            price=wire.unit_price,
            taxes=frozenset(wire.taxes),
            taxes_date=wire.taxes_date,
            corrects=wire.corrects,
            defer_from=wire.defer_from,
            defer_to=wire.defer_to,
        )

    def values(self, company: Company, currency: int) -> Row:
        """For Tryton to create; fields of modules that may be missing are left out when unused."""
        values: Row = {
            "type": self.kind,
            "company": company.id,
            "currency": currency,
            "description": self.description,
            "note": self.note,
        }
        if self.corrects is not None:
            values["origin"] = f"{LINE},{self.corrects}"
        if self.kind != "line":
            return values
        values |= {
            "product": self.product,
            "account": self.account,
            "unit": self.unit,
            "quantity": self.quantity,
            "unit_price": None if self.price is None else decimal(self.price),
            "taxes": [["add", sorted(self.taxes)]],
        }
        if self.taxes_date is not None:
            values["taxes_date"] = day(self.taxes_date)
        if self.defer_from is not None and self.defer_to is not None:
            values |= {"defer_from": day(self.defer_from), "defer_to": day(self.defer_to)}
        return values


def priced(net: Money, quantity: Decimal | None) -> tuple[float, Decimal]:
    """Quantity and price of exactly `net`: billing's quantity where whole units and a price of four
    decimals give it, else one unit. A credit has minus units, as in Tryton's own credit notes.

    A product that only rounds to the net will not do: Tryton taxes what is not rounded.
    """
    units = abs(int(quantity)) if quantity is not None and quantity == int(quantity) else 0
    amount = abs(net).decimal
    if units:
        price = (amount / units).quantize(Decimal(1).scaleb(-_PRICE_DIGITS))
        if price * units == amount:
            return float(units if net.minor >= 0 else -units), price
    return (1.0 if net.minor >= 0 else -1.0), amount


def described(line: DraftLine) -> str:
    """The line's words, and below them what Tryton has no field for."""
    details = []
    if line.service_from and line.service_to:
        details.append(f"Service period {line.service_from} to {line.service_to}")
    if line.discount:
        details.append(f"Discount {line.discount}")
    details += [f"Dimension {name}: {value}" for name, value in sorted(line.dimensions.items())]
    return "\n".join([line.description, *details] if line.description else details)


def words(description: str) -> str:
    """A description without the details below it."""
    said = description.split("\n")
    while len(said) > 1 and _DETAIL.match(said[-1]):
        said.pop()
    return "\n".join(said)


def service_period(wire: WireLine) -> tuple[date, date] | None:
    """First and last day, as deferred, else as described."""
    if wire.defer_from and wire.defer_to:
        return wire.defer_from, wire.defer_to
    for said in reversed((wire.description or "").split("\n")):
        if found := _PERIOD.fullmatch(said):
            return date.fromisoformat(found[1]), date.fromisoformat(found[2])
    return None


def crosses_a_month(first: date, last: date) -> bool:
    """Whether there is anything to defer: what is earned within one month is earned in it."""
    return (first.year, first.month) < (last.year, last.month)
