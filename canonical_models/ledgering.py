"""Money, tax and legal entity as the ERP holds them: what it is asked, told, and says.

Amounts of documents are signed as in `documents`: credits are negative. Dates are calendar days in
the legal entity's zone.
"""

import hashlib
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.documents import BilledParty, DocumentKind, SettlementKind
from canonical_models.money import Currency, Money

#: What each line of a document may add to the time that an ERP takes for it: to how long its step
#: has, and to how long what was sent may still be carried out.
SECONDS_A_LINE = 1.0


class LegalEntity(Canonical):
    code: Identifier
    currency: Currency


class TaxCode(Canonical):
    """A tax of the ERP. `code` is what finance calls it there; `rate` is a fraction."""

    code: str = Field(min_length=1, max_length=120)
    rate: Decimal = Field(ge=0, le=1)


class ItemTerms(Canonical):
    """How the ERP would invoice one of its items to the party: revenue account and taxes, by its
    own rules. `deferrable` is whether it spreads what the item earns over service periods."""

    item: Identifier
    account: str = Field(max_length=120)
    taxes: tuple[TaxCode, ...]
    deferrable: bool = False

    @property
    def rate(self) -> Decimal:
        return sum((tax.rate for tax in self.taxes), Decimal(0))


class LedgerQuestion(Canonical):
    """What is asked before anything is changed: whether documents of this kind will post.

    `on` is the day that they should be booked on. `closed_period` says what a closed one means:
    a Rejection (period_closed), or the first open day after it.
    """

    legal_entity: Identifier
    party: Identifier
    currency: Currency
    on: date
    items: tuple[Identifier, ...]
    #: Tax codes by the ERP's names that the caller wants the rates of, besides those of the items.
    tax_codes: tuple[str, ...] = ()
    closed_period: Literal["ask", "first_open_day"] = "ask"


class LedgerAnswer(Canonical):
    """`posting_date` is the day that the books take, `taxes` the codes that were asked for."""

    legal_entity: LegalEntity
    posting_date: date
    items: tuple[ItemTerms, ...]
    taxes: tuple[TaxCode, ...] = ()


class DraftLine(Canonical):
    """`item` is the ERP's. `net` is signed. `tax_codes` None leaves them to the ERP's own rules.
    `service_to` is the last day, inclusive; None for what has no service period. `corrects` is the
    line of the document that a credit note corrects. `quantity` is shown where the ERP can give
    the net with it, and is no matter else."""

    line_id: Identifier
    item: Identifier
    description: str = Field(default="", max_length=500)
    quantity: Decimal | None = None
    net: Money
    discount: Money | None = None
    tax_codes: tuple[str, ...] | None = None
    service_from: date | None = None
    service_to: date | None = None
    corrects: Identifier | None = None
    dimensions: dict[str, str] = Field(default_factory=dict)


class TaxTotal(Canonical):
    """The tax of one code over a whole document."""

    code: str
    rate: Decimal
    base: Money
    amount: Money


class DocumentDraft(Canonical):
    """A document to post. `external_id` is ours, unique to the effect; the ERP is probed by it.

    `number` is billing's, by which people find it in both systems. `issued_on` is billing's day and
    `posting_date` the day of the books, later where a period is closed. `taxes` are billing's
    amounts by the ERP's codes: what the ERP rounds otherwise becomes a row of its own. `corrects`
    is the ERP document that it credits. `bill_to` is given when it is posted, and kept nowhere.
    `late_number` says what is done where the ERP numbers by the order of dates and a later one has
    been used: the next date it takes, or billing's number in place of the ERP's.
    """

    external_id: Identifier
    kind: DocumentKind
    legal_entity: Identifier
    party: Identifier
    currency: Currency
    number: str | None = Field(default=None, max_length=255)
    issued_on: date
    posting_date: date
    due_on: date | None = None
    lines: tuple[DraftLine, ...]
    taxes: tuple[TaxTotal, ...] = ()
    corrects: Identifier | None = None
    agent: str | None = None
    purchase_order: str | None = Field(default=None, max_length=140)
    memo: str | None = Field(default=None, max_length=500)
    url: str | None = Field(default=None, max_length=2000)
    late_number: Literal["next_date", "billing_number"] = "next_date"
    bill_to: BilledParty | None = None

    @property
    def net(self) -> Money:
        return Money.total((line.net for line in self.lines), self.currency)

    @property
    def tax(self) -> Money:
        return Money.total((tax.amount for tax in self.taxes), self.currency)

    @property
    def gross(self) -> Money:
        return self.net + self.tax

    @property
    def substance(self) -> str:
        """SHA-256 of all that it says but the day it is posted on and whom it names."""
        told = self.model_dump_json(exclude={"posting_date", "bill_to", "url"})
        return hashlib.sha256(told.encode()).hexdigest()

    def to(self, party: BilledParty | None) -> Self:
        return self.model_copy(update={"bill_to": party})


class DocumentState(StrEnum):
    DRAFT = "draft"
    POSTED = "posted"
    PAID = "paid"
    CANCELLED = "cancelled"


class ErpLine(Canonical):
    """A line as the ERP holds it. `line_id` is billing's, None on what was made by hand."""

    line_id: str | None
    item: str | None
    account: str | None
    description: str = ""
    net: Money
    tax_codes: tuple[str, ...] = ()
    service_from: date | None = None
    service_to: date | None = None
    #: The line of billing's that it corrects, when the ERP says so.
    corrects: str | None = None


class ErpDocument(Canonical):
    """A document as the ERP holds it, whole. `number` is the ERP's, set once it is posted.

    `document_date` is printed on it, `posting_date` is the day of the books. `taxes` are the sums
    by code, of which `rounding` is what was added so that they are billing's. `open` is what is not
    settled, with the document's sign. `ours` is whether our own user made it. `credits` are ids of
    documents that correct it.
    """

    document_id: Identifier
    external_id: str
    legal_entity: Identifier
    party: str
    currency: Currency
    number: str | None = None
    billing_number: str | None = None
    kind: DocumentKind
    state: DocumentState
    document_date: date | None = None
    posting_date: date | None = None
    period: str | None = None
    due_on: date | None = None
    lines: tuple[ErpLine, ...] = ()
    taxes: tuple[TaxTotal, ...] = ()
    rounding: Money | None = None
    net: Money
    tax: Money
    open: Money
    corrects: Identifier | None = None
    credits: tuple[Identifier, ...] = ()
    ours: bool = True
    url: str | None = None

    @property
    def gross(self) -> Money:
        return self.net + self.tax

    @property
    def live(self) -> bool:
        """Whether it counts in the books."""
        return self.state in (DocumentState.POSTED, DocumentState.PAID)


class ErpStatus(Canonical):
    """Where a posted document stands with the customer, as the ERP says now.

    `open` is what of `gross` is not settled yet, with its sign.
    """

    document_id: Identifier
    number: str | None
    state: DocumentState
    document_date: date | None
    due_on: date | None
    net: Money
    tax: Money
    open: Money

    @property
    def gross(self) -> Money:
        return self.net + self.tax


class UnbilledDraft(Canonical):
    """What billing has not billed, shown to finance as one unposted document of the subscription: a
    set that replaces the one before. `external_id` stays the same for good. Without lines it is
    removed."""

    external_id: Identifier
    legal_entity: Identifier
    party: Identifier
    currency: Currency
    lines: tuple[DraftLine, ...] = ()

    @property
    def net(self) -> Money:
        return Money.total((line.net for line in self.lines), self.currency)


class UnbilledShown(Canonical):
    """What the ERP shows now; `document_id` None where nothing is."""

    document_id: Identifier | None
    net: Money
    url: str | None = None


class SettlementDraft(Canonical):
    """A movement to enter on a customer's account. `external_id` is ours and unique to it.

    `amount` is positive where it reduces what the customer owes. `document` is the ERP document
    that it settles, None for what stays on the account. `against` is the ERP document that it is
    set off with. `posting_date` is the day of the books, `value_date` the true one.
    """

    external_id: Identifier
    kind: SettlementKind
    legal_entity: Identifier
    party: Identifier
    amount: Money
    value_date: date
    posting_date: date
    document: Identifier | None = None
    against: Identifier | None = None
    #: Billing's number of the document that it is about, for people.
    about: str | None = Field(default=None, max_length=255)
    #: Money for what was written off: it goes to bad debt, and the document stays settled.
    recovered: bool = False


class SettlementEntry(Canonical):
    """A movement as the ERP holds it, posted. `entry_id` is the id of the ERP's move, `ours`
    whether our own user has made it; else people had entered it before."""

    entry_id: Identifier
    legal_entity: Identifier
    external_id: str
    number: str | None = None
    amount: Money
    posted_on: date | None = None
    ours: bool = True
    url: str | None = None


class PartyMatch(Canonical):
    """A party of the ERP that may be a billing customer. `by` says what agrees: `external_id`,
    `tax_id` or `name`. `contradicts` names what does not, such as `country`."""

    party: Identifier
    by: str = Field(max_length=40)
    active: bool = True
    contradicts: tuple[str, ...] = ()


class OpenItem(Canonical):
    """What is not settled on a party's account beside documents: money that came first, balance,
    debts of their own. Positive where the customer owes it."""

    entry_id: Identifier
    external_id: str
    party: str
    on: date
    amount: Money
