"""The support desk: its cases, what it owes them, and what it tells us of them."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.entitlement import SupportOrganization


class SlaTarget(Canonical):
    """What is promised for cases of one priority: `metric`, such as `first_reply_time`, within so
    many `minutes`, of business hours or of the clock."""

    priority: str = Field(max_length=40)
    metric: str = Field(max_length=60)
    minutes: int = Field(ge=0)
    business_hours: bool


class SlaPolicy(Canonical):
    """The policy that the desk has for a tier. `conditional` where it asks for more than the tier,
    so that it need not be every case's."""

    title: str = Field(max_length=500)
    targets: tuple[SlaTarget, ...]
    conditional: bool


class Deadline(Canonical):
    """A promise of one case; `breach_at` is None unless its clock runs."""

    metric: str = Field(max_length=60)
    stage: str = Field(max_length=40)
    breach_at: Instant | None


class SupportCase(Canonical):
    """An open case as the desk holds it. `subject` is read and never kept: people write there."""

    case_id: Identifier
    subject: str | None = Field(default=None, max_length=500)
    status: str | None = Field(default=None, max_length=40)
    priority: str | None = Field(default=None, max_length=40)
    opened_at: Instant | None = None
    deadlines: tuple[Deadline, ...] = ()
    url: str | None = Field(default=None, max_length=2000)


class SupportDesk(Canonical):
    """All that the desk holds of an organisation now: what it shows, its open cases (the first of
    them where it is not `complete`), and the policy of its tier. `sla_problem` says why that could
    not be read."""

    organization: SupportOrganization
    cases: tuple[SupportCase, ...] = ()
    complete: bool = True
    sla: SlaPolicy | None = None
    sla_problem: str | None = None


class CaseWord(StrEnum):
    ESCALATED = "escalated"
    SOLVED = "solved"


class CaseTold(Canonical):
    """What the desk tells of one case. No change of a subscription comes of it."""

    event_id: Identifier
    word: CaseWord
    case_id: Identifier
    #: By our id of it; None where the case belongs to none.
    organization: Identifier | None
    priority: str | None = Field(default=None, max_length=40)
    url: str | None = Field(default=None, max_length=2000)
    at: Instant
