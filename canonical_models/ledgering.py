"""Money, tax and legal entity as the ERP holds them."""

import hashlib
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money
from canonical_models.term import TimeZone


class LegalEntity(Canonical):
    code: Identifier
    currency: Currency


class TaxDetermination(Canonical):
    """How the ERP taxes one item for one party: tax codes in the ERP and their combined rate."""

    item: Identifier
    tax_codes: tuple[Identifier, ...]
    #: Combined rate as a fraction: 0.19 for 19 %.
    rate: Decimal = Field(ge=0, le=1)


class CarriedLine(Canonical):
    """A billing line that a document carries already: `item` is the ERP's, `invoice_id` the
    invoice that billing asks it with, None while it waits for one."""

    line_id: Identifier
    item: Identifier | None
    net: Money
    invoice_id: Identifier | None


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_MEMO = "credit_memo"


class DocumentState(StrEnum):
    DRAFT = "draft"
    POSTED = "posted"
    PAID = "paid"
    CANCELLED = "cancelled"


class DocumentLine(Canonical):
    """`item` is the ERP's item code. `net` is signed: credits are negative on an invoice too."""

    line_id: Identifier
    item: Identifier
    description: str = Field(max_length=500)
    net: Money


class DocumentDraft(Canonical):
    """A document to post. `reference` is ours and unique to the effect; the ERP is probed by it.

    Lines are signed; a negative total makes the document a credit memo.
    """

    reference: Identifier
    legal_entity: Identifier
    party: Identifier
    currency: Currency
    posting_date: date
    lines: tuple[DocumentLine, ...] = Field(min_length=1)

    @property
    def net(self) -> Money:
        return Money.total((line.net for line in self.lines), self.currency)

    @property
    def kind(self) -> DocumentKind:
        return DocumentKind.CREDIT_MEMO if self.net.minor < 0 else DocumentKind.INVOICE

    @property
    def substance(self) -> str:
        """SHA-256 of all that the document says but its date; an approval is bound to it."""
        told = self.model_dump_json(exclude={"posting_date"})
        return hashlib.sha256(told.encode()).hexdigest()


class Document(Canonical):
    """A document as the ERP holds it. `number` is set once it is posted."""

    document_id: Identifier
    legal_entity: Identifier
    reference: str
    number: str | None = None
    kind: DocumentKind
    state: DocumentState
    net: Money
    tax: Money
    #: The document that this one reverses, when the ERP says so.
    reverses: Identifier | None = None
    url: str | None = None

    @property
    def total(self) -> Money:
        return self.net + self.tax


class DocumentStanding(Canonical):
    """Where a posted document stands with the customer, as the ERP says now.

    `open` is what of `total` (tax included) is not settled yet, with the total's sign.
    """

    document_id: Identifier
    number: str | None
    state: DocumentState
    #: Whether it has gone out to the customer; None where the ERP does not keep that.
    sent: bool | None = None
    issued_on: date | None
    due_on: date | None
    total: Money
    open: Money


class EntryKind(StrEnum):
    """What a movement on a customer's account is; it decides the account on the other side."""

    RECEIPT = "receipt"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    WRITE_OFF = "write_off"


class PaymentDraft(Canonical):
    """A movement to enter on a customer's account. `reference` is ours and unique to it.

    `amount` is positive where it reduces what the customer owes. `documents` are the documents
    that it settles, in order; what is left over stays on the account.
    """

    reference: Identifier
    kind: EntryKind
    legal_entity: Identifier
    party: Identifier
    amount: Money
    value_date: date
    documents: tuple[Identifier, ...] = ()


class PaymentEntry(Canonical):
    """A movement as the ERP holds it, posted."""

    entry_id: Identifier
    legal_entity: Identifier
    reference: str
    number: str | None = None
    amount: Money
    url: str | None = None


class PartyMatch(Canonical):
    """A party of the ERP that may be a billing customer. `by` says what agrees: `external_id`,
    `tax_id` or `name`."""

    party: Identifier
    by: str = Field(max_length=40)
    active: bool = True


class LedgerQuestion(Canonical):
    """What preflight asks of the ERP before anything is changed."""

    legal_entity: Identifier
    party: Identifier
    currency: Currency
    posting_date: date
    items: tuple[Identifier, ...]


class LedgerAnswer(Canonical):
    """The ERP's word that the documents of a LedgerQuestion will post."""

    legal_entity: LegalEntity
    taxes: tuple[TaxDetermination, ...]


class AccountMapping(Canonical):
    """Billing customer = ERP party = support organisation, valid from `valid_from` on."""

    billing_customer: Identifier
    erp_party: Identifier
    support_organization: Identifier
    legal_entity: Identifier
    valid_from: Instant | None = None
    #: Where the contract was signed; the tenant's own zone where it is None.
    time_zone: TimeZone | None = None


class ItemMapping(Canonical):
    """What a billing item is elsewhere: the ERP item, the features it grants and its support tier.

    `per_unit` features are granted in the subscribed quantity, `included` ones once.
    """

    item: Identifier
    erp_item: Identifier
    per_unit: tuple[Identifier, ...] = ()
    included: tuple[Identifier, ...] = ()
    support_tier: Identifier | None = None
