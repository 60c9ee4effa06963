"""Between Tryton's moves and movements on a customer's account. Pure.

A movement is one move: a line on the bank's or write-off's account, and on the receivable account
one line for each document that it settles and one for the rest. A line says by its `origin` whose
it is: the document's own receivable line. So what is left to settle can be read off the books.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from canonical_models.ledgering import DocumentState, PaymentDraft, PaymentEntry
from canonical_models.money import Money
from connectors.tryton.allocation import Allocation, Claim
from connectors.tryton.client import Row
from connectors.tryton.mapping import Amount, Coded, Company, Wire, day, decimal, document_state

_LINE = "account.move.line"
_LINE_FIELDS = (
    "id",
    "debit",
    "credit",
    "amount_second_currency",
    "second_currency.code",
    "reconciliation",
)

#: What is read of a move that is a movement of ours.
ENTRY_FIELDS = (
    "number",
    "state",
    "description",
    *(f"lines.{name}" for name in _LINE_FIELDS),
    "lines.origin",
    "lines.account.type.receivable",
)

#: What is read of an invoice to settle it.
CLAIM_FIELDS = (
    "number",
    "state",
    "party",
    "account",
    "currency.code",
    "total_amount",
    "amount_to_pay",
    "additional_moves",
    *(f"lines_to_pay.{name}" for name in _LINE_FIELDS),
    *(f"payment_lines.{name}" for name in _LINE_FIELDS),
)


class MoveLine(Wire):
    """`balance` is what the line adds to what the customer owes."""

    id: int
    debit: Amount
    credit: Amount
    amount_second_currency: Amount | None
    second_currency: Coded | None
    reconciliation: int | None

    @property
    def balance(self) -> Decimal:
        """In the currency of the books."""
        return self.debit - self.credit

    def money(self, company: Company) -> Money:
        """In the currency of the deal."""
        if self.second_currency is None or self.amount_second_currency is None:
            return Money.of(self.balance, company.currency.code)
        return Money.of(self.amount_second_currency, self.second_currency.code)


class _Type(Wire):
    receivable: bool


class _Account(Wire):
    id: int
    type: _Type | None


class EntryLine(MoveLine):
    account: _Account
    origin: str | None

    @property
    def receivable(self) -> bool:
        return self.account.type is not None and self.account.type.receivable

    @property
    def settles(self) -> int | None:
        """The receivable line of the document that this line is for."""
        model, _, key = (self.origin or "").partition(",")
        return int(key) if model == _LINE and key.isdecimal() else None


class Move(Wire):
    """A movement as Tryton holds it."""

    id: int
    number: str | None
    state: str
    description: str | None
    lines: tuple[EntryLine, ...]

    @property
    def posted(self) -> bool:
        return self.state == "posted"

    @property
    def claims(self) -> tuple[EntryLine, ...]:
        """The lines on the receivable account that move something."""
        return tuple(
            line
            for line in self.lines
            if line.receivable and (line.debit or line.credit or line.amount_second_currency)
        )

    def amount(self, company: Company) -> Money:
        """Positive where it reduces what the customer owes."""
        parts = [line.money(company) for line in self.claims]
        currency = parts[0].currency if parts else company.currency.code
        return -Money.total(parts, currency)

    def entry(self, legal_entity: str, company: Company) -> PaymentEntry:
        return PaymentEntry(
            entry_id=str(self.id),
            legal_entity=legal_entity,
            reference=self.description or "",
            number=self.number,
            amount=self.amount(company),
        )


class Receivable(Wire):
    """A document as far as it is settled, with its lines on the receivable account."""

    id: int
    number: str | None
    state: str
    party: int
    account: int
    currency: Coded
    total_amount: Amount
    amount_to_pay: Amount
    additional_moves: tuple[int, ...]
    lines_to_pay: tuple[MoveLine, ...]
    payment_lines: tuple[MoveLine, ...]

    @property
    def settleable(self) -> bool:
        state = document_state(self.state, self.id)
        return state in (DocumentState.POSTED, DocumentState.PAID) and bool(self.lines_to_pay)

    @property
    def total(self) -> Money:
        return Money.of(self.total_amount, self.currency.code)

    @property
    def open(self) -> Money:
        return Money.of(self.amount_to_pay, self.currency.code)

    @property
    def claim(self) -> Claim:
        """A document that was overpaid by hand asks for nothing."""
        total, left = self.total.minor, self.open.minor
        return Claim(str(self.id), total, left if left * total > 0 else 0)

    def reopened_by(self, line: MoveLine, company: Company) -> bool:
        """Whether the line goes against the document's settlement, not towards it."""
        return line.money(company).minor * self.total.minor > 0

    def payable_by(self, line: MoveLine, company: Company) -> bool:
        """Whether the line is a payment that is not registered and that the document can take."""
        part = line.money(company)
        registered = any(known.id == line.id for known in self.payment_lines)
        return (
            not registered
            and part.minor * self.open.minor < 0
            and abs(part) <= abs(self.open)
            and self.state == "posted"
        )

    @property
    def loose(self) -> tuple[MoveLine, ...]:
        """The document's lines, and payments of it, that are not reconciled."""
        lines = (*self.lines_to_pay, *self.payment_lines)
        return tuple(line for line in lines if line.reconciliation is None)

    def balanced(self, company: Company) -> bool:
        """Whether what is loose sums to zero in the currency of the document."""
        parts = [line.money(company) for line in self.loose]
        same = all(part.currency == self.currency.code for part in parts)
        return bool(parts) and same and not Money.total(parts, self.currency.code)


@dataclass(frozen=True)
class Side:
    """The other side of movements: a journal, and its accounts for money in and out."""

    journal: int
    debit_account: int
    credit_account: int


@dataclass(frozen=True)
class Terms:
    """What a move needs, by Tryton's ids."""

    company: Company
    party: int
    receivable: int
    period: int
    currency: int
    side: Side

    def foreign(self, draft: PaymentDraft) -> bool:
        return draft.amount.currency != self.company.currency.code


def parts(allocation: Allocation) -> tuple[int, ...]:
    """The amounts of the lines on the receivable account, in minor units."""
    rest = (allocation.rest,) if allocation.rest else ()
    return (*(share.amount for share in allocation.shares), *rest)


def move_values(
    draft: PaymentDraft,
    terms: Terms,
    allocation: Allocation,
    documents: Mapping[str, Receivable],
    converted: Sequence[Decimal],
) -> Row:
    """A move to create. `converted` are the `parts` in major units of the books' currency."""
    line = _line_maker(draft, terms)
    due = {"party": terms.party, "maturity_date": day(draft.value_date)}
    lines: list[Row] = []
    reopens = False
    for share, booked in zip(allocation.shares, converted, strict=False):
        document = documents[share.key]
        origin = {"origin": f"{_LINE},{document.lines_to_pay[0].id}"}
        lines.append(line(document.account, -booked, -share.amount, {**due, **origin}))
        reopens = reopens or share.amount * document.total.minor < 0
    if allocation.rest:
        lines.append(line(terms.receivable, -converted[-1], -allocation.rest, due))
    if draft.amount:
        booked = sum(converted, Decimal(0))
        side = terms.side.debit_account if draft.amount.minor > 0 else terms.side.credit_account
        lines.append(line(side, booked, draft.amount.minor, {}))
    if reopens:
        # Posting reconciles a line of nothing at once, and that makes Tryton look again whether
        # the documents of the move are paid. To ask for that by name takes an administrator.
        nothing = {
            "party": terms.party,
            "debit": decimal(Decimal(0)),
            "credit": decimal(Decimal(0)),
        }
        lines.append({"account": terms.receivable, **nothing})
    return {
        "company": terms.company.id,
        "journal": terms.side.journal,
        "period": terms.period,
        "date": day(draft.value_date),
        "description": draft.reference,
        "lines": [["create", lines]],
    }


def _line_maker(draft: PaymentDraft, terms: Terms) -> Callable[[int, Decimal, int, Row], Row]:
    foreign = terms.foreign(draft)

    def line(account: int, booked: Decimal, minor: int, more: Row) -> Row:
        second = Money(minor=minor, currency=draft.amount.currency)
        return {
            "account": account,
            "debit": decimal(max(booked, Decimal(0))),
            "credit": decimal(max(-booked, Decimal(0))),
            "second_currency": terms.currency if foreign else None,
            "amount_second_currency": decimal(second.decimal) if foreign else None,
            **more,
        }

    return line
