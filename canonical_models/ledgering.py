"""Money, tax and legal entity as the ERP holds them."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money


class LegalEntity(Canonical):
    code: Identifier
    currency: Currency


class TaxDetermination(Canonical):
    """How the ERP taxes one item for one party: tax codes in the ERP and their combined rate."""

    item: Identifier
    tax_codes: tuple[Identifier, ...]
    #: Combined rate as a fraction: 0.19 for 19 %.
    rate: Decimal = Field(ge=0, le=1)


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


class ItemMapping(Canonical):
    """What a billing item is elsewhere: the ERP item, the features it grants and its support tier.

    `per_unit` features are granted in the subscribed quantity, `included` ones once.
    """

    item: Identifier
    erp_item: Identifier
    per_unit: tuple[Identifier, ...] = ()
    included: tuple[Identifier, ...] = ()
    support_tier: Identifier | None = None
