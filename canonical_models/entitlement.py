"""Who may use what, until when, and why; and the support that goes with it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant


class GrantSource(StrEnum):
    SUBSCRIPTION = "subscription"
    CONTRACT = "contract"
    MANUAL = "manual"
    TRIAL = "trial"


class Grant(Canonical):
    """One reason why a customer holds a feature. A source holds at most one live grant of it."""

    customer_id: Identifier
    feature: Identifier
    source: GrantSource
    #: The subscription item, contract or ticket that gives it.
    source_id: Identifier
    subscription_id: Identifier | None = None
    quantity: int = Field(ge=1, le=10**9)
    starts_at: Instant
    ends_at: Instant | None = None

    def live(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class Entitlement(Canonical):
    """The merge of a customer's live grants of one feature, with its reasons."""

    customer_id: Identifier
    feature: Identifier
    quantity: int = Field(ge=1)
    #: None while any grant is open-ended.
    until: Instant | None
    because: tuple[Grant, ...]


class SupportEntitlement(Canonical):
    """What the support platform must show for an organisation."""

    organization: Identifier
    tier: Identifier | None
    contract_end: Instant | None
    features: tuple[Identifier, ...] = ()


class SubscriptionSupport(Canonical):
    """One subscription's share of what support owes; `tier` None when it gives no support."""

    tier: Identifier | None
    contract_end: Instant | None
    features: tuple[Identifier, ...] = ()


class SupportOrganization(Canonical):
    """An organisation as the support platform holds it."""

    organization_id: Identifier
    entitlement: SupportEntitlement
    url: str | None = None


class SupportTier(Canonical):
    """A level of support that is sold; a higher `rank` includes the lower ones."""

    tier: Identifier
    rank: int = Field(ge=0)


class SlaPolicy(Canonical):
    """The support platform's answer to a tier: first reply in minutes, by case priority."""

    policy_id: Identifier
    tier: Identifier
    first_reply_minutes: dict[str, int]


class SupportCase(Canonical):
    case_id: Identifier
    organization_id: Identifier
    subject: str = Field(max_length=500)
    open: bool
    sla_policy: Identifier | None = None
