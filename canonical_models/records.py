"""What we remember of billing's documents and movements: the row of each, in canonical words."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from canonical_models.amendment import account_subject
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.documents import BillingDocument, Settlement
from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import DraftLine, ErpDocument
from canonical_models.money import Money


def subject_of(document: BillingDocument) -> str:
    """Whose changes a document belongs to: its subscription's, or those of the account."""
    return document.subscription_id or account_subject(document.customer_id)


class RecordState(StrEnum):
    """How far a document has come in the ERP.

    BEFORE_CUTOVER belongs to the process before us and is never posted; where that process has made
    it in the ERP, the record names it, so that payments settle it.
    """

    SEEN = "seen"
    POSTED = "posted"
    #: What was posted has been reversed, since billing made it void or a person aborted it.
    REVERSED = "reversed"
    BEFORE_CUTOVER = "before_cutover"


class HoldKind(StrEnum):
    """Why a document stays out of the ERP although billing has issued it."""

    HELD = "held"
    SKIPPED = "skipped"
    #: It was posted and finance takes it back, or has; it stays out until somebody releases it.
    ABORTED = "aborted"


class Hold(Canonical):
    """A decision on one document. `until` ends it by itself on that day."""

    kind: HoldKind
    reason: str = Field(max_length=2000)
    by: str = Field(max_length=200)
    at: Instant
    until: date | None = None

    def stands(self, on: date) -> bool:
        return self.until is None or on < self.until


class DocumentRecord(Canonical):
    """A document of billing as it was last read, and what became of it in the ERP.

    `posted` is the ERP's document as it was last read back; `posted_content` is the content of
    billing's document that it was made from. `erp_status` is the ERP's word on it in one of ours,
    `erp_status_shown` what billing shows of that.
    """

    document: BillingDocument
    state: RecordState = RecordState.SEEN
    generation: int = Field(default=1, ge=1)
    hold: Hold | None = None
    correction: DocumentCorrection | None = None
    legal_entity: Identifier | None = None
    party: Identifier | None = None
    posted: ErpDocument | None = None
    posted_content: str | None = None
    change_id: str | None = None
    #: Who said that a document made by hand is this one.
    linked_by: str | None = None
    erp_status: str = "unposted"
    erp_status_at: Instant | None = None
    erp_status_shown: str = ""

    @property
    def subject(self) -> str:
        return subject_of(self.document)

    @property
    def in_books(self) -> bool:
        """Whether a document of the ERP stands for it now."""
        return self.posted is not None and self.state in (
            RecordState.POSTED,
            RecordState.BEFORE_CUTOVER,
        )


class AccessHold(Canonical):
    """Access as it was agreed before a change that a person aborted. It stays so while billing
    sells what it sold then (`sold`, by `sold_of`), until it is released."""

    sold: str
    items: tuple[SubscriptionItem, ...]
    reason: str = Field(max_length=2000)


def sold_of(subscription: Subscription) -> str:
    """What is sold, whatever its periods: by item, price and quantity."""
    return ",".join(
        sorted(f"{item.item_id}:{item.plan.plan_id}:{item.quantity}" for item in subscription.items)
    )


class SettlementRecord(Canonical):
    """A movement and its entry in the ERP; `entry_id` None until it is entered."""

    settlement: Settlement
    customer_id: Identifier
    legal_entity: Identifier | None = None
    entry_id: Identifier | None = None
    entry_number: str | None = None
    url: str | None = None
    #: State of the effect that enters it.
    effect: str | None = None
    #: Billing's document that the entry settles in the ERP; None while it stands on the account.
    settles: Identifier | None = None


class UnbilledRecord(Canonical):
    """What the ERP shows of a subscription as not billed, as we last made it. `digest` is of the
    draft."""

    subscription_id: Identifier
    external_id: Identifier
    legal_entity: Identifier
    party: Identifier
    document_id: Identifier | None
    digest: str
    net: Money | None = None
    lines: tuple[DraftLine, ...] = ()
    problem: str | None = None
    shown_at: Instant | None = None


class AccountRecord(Canonical):
    """What other systems were last told of a customer. `profile_digest` is AccountProfile's, empty
    before they were told anything; `balance` is by currency, positive where we owe the customer."""

    customer_id: Identifier
    profile_digest: str = ""
    deleted: bool = False
    balance: tuple[Money, ...] = ()
    synced_at: Instant
