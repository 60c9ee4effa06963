"""What billing has issued, what it has not billed yet, and what settles it.

A document is an invoice or a credit note that billing has made final: drafts and previews are no
documents. All amounts of a document have its sign: an invoice of a negative total and a credit note
are negative, so that documents, settlements and what is open simply add up.
"""

import hashlib
import json
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money


class PostalAddress(Canonical):
    lines: tuple[str, ...] = ()
    postal_code: str | None = None
    city: str | None = None
    #: ISO 3166-1 alpha-2.
    country: str | None = Field(default=None, min_length=2, max_length=2)


class TaxId(Canonical):
    """`kind` is `eu_vat` or another registry's name in billing's words; `value` as it was given.
    `verified` is what billing's own check has found; None where there was none."""

    kind: Identifier
    value: str = Field(min_length=1, max_length=60)
    country: str | None = Field(default=None, min_length=2, max_length=2)
    verified: bool | None = None


class TaxStatus(StrEnum):
    """How billing taxes a customer as a whole."""

    TAXED = "taxed"
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"


class BilledParty(Canonical):
    """Whom a document names. Personal data: read when it is needed, never kept by us."""

    name: str | None = Field(default=None, max_length=255)
    email: str | None = Field(default=None, max_length=320)
    address: PostalAddress = PostalAddress()
    tax_ids: tuple[TaxId, ...] = ()
    tax_status: TaxStatus = TaxStatus.TAXED

    @property
    def digest(self) -> str:
        """SHA-256 of what the ERP's party is made of, so that a change is noticed without keeping
        what it was. Billing's check of a tax id and the email address are no part of it."""
        said = {
            "name": self.name,
            "address": self.address.model_dump(),
            "tax_ids": sorted((tax_id.kind, tax_id.value) for tax_id in self.tax_ids),
            "tax_status": self.tax_status.value,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class LineTax(Canonical):
    """One tax of a line as billing computed it. `rate` is a fraction, 0.19 for 19 %; None where
    billing does not say. `kind`, `country` and `reason` are lower case words such as `vat`, `de`
    and `reverse_charge`; `code` is billing's own name of the rate."""

    amount: Money
    rate: Decimal | None = Field(default=None, ge=0, le=1)
    inclusive: bool = False
    kind: str | None = Field(default=None, max_length=40)
    country: str | None = Field(default=None, max_length=2)
    reason: str | None = Field(default=None, max_length=60)
    code: Identifier | None = None


class BillingLine(Canonical):
    """One amount that billing charges or credits.

    `net` is without tax and after `discount`. `taxes` is empty where billing taxes nothing, and
    None where it has not decided yet, which only happens to what is not billed. `period_end` is
    exclusive. `item` is the product that is sold and `price` its price, by billing's ids.
    """

    line_id: Identifier
    item: Identifier
    price: Identifier | None = None
    description: str = Field(default="", max_length=500)
    #: Units as billing counts them, for people; None where it counts nothing.
    quantity: Decimal | None = None
    net: Money
    #: What was taken off before tax; as positive as the line is.
    discount: Money | None = None
    taxes: tuple[LineTax, ...] | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    proration: bool = False
    subscription_id: Identifier | None = None
    #: The subscription item that is charged; None for a bare amount.
    item_id: Identifier | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    #: Of a credit note: the line of the corrected document.
    corrects: Identifier | None = None

    @property
    def tax(self) -> Money | None:
        """None while it is not decided."""
        if self.taxes is None:
            return None
        return Money.total((tax.amount for tax in self.taxes), self.net.currency)


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class DocumentStatus(StrEnum):
    """Of credit notes ISSUED and VOID, of invoices the others."""

    ISSUED = "issued"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class SettlementKind(StrEnum):
    """How a debt becomes smaller or larger without a line.

    | kind | what stands against the customer's account |
    |---|---|
    | payment, refund, dispute, dispute_won | the money that billing collects |
    | paid_elsewhere | money that reached us past billing |
    | balance | the customer's balance, kept on account |
    | goodwill | an expense: balance that was given or taken without a document |
    | credit_note | the credit note or the document that it is set off against |
    | write_off | bad debt |
    """

    PAYMENT = "payment"
    PAID_ELSEWHERE = "paid_elsewhere"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    BALANCE = "balance"
    GOODWILL = "goodwill"
    CREDIT_NOTE = "credit_note"
    WRITE_OFF = "write_off"


class Settlement(Canonical):
    """One movement, identified for good by `settlement_id`.

    `amount` is signed: positive reduces what the customer owes us. `document_id` is the document
    that it settles; None for what stands on the account alone, such as goodwill, and a refund or
    dispute that no credit note answers: billing leaves its invoice paid, so it is a debt of its
    own. `about` then names the document that it is about. `against` is the other document of
    a set-off.
    """

    settlement_id: Identifier
    kind: SettlementKind
    document_id: Identifier | None = None
    about: Identifier | None = None
    against: Identifier | None = None
    amount: Money
    at: Instant
    note: str | None = Field(default=None, max_length=200)

    @property
    def balance_minor(self) -> int:
        """By how much it raises the balance that is kept for the customer, in minor units: what a
        document uses lowers it, money without any document raises it as goodwill does."""
        match self.kind:
            case SettlementKind.BALANCE:
                return -self.amount.minor
            case SettlementKind.GOODWILL:
                return self.amount.minor
            case SettlementKind.PAYMENT if self.document_id is None and self.about is None:
                return self.amount.minor
            case _:
                return 0


class BillingDocument(Canonical):
    """A final document of billing, whole.

    `gross` is what the customer owes by it, `remaining` what of that billing still waits for.
    `corrects` is the document that a credit note corrects. `closed_at` is when it became void or
    uncollectible. `overdue_since` is when the first charge was refused, or the due date once it
    has passed; None while all is in order. `bill_to` is None where we keep the document.
    """

    document_id: Identifier
    kind: DocumentKind
    status: DocumentStatus
    number: str | None = Field(default=None, max_length=255)
    customer_id: Identifier
    currency: Currency
    issued_at: Instant
    due_at: Instant | None = None
    closed_at: Instant | None = None
    overdue_since: Instant | None = None
    corrects: Identifier | None = None
    #: The subscription that billing made it for, whatever its lines are.
    made_for: Identifier | None = None
    bill_to: BilledParty | None = None
    lines: tuple[BillingLine, ...]
    net: Money
    tax: Money
    gross: Money
    remaining: Money
    settlements: tuple[Settlement, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    purchase_order: str | None = Field(default=None, max_length=140)
    #: Where people see it at billing, and its PDF.
    url: str | None = Field(default=None, max_length=2000)
    pdf_url: str | None = Field(default=None, max_length=2000)

    @property
    def subscription_id(self) -> str | None:
        """Whose it is, decided by the document alone: that subscription which all lines name; None
        for the customer's account."""
        named = {line.subscription_id for line in self.lines}
        return named.pop() if len(named) == 1 else None

    @property
    def owed(self) -> bool:
        """Whether billing still waits for its money."""
        return self.status is DocumentStatus.OPEN and self.remaining.minor > 0

    @property
    def void(self) -> bool:
        return self.status is DocumentStatus.VOID

    @property
    def content(self) -> str:
        """SHA-256 of what was issued: all but how it is settled. An approval is bound to it, and
        a final document of which it changes is a question."""
        return _digest(
            self,
            exclude={
                "status": True,
                "remaining": True,
                "settlements": True,
                "closed_at": True,
                "overdue_since": True,
                "due_at": True,
                "metadata": True,
                "url": True,
                "pdf_url": True,
                "bill_to": True,
                "lines": {"__all__": {"metadata"}},
            },
        )

    @property
    def approval(self) -> str:
        """What a person's yes is bound to: what was issued, and whether it is to be booked or, as
        it is void, taken back."""
        return f"{self.content}/void" if self.void else self.content

    def kept(self) -> Self:
        """Without personal data, for our tables."""
        return self.model_copy(update={"bill_to": None})


class Untold(Canonical):
    """Why a final document cannot be told whole: a rejection code, and what it is in words."""

    code: str = Field(max_length=60)
    message: str = Field(max_length=2000)


class Unbilled(Canonical):
    """What billing has not made final: pending items and the lines of draft invoices.

    It is a set that is replaced as a whole. Its amounts are predictions; nothing is booked of it.
    """

    lines: tuple[BillingLine, ...] = ()
    #: When billing will invoice it, as far as it says.
    expected_on: date | None = None

    def total(self, currency: str) -> Money:
        return Money.total((line.net for line in self.lines), currency)


def _digest(value: Canonical, *, exclude: Any = None) -> str:
    return hashlib.sha256(value.model_dump_json(exclude=exclude).encode()).hexdigest()
