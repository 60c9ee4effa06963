"""All that the books half of a plan depends on; equal inputs give equal plans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from canonical_models.amendment import Refusal
from canonical_models.approvals import Approval
from canonical_models.commerce import Subscription
from canonical_models.documents import BillingDocument, Settlement, Unbilled
from canonical_models.ledgering import LedgerAnswer
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.policy import EntityBooks, TenantPolicy
from canonical_models.records import DocumentRecord, SettlementRecord, UnbilledRecord

#: The key of what is not billed yet, in questions and answers.
UNBILLED = "unbilled"


@dataclass(frozen=True)
class BooksInput:
    """`subject` is the subscription's id, or `account:` and the customer."""

    subject: str
    customer_id: str
    policy: TenantPolicy
    #: None where the customer is mapped to no party: then nothing is booked.
    account: AccountMapping | None
    #: By the keys that `keys_of` names.
    items: Mapping[str, ItemMapping]
    #: What was issued before belongs to the process before us.
    books_from: datetime
    #: In the legal entity's zone.
    today: date
    #: Somebody has asked for the account itself: it is found or made without a document as well.
    account_wanted: bool = False
    #: None for an account.
    subscription: Subscription | None = None
    #: The currency in which the subscription was agreed last.
    agreed_currency: str | None = None
    #: This subject's documents, as they were read last.
    records: tuple[DocumentRecord, ...] = ()
    #: Documents of other subjects that corrections and movements name, by id.
    others: Mapping[str, DocumentRecord] = field(default_factory=dict)
    #: Movements that were entered, by id: this subject's, and whoever's they are all that made or
    #: used the customer's balance.
    entered: Mapping[str, SettlementRecord] = field(default_factory=dict)
    #: Movements that no document shows, such as goodwill.
    movements: tuple[Settlement, ...] = ()
    #: None where it is not this subject's to show.
    unbilled: Unbilled | None = None
    shown: UnbilledRecord | None = None
    #: What people have said yes to of documents and movements, by their ids.
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)
    #: What the ERP said to `questions`, by their keys.
    answers: Mapping[str, LedgerAnswer | Refusal] = field(default_factory=dict)
    #: Of the subscription, or of the customer.
    metadata: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def known(self) -> Mapping[str, DocumentRecord]:
        return {**self.others, **{found.document.document_id: found for found in self.records}}

    @property
    def books(self) -> EntityBooks:
        """Of the legal entity that new documents go to."""
        books = self.policy.books
        return books.of(self.account.legal_entity) if self.account else books

    def zone(self, legal_entity: str | None) -> str | None:
        """Where the days of an entity begin; None for UTC."""
        books = self.policy.books.of(legal_entity) if legal_entity else self.policy.books
        account = self.account.time_zone if self.account else None
        return books.time_zone or account or self.policy.time_zone

    def said_of(self, document: BillingDocument) -> Mapping[str, str]:
        """A document's metadata, over those of its subscription or customer."""
        return {**self.metadata, **document.metadata}
