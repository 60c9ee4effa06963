"""What Trueup shows of its own work: changes, effects, exceptions, mappings, events."""

import hashlib
from typing import Any

from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Instant
from canonical_models.effects import EffectState
from canonical_models.money import Money
from canonical_models.states import CauseState, ChangeOutcome, ChangeState, ExceptionState


class Happening(Canonical):
    """What was done to a change beside its sagas: `requeued`, `held` or `released`; by whom and
    why in words."""

    at: Instant
    what: str
    note: str


class ChangeView(Canonical):
    """One change. `outcome` is set once it is settled."""

    change_id: str
    seq: int
    tenant: str
    connection: str
    #: The subscription, or `account:` and the customer.
    subject: str
    #: None where it is the account's.
    subscription_id: str | None
    customer_id: str | None
    #: Ids of billing's documents that its event names.
    documents: tuple[str, ...] = ()
    event_id: str
    kind: ChangeKind
    lane: int
    state: ChangeState
    outcome: ChangeOutcome | None
    stage: str | None
    summary: str | None
    run_id: str | None
    #: Whether a person keeps it from being carried out.
    held: bool = False
    #: The change of the same subject whose saga carries this one out as well.
    taken_in_by: str | None = None
    #: How often its saga was ended before it was done.
    requeued: int = 0
    happened: tuple[Happening, ...] = ()
    plan_digest: str | None
    occurred_at: Instant
    received_at: Instant
    started_at: Instant | None
    settled_at: Instant | None


class EffectView(Canonical):
    """One write to another system. `document` is what people search for over there."""

    key: str
    step: str
    system: str
    operation: str
    state: EffectState
    attempts: int
    document: str | None
    url: str | None
    undo_document: str | None
    error: str | None
    created_at: Instant
    attempted_at: Instant | None
    confirmed_at: Instant | None
    compensated_at: Instant | None


class ExceptionView(Canonical):
    """What waits for a person, and what came of it."""

    exception_id: str
    tenant: str
    #: The change that waits, or the name of the process.
    change_id: str
    #: The process that waits; None where it is the saga of the change.
    workflow_id: str | None = None
    #: What waits for the answer: the books of the change, its access, or the process.
    track: str
    #: The subject of the change; `subject` is what is to be mended.
    belongs_to: str
    subscription_id: str | None
    customer_id: str | None
    step: str
    system: str
    failure_class: str
    code: str
    subject: str | None
    fingerprint: str
    #: The cause that it is a case of: code, system and subject. One mend answers all of them.
    cause_id: str = ""
    owner: str
    message: str
    #: None where it is not known, which is not zero.
    at_risk: Money | None
    state: ExceptionState
    resolution: str | None
    resolved_by: str | None
    note: str | None
    opened_at: Instant
    due_at: Instant
    escalated_at: Instant | None
    resolved_at: Instant | None
    #: Who has it, within the team.
    assignee: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of what is asked: another one says that somebody has looked at something else."""
        asked = (
            self.step,
            self.code,
            self.subject,
            self.message,
            str(self.at_risk),
            # The same moment has several ways to be written.
            self.opened_at.timestamp(),
        )
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


class CauseView(Canonical):
    """What is wrong, with what it has to do, and all that it holds. Amounts are of its open cases,
    one a currency; of `unknown_cases` of them it is not known what is at risk."""

    cause_id: str
    code: str
    system: str
    #: The business object to mend, such as the unmapped item.
    subject: str | None
    owner: str
    state: CauseState
    open_cases: int
    unknown_cases: int
    at_risk: tuple[Money, ...]
    #: Of the oldest case that is open, and of the newest there was.
    opened_at: Instant
    newest_at: Instant
    #: When the first of them is due.
    due_at: Instant
    closed_at: Instant | None
    #: When it was last tried whether it has been mended outside.
    looked_at: Instant | None
    assignee: str | None
    tags: tuple[str, ...]


class HistoryLine(Canonical):
    """What happened to a case or a cause, or was said of it: `what` is `opened`, a decision,
    `failed_again`, `escalated`, `assigned`, `tagged`, `commented` or `reopened`."""

    at: Instant
    by: str
    what: str
    note: str | None


class MappingView(Canonical):
    """Master data that people keep. `target` is an AccountMapping or an ItemMapping."""

    kind: str
    source: str
    target: dict[str, Any]
    valid_from: Instant
    valid_to: Instant | None
    set_by: str
