"""A tenant in shadow: what would have been done, and whether what others have done is the same."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportEntitlement
from canonical_models.ledgering import DocumentDraft
from canonical_models.money import Money
from canonical_models.preview import Comes, Foreseen


class ShadowAbout(StrEnum):
    """What was planned, and is looked for elsewhere."""

    DOCUMENT = "document"
    SUPPORT = "support"
    TARGET = "target"


class ShadowState(StrEnum):
    #: Nobody has made it there yet.
    WAITING = "waiting"
    AGREES = "agrees"
    DIFFERS = "differs"


class ShadowKind(StrEnum):
    """How what is there differs from what was planned."""

    #: Several documents carry billing's number.
    DOUBLED = "doubled"
    #: It is void in billing, and still stands in the ERP.
    NOT_TAKEN_BACK = "not_taken_back"
    DOCUMENT_KIND = "document_kind"
    PARTY = "party"
    CURRENCY = "currency"
    AMOUNT = "amount"
    TAX = "tax"
    TAX_CODE = "tax_code"
    DATE = "date"
    ACCOUNT = "account"
    #: What is not settled of it.
    OPEN = "open"
    TIER = "tier"
    CONTRACT_END = "contract_end"
    FEATURES = "features"
    #: Only of trials: one of both plans asks a person, or has the document, and the other does not.
    QUESTION = "question"
    MISSING = "missing"


class ShadowDifference(Canonical):
    """Both sides in words and figures; `what` names the part, such as a tax code or an account."""

    kind: ShadowKind
    what: str = Field(max_length=255)
    planned: str = Field(max_length=500)
    found: str = Field(max_length=500)


class ExpectedDocument(Canonical):
    """A document as it would have been posted. `accounts` are those that its items go to, by the
    ERP's own rules; `remaining` is what billing still waits for; `void` has it taken back."""

    document_id: Identifier
    number: str | None = None
    legal_entity: Identifier
    draft: DocumentDraft
    accounts: dict[str, str] = Field(default_factory=dict)
    remaining: Money
    void: bool = False


class ExpectedFeatures(Canonical):
    """What a customer may use, by feature and quantity, as a target is to hold it."""

    target: Identifier
    customer_id: Identifier
    features: dict[str, int] = Field(default_factory=dict)


class ShadowItem(Canonical):
    """One thing that would have been made, and what is there. `found` are the ERP's numbers of what
    carries billing's; `since` is since when its state is so, `compared_at` when it was looked for
    last."""

    about: ShadowAbout
    key: Identifier
    change_id: Identifier
    subject: Identifier
    customer_id: Identifier
    number: str | None = None
    legal_entity: str | None = None
    state: ShadowState
    differences: tuple[ShadowDifference, ...] = ()
    found: tuple[str, ...] = ()
    planned_at: Instant
    since: Instant
    compared_at: Instant | None = None


class ShadowChange(Canonical):
    """What a change would have done. `comes` says whether it would have gone through; what it would
    have asked is in `foreseen`, which is None once it was erased."""

    change_id: Identifier
    subject: Identifier
    customer_id: str | None
    planned_at: Instant
    comes: Comes
    code: str | None = None
    foreseen: Foreseen | None = None


class ShadowAsked(Canonical):
    """What would be asked now, by its code: of how many subjects, and an example."""

    code: str
    subjects: int
    change_id: Identifier
    about: str | None = None


class ShadowWeek(Canonical):
    """Of what was planned in the week that begins on that day. `rate` is the share that agrees of
    what can be judged; None where nothing can."""

    begins: date
    agree: int = 0
    differ: int = 0
    waiting: int = 0
    rate: float | None = None


class ShadowStatus(Canonical):
    """How far what others do agrees with what would have been done.

    `differ_by` counts by kind; `oldest_waiting` is what was looked for the longest and is not there
    yet; `late` are those that wait longer than policy allows. `ready` is whether nothing stands
    against going live, `ready_since` since when, `against` what does. `compared_at` is the oldest
    look that counts; `not_compared` says what is not looked at.
    """

    in_shadow: bool
    changes: int = 0
    first_planned_at: Instant | None = None
    agree: int = 0
    differ: int = 0
    waiting: int = 0
    late: int = 0
    differ_by: dict[ShadowKind, int] = Field(default_factory=dict)
    asked: tuple[ShadowAsked, ...] = ()
    oldest_waiting: ShadowItem | None = None
    weeks: tuple[ShadowWeek, ...] = ()
    compared_at: Instant | None = None
    ready: bool = False
    ready_since: Instant | None = None
    against: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()


class Expected(Canonical):
    """All that a change adds to what is looked for."""

    documents: tuple[ExpectedDocument, ...] = ()
    support: SupportEntitlement | None = None
    targets: tuple[ExpectedFeatures, ...] = ()


class ShadowAccess(Canonical):
    """What a subscription gives and asks of support, as it was planned last."""

    subject: Identifier
    organization: str | None = None
    grants: tuple[Grant, ...] = ()
    contribution: SubscriptionSupport


class ShadowPlanned(Canonical):
    """A document of billing as it was read last, and whether it counts as taken back."""

    document: BillingDocument
    void: bool = False
