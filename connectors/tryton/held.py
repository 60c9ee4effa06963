"""A document as Tryton holds it: what is read of one, by Tryton's own ids. Pure."""

from datetime import date
from decimal import Decimal
from typing import Literal

from canonical_models.documents import DocumentKind
from canonical_models.failures import ContractDrift
from canonical_models.money import Money
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import Features
from connectors.tryton.lines import WireLine, line_fields
from connectors.tryton.mapping import Amount, Day, State, Wire, to_pay

INVOICE = "account.invoice"

_FIELDS = (
    "number",
    "reference",
    "state",
    "sequence_type_cache",
    "invoice_date",
    "accounting_date",
    "payment_term",
    "payment_term_date",
    "party.code",
    "invoice_address",
    "party_tax_identifier",
    "currency.code",
    "account",
    "journal",
    "description",
    "comment",
    "untaxed_amount",
    "tax_amount",
    "total_amount",
    "amount_to_pay",
    "move.date",
    "move.period.name",
    "cancel_move",
    "company",
    "create_uid.login",
    "lines_to_pay.maturity_date",
    "lines_to_pay.reconciliation",
    "taxes.tax",
    "taxes.base",
    "taxes.amount",
    "taxes.manual",
    "taxes.account",
    "_timestamp",
)


class _Party(Wire):
    id: int
    code: str


class _Currency(Wire):
    id: int
    code: str


class _Period(Wire):
    name: str


class _Move(Wire):
    id: int
    date: Day
    period: _Period


class _User(Wire):
    login: str


class DueLine(Wire):
    """A line of the party's account that a document asks to be paid."""

    id: int
    maturity_date: Day | None
    reconciliation: int | None


class WireTax(Wire):
    id: int
    tax: int | None
    base: Amount
    amount: Amount
    manual: bool
    account: int


class Held(Wire):
    """`account.invoice` as it is read, by Tryton's ids."""

    id: int
    number: str | None
    reference: str | None
    external_id: str | None = None
    external_number: str | None = None
    state: State
    sequence_type_cache: Literal["invoice", "credit_note"] | None
    invoice_date: Day | None
    accounting_date: Day | None
    payment_term: int | None
    payment_term_date: Day | None
    company: int
    party: _Party
    invoice_address: int
    party_tax_identifier: int | None
    currency: _Currency
    account: int
    journal: int | None
    agent: int | None = None
    description: str | None
    comment: str | None
    untaxed_amount: Amount
    tax_amount: Amount
    total_amount: Amount
    amount_to_pay: Amount | None
    move: _Move | None
    cancel_move: int | None
    create_uid: _User | None
    lines_to_pay: tuple[DueLine, ...]
    taxes: tuple[WireTax, ...]
    lines: tuple[WireLine, ...]
    timestamp: str

    @property
    def draft(self) -> bool:
        return self.state in ("draft", "validated")

    @property
    def booked(self) -> bool:
        """Whether it was posted once, even if a credit note with refund cancelled it since."""
        return self.state in ("posted", "paid") or (
            self.state == "cancelled" and self.move is not None
        )

    @property
    def charges(self) -> tuple[WireLine, ...]:
        """The lines that are about money."""
        return tuple(line for line in self.lines if line.type == "line")

    def money(self, amount: Decimal) -> Money:
        return Money.of(amount, self.currency.code)

    def net(self, line: WireLine) -> Money:
        """Raises ContractDrift for a line of `charges` without an amount."""
        if line.amount is None:
            raise ContractDrift(
                f"line {line.id} of the ERP's invoice {self.id} has no amount",
                system=SYSTEM,
                payload_path="$.lines.amount",
            )
        return self.money(line.amount)

    @property
    def open(self) -> Money:
        return to_pay(self.amount_to_pay, self.state, self.currency.code, self.id)

    @property
    def gross(self) -> Money:
        return self.money(self.total_amount)

    def tax_sums(self) -> dict[int, tuple[Decimal, Decimal]]:
        """Base and amount of each tax, over all its rows."""
        sums: dict[int, tuple[Decimal, Decimal]] = {}
        for row in self.taxes:
            key = row.tax or 0
            base, amount = sums.get(key, (Decimal(0), Decimal(0)))
            sums[key] = (base + row.base, amount + row.amount)
        return sums

    @property
    def due_on(self) -> date | None:
        """The earliest day of what is not settled, else of all; of a draft what will be."""
        loose = [line for line in self.lines_to_pay if line.reconciliation is None]
        days = [line.maturity_date for line in loose or self.lines_to_pay if line.maturity_date]
        return min(days, default=self.payment_term_date)

    @property
    def kind(self) -> DocumentKind:
        """As Tryton numbers it: nothing but credits, and less than nothing in all."""
        credit = self.sequence_type_cache == "credit_note"
        if self.sequence_type_cache is None and self.total_amount < 0:
            credit = all(self.net(line).minor <= 0 for line in self.charges)
        return DocumentKind.CREDIT_NOTE if credit else DocumentKind.INVOICE

    @property
    def rounding(self) -> Money | None:
        """The sum of tax rows without a base, which say what billing rounds otherwise."""
        rows = [row.amount for row in self.taxes if row.manual and not row.base]
        return self.money(sum(rows, Decimal(0))) if rows else None


def fields(features: Features) -> tuple[str, ...]:
    """What is read of a document; some are of optional modules."""
    external = ("external_id", "external_number") if features.external_ids else ()
    agent = ("agent",) if features.agents else ()
    return (*_FIELDS, *external, *agent, *line_fields(deferral=features.deferral))
