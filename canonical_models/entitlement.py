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


class GrantState(StrEnum):
    ACTIVE = "active"
    #: Kept, but it gives nothing until it is restored, such as while an invoice is not paid.
    SUSPENDED = "suspended"


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
    state: GrantState = GrantState.ACTIVE
    #: Why it is suspended, or why a person gave it; in words.
    reason: str | None = Field(default=None, max_length=500)

    def live(self, at: datetime) -> bool:
        return (
            self.state is GrantState.ACTIVE
            and self.starts_at <= at
            and (self.ends_at is None or at < self.ends_at)
        )


class Entitlement(Canonical):
    """The merge of a customer's live grants of one feature, with its reasons."""

    customer_id: Identifier
    feature: Identifier
    quantity: int = Field(ge=1)
    #: None while any grant is open-ended.
    until: Instant | None
    because: tuple[Grant, ...]


class EntitledFeature(Canonical):
    """One line of what a target is told."""

    feature: Identifier
    quantity: int = Field(ge=1)
    until: Instant | None


class CustomerEntitlements(Canonical):
    """All that a customer may use at `as_of`. A higher `revision` replaces a lower one, whatever
    came in between: a target that missed some is right again after the next."""

    customer_id: Identifier
    revision: int = Field(ge=1)
    as_of: Instant
    features: tuple[EntitledFeature, ...]


class TargetReceipt(Canonical):
    """Which revision a target says that it holds of a customer now."""

    customer_id: Identifier
    revision: int = Field(ge=0)


class TargetHeld(Canonical):
    """What a target says that it holds of a customer; revision 0 where it does not know them."""

    customer_id: Identifier
    revision: int = Field(ge=0)
    features: tuple[EntitledFeature, ...] = ()


class SupportEntitlement(Canonical):
    """What the support platform must show for an organisation."""

    organization: Identifier
    tier: Identifier | None
    contract_end: Instant | None
    features: tuple[Identifier, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Nothing is to be shown, which an organisation that is gone does as well."""
        return self.tier is None and self.contract_end is None and not self.features


class SubscriptionSupport(Canonical):
    """What one subscription asks of support; `tier` None when it gives no support."""

    tier: Identifier | None
    contract_end: Instant | None
    features: tuple[Identifier, ...] = ()


NO_SUPPORT = SubscriptionSupport(tier=None, contract_end=None)


class SupportOrganization(Canonical):
    """An organisation as the support platform holds it."""

    organization_id: Identifier
    entitlement: SupportEntitlement
    url: str | None = None


class MergedOrganization(Canonical):
    """The organisation in which another one is now, by the platform's own id and by ours, None
    where it has none."""

    organization_id: Identifier
    external_id: Identifier | None
