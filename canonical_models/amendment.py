"""A change of a subscription, and the exact plan of what it does to every other system."""

import hashlib
import json
from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import Field

from canonical_models.approvals import ApprovalAsked
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.documents import Settlement
from canonical_models.entitlement import (
    NO_SUPPORT,
    Grant,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import ApprovalNeeded, Rejection, RejectionCode
from canonical_models.ledgering import DocumentDraft, ItemTerms, UnbilledDraft
from canonical_models.money import Money
from canonical_models.term import Contract

_ACCOUNT = "account:"


class ChangeKind(StrEnum):
    """What a change is, in the words of the trade. Decided by the plan; an event
    says what it may be."""

    ACTIVATION = "activation"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    QUANTITY = "quantity"
    ADD_ON = "add_on"
    CANCELLATION = "cancellation"
    CANCELLATION_SCHEDULED = "cancellation_scheduled"
    REINSTATEMENT = "reinstatement"
    RENEWAL = "renewal"
    BILLED = "billed"
    PAYMENT = "payment"
    ACCOUNT = "account"
    SUSPENSION = "suspension"
    RESTORATION = "restoration"
    OTHER = "other"
    NONE = "none"


def account_subject(customer_id: str) -> str:
    """The subject of changes of a customer's account."""
    return f"{_ACCOUNT}{customer_id}"


def customer_of(subject: str) -> str | None:
    """The customer whose account a subject is; None where it is a subscription."""
    return subject.removeprefix(_ACCOUNT) if subject.startswith(_ACCOUNT) else None


class ChangeTrigger(Canonical):
    """A vendor's event in our words: whom to look at, and which document it names.

    Without a `subscription_id` it is about the customer's account. One that names a payment alone
    belongs to whom our tables know the payment of.
    """

    event_id: Identifier
    subscription_id: Identifier | None
    customer_id: Identifier | None
    kind: ChangeKind
    occurred_at: Instant
    document_id: Identifier | None = None
    #: The document that a credit note corrects, which says whose it is while it is new.
    corrects: Identifier | None = None
    #: As the id of the settlement that it became.
    payment_id: Identifier | None = None
    #: Bulk changes wait behind live ones.
    bulk: bool = False


class NamedOnly(Canonical):
    """A vendor's event that names what it is about and does not show it: billing is asked what the
    event says. `what` is for people, such as `invoice in_1`."""

    event_id: Identifier
    what: str


class Amendment(Canonical):
    """One commercial change, as the plan found it: what was and what is."""

    kind: ChangeKind
    summary: str
    customer_id: Identifier
    effective_at: Instant


class Refusal(Canonical):
    """Why one half of a plan cannot be carried out: a Rejection as a value."""

    code: str
    message: str
    system: str
    subject: str | None = None
    #: Whose yes would let it pass; None where nobody's does.
    asked: ApprovalAsked | None = Field(default=None, exclude_if=lambda asked: asked is None)

    @classmethod
    def of(cls, rejection: Rejection) -> Self:
        return cls(
            code=rejection.code,
            message=rejection.message,
            system=rejection.system,
            subject=rejection.subject,
            asked=rejection.asked if isinstance(rejection, ApprovalNeeded) else None,
        )

    def error(self) -> Rejection:
        return Rejection(
            RejectionCode(self.code), self.message, system=self.system, subject=self.subject
        )


class DocumentStep(Canonical):
    """A document of billing that the ERP is to hold, or to hold no longer.

    `generation` counts how often it was released after it had been undone. `content` binds it to
    what was looked at. `void` reverses what was posted before; `draft` is None then, and `posted`
    the ERP's document. `posted` beside a draft is a document made by hand that a person says it is:
    it is compared with the draft and adopted; without a draft it is one of the process before us,
    of `party`, and compared by its sums. `corrects` is billing's document that it credits;
    where the draft does not name the ERP's, it is posted before this one and found then.
    """

    document_id: Identifier
    number: str | None = None
    generation: int = Field(default=1, ge=1)
    content: str
    void: bool = False
    draft: DocumentDraft | None = None
    posted: Identifier | None = None
    corrects: Identifier | None = None
    legal_entity: Identifier
    party: Identifier | None = None
    #: How the ERP said that it books the items.
    terms: tuple[ItemTerms, ...] = ()
    #: The day of the books of a reversal.
    on: date | None = None
    #: Billing items that the default item stood in for.
    defaulted: tuple[str, ...] = ()

    @property
    def external_id(self) -> str:
        """What the ERP knows it by."""
        return document_reference(self.document_id, self.generation, void=self.void)


def document_reference(document_id: str, generation: int = 1, *, void: bool = False) -> str:
    first = document_id if generation == 1 else f"{document_id}/{generation}"
    return f"{first}/void" if void else first


def document_of(reference: str) -> str:
    """Billing's id of the document that the ERP knows by this reference."""
    first, _, generation = reference.rpartition("/")
    return first if first and generation.isdigit() else reference


class SettlementStep(Canonical):
    """A movement of money or balance that the ERP is to know of; `document_id` and `against_id` are
    billing's, whose ERP documents are found when it is entered."""

    settlement: Settlement
    legal_entity: Identifier
    party: Identifier
    value_date: date
    posting_date: date
    recovered: bool = False


class BooksPlan(Canonical):
    """What the ERP is to be told: documents by date, then what settles them, then what is not
    billed yet (None where that stays as it is). `left_out` are documents that stay out, with why.
    """

    documents: tuple[DocumentStep, ...] = ()
    settlements: tuple[SettlementStep, ...] = ()
    unbilled: UnbilledDraft | None = None
    left_out: dict[str, str] = Field(default_factory=dict)
    #: Removes what is shown where the account was kept before it moved; carried out first.
    unbilled_gone: UnbilledDraft | None = None
    #: What keeps the unbilled from being shown: it never stops a change.
    unbilled_problem: str | None = None
    #: Refunds and disputes, by settlement, that left a debt which no document shows: they need an
    #: owner for as long as they are listed here.
    debts: tuple[Identifier, ...] = ()
    refused: Refusal | None = None

    @property
    def amount(self) -> Money | None:
        """What is posted, with tax; None where nothing is, or in several currencies."""
        grosses = [step.draft.gross for step in self.documents if step.draft]
        if len({gross.currency for gross in grosses}) != 1:
            return None
        return Money.total(grosses, grosses[0].currency)

    @property
    def empty(self) -> bool:
        unbilled = self.unbilled is not None or self.unbilled_gone is not None
        return not (self.documents or self.settlements or unbilled)


class AccessPlan(Canonical):
    """What the customer may use and support owes.

    `grants` is the whole set that the subscription gives after the change. `contribution` is what
    it asks of support, `support` what the organisation will then show with its other subscriptions
    merged in, None when that stays as it is. The `…_before` are what is held when it is planned,
    and `agreed_…` what was before the change began, which an undo restores. `suspended` are the
    subscription items that give nothing until they are paid.
    """

    agreed_grants: tuple[Grant, ...] = ()
    grants_before: tuple[Grant, ...] = ()
    grants: tuple[Grant, ...] = ()
    organization: Identifier | None = None
    agreed_contribution: SubscriptionSupport = NO_SUPPORT
    contribution: SubscriptionSupport = NO_SUPPORT
    contribution_before: SubscriptionSupport = NO_SUPPORT
    support: SupportEntitlement | None = None
    suspended: tuple[Identifier, ...] = ()
    refused: Refusal | None = None

    @property
    def changes_grants(self) -> bool:
        return self.grants != self.grants_before

    @property
    def gives(self) -> bool:
        """Whether the customer may use something that was not sold before. What is given again,
        such as when it is paid late, is no such thing."""
        held = {(g.feature, g.source_id, g.quantity) for g in self.grants_before}
        return any(
            (g.feature, g.source_id, g.quantity) not in held
            for g in self.grants
            if g.state is GrantState.ACTIVE
        )

    @property
    def empty(self) -> bool:
        return not (self.changes_grants or self.support)


class AmendmentPlan(Canonical):
    """All that one change will do, decided before anything is touched; two halves, each of which
    is a value or refused. `subject` is the subscription, or `account:` and the customer."""

    change_id: Identifier
    subject: Identifier
    amendment: Amendment
    books: BooksPlan = BooksPlan()
    access: AccessPlan = AccessPlan()
    contract: Contract | None = None
    #: Of an account: name, address or tax ids are to be carried on.
    master_data: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON; what a step carries out is bound to it. The order of
        keys is no part of it: a database gives its own."""
        told = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def empty(self) -> bool:
        """Nothing is left to do: every system already agrees."""
        return self.books.empty and self.access.empty and not self.master_data and not self.refused

    @property
    def refused(self) -> bool:
        return self.books.refused is not None or self.access.refused is not None
