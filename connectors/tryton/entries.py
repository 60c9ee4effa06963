"""Between Tryton's moves and movements on a customer's account. Pure.

A movement is one move. On the receivable account it has a line for the document that it settles and
one for what stays on the account; a line says by its `origin` whose it is, the document's own
receivable line, so what is left to do can be read off the books. Its description says what it is:
three of them are words that we read again (`BALANCE`, `SET_OFF`, `RECOVERED`).
"""

from decimal import Decimal
from typing import Literal

from canonical_models.documents import SettlementKind
from canonical_models.ledgering import DocumentState, SettlementDraft, SettlementEntry
from canonical_models.money import Money
from connectors.tryton.allocation import Claim
from connectors.tryton.mapping import (
    STATES,
    Amount,
    Coded,
    Company,
    Day,
    State,
    Wire,
)
from connectors.tryton.references import literal

LINE = "account.move.line"

#: What stands on the customer's balance: legs of one party that sum to zero settle each other.
BALANCE = "customer balance"
#: The other document of a set-off.
SET_OFF = "set-off"
#: Money for what was written off: credited to bad debt, where the loss was booked.
RECOVERED = "bad debt recovered"

_VALUE_DATE = ", value date "

LINE_FIELDS = (
    "id",
    "debit",
    "credit",
    "amount_second_currency",
    "second_currency.code",
    "reconciliation",
    "account.id",
    "date",
)

#: What is read of a move that is a movement of ours.
ENTRY_FIELDS = (
    "number",
    "state",
    "date",
    "journal",
    "description",
    "create_uid.login",
    *(f"lines.{name}" for name in LINE_FIELDS),
    "lines.party",
    "lines.origin",
    "lines.description",
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
    *(f"lines_to_pay.{name}" for name in LINE_FIELDS),
    *(f"payment_lines.{name}" for name in LINE_FIELDS),
)


class Keyed(Wire):
    id: int


class MoveLine(Wire):
    """`balance` is what the line adds to what the customer owes."""

    id: int
    debit: Amount
    credit: Amount
    amount_second_currency: Amount | None
    second_currency: Coded | None
    reconciliation: int | None
    account: Keyed
    date: Day

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


class _Account(Keyed):
    type: _Type | None


class EntryLine(MoveLine):
    account: _Account
    party: int | None
    origin: str | None
    description: str | None

    @property
    def receivable(self) -> bool:
        return self.account.type is not None and self.account.type.receivable

    @property
    def settles(self) -> int | None:
        """The receivable line that this one is for."""
        model, _, key = (self.origin or "").partition(",")
        return int(key) if model == LINE and key.isdecimal() else None


class _Maker(Wire):
    login: str


class Move(Wire):
    """A movement as Tryton holds it. `external_id` is there with the optional module alone."""

    id: int
    number: str | None
    state: Literal["draft", "posted"]
    date: Day
    journal: int
    description: str | None
    external_id: str | None = None
    create_uid: _Maker | None = None
    lines: tuple[EntryLine, ...]

    @property
    def posted(self) -> bool:
        return self.state == "posted"

    def counts(self, login: str) -> bool:
        """Whether it may be the movement: posted by anybody, or a draft of our own user, for people
        copy moves with all that they say."""
        return self.posted or (self.create_uid is not None and self.create_uid.login == login)

    @property
    def claims(self) -> tuple[EntryLine, ...]:
        """The lines on the receivable account that move something."""
        return tuple(
            line
            for line in self.lines
            if line.receivable and (line.debit or line.credit or line.amount_second_currency)
        )

    @property
    def named(self) -> tuple[int, ...]:
        """The receivable lines that it is for."""
        return tuple(line.settles for line in self.claims if line.settles is not None)

    @property
    def party(self) -> int | None:
        """Whose account it is on; None for what touches none, such as bad debt recovered."""
        return next((line.party for line in self.claims), None)

    def amount(self, company: Company) -> Money:
        """Positive where it reduces what the customer owes."""
        own = [line for line in self.claims if line.description not in (BALANCE, SET_OFF)]
        recovered = [line for line in self.lines if _says(line, RECOVERED)]
        parts = [line.money(company) for line in own or self.claims or recovered]
        currency = parts[0].currency if parts else company.currency.code
        return -Money.total(parts, currency)

    def entry(self, legal_entity: str, company: Company) -> SettlementEntry:
        return SettlementEntry(
            entry_id=str(self.id),
            legal_entity=legal_entity,
            external_id=external_id(self.external_id, self.description),
            number=self.number,
            amount=self.amount(company),
            posted_on=self.date,
        )


class Receivable(Wire):
    """A document as far as it is settled, with its lines on the receivable account."""

    id: int
    number: str | None
    state: State
    party: int
    account: int
    currency: Coded
    total_amount: Amount
    amount_to_pay: Amount
    additional_moves: tuple[int, ...]
    lines_to_pay: tuple[MoveLine, ...]
    payment_lines: tuple[MoveLine, ...]

    @property
    def name(self) -> str:
        """For people."""
        return self.number or str(self.id)

    @property
    def standing(self) -> DocumentState:
        return STATES[self.state]

    @property
    def live(self) -> bool:
        return self.standing in (DocumentState.POSTED, DocumentState.PAID)

    @property
    def total(self) -> Money:
        return Money.of(self.total_amount, self.currency.code)

    @property
    def open(self) -> Money:
        return Money.of(self.amount_to_pay, self.currency.code)

    @property
    def claim(self) -> Claim:
        return Claim(total=self.total.minor, open=self.open.minor)

    @property
    def line(self) -> int:
        """The receivable line by which movements name the document."""
        return self.lines_to_pay[0].id

    @property
    def loose(self) -> tuple[MoveLine, ...]:
        """The document's lines, and payments of it, that are not reconciled."""
        lines = (*self.lines_to_pay, *self.payment_lines)
        return tuple(line for line in lines if line.reconciliation is None)

    def has(self, line: MoveLine) -> bool:
        """Whether the line is counted: registered as a payment, or reconciled with it."""
        known = {own.id for own in (*self.lines_to_pay, *self.payment_lines)}
        settled = {own.reconciliation for own in self.lines_to_pay} - {None}
        return line.id in known or line.reconciliation in settled

    def paid_by(self, line: MoveLine, company: Company) -> bool:
        """Whether the line goes towards the document, and no further than what is open."""
        part = line.money(company)
        return part.minor * self.open.minor < 0 and abs(part) <= abs(self.open)

    def balanced(self, company: Company) -> bool:
        """Whether what is loose sums to zero in the currency of the document."""
        parts = [line.money(company) for line in self.loose]
        same = all(part.currency == self.currency.code for part in parts)
        return bool(parts) and same and not Money.total(parts, self.currency.code)


def description_of(draft: SettlementDraft) -> str:
    """The reference; and the true date where the books take another."""
    if draft.value_date == draft.posting_date:
        return draft.external_id
    return f"{draft.external_id}{_VALUE_DATE}{draft.value_date.isoformat()}"


def described(reference: str) -> list[object]:
    """The domain of descriptions that carry the reference."""
    return [
        "OR",
        ["description", "=", reference],
        ["description", "like", f"{literal(reference)}{_VALUE_DATE}%"],
    ]


def external_id(unique: str | None, description: str | None) -> str:
    """Our reference; empty on what people have booked, which they describe in words."""
    said = unique or (description or "").partition(_VALUE_DATE)[0]
    return "" if any(sign.isspace() for sign in said) else said


def what(draft: SettlementDraft) -> str:
    """The movement as messages name it."""
    return f"{draft.kind.value.replace('_', ' ')} {draft.external_id}"


def label_of(draft: SettlementDraft) -> str:
    """What people read on a line. A dispute and its end say the same, for they end each other."""
    kind = draft.kind
    if kind is SettlementKind.DISPUTE_WON:
        kind = SettlementKind.DISPUTE
    return " ".join(filter(None, (kind.value.replace("_", " "), draft.about)))


def _says(line: EntryLine, label: str) -> bool:
    return (line.description or "").startswith(label)
