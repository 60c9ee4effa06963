"""What runs over time: the contract of a subscription, its renewals, invoices and payments."""

from enum import StrEnum
from functools import cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Money


@cache
def _zones() -> frozenset[str]:
    """Read once: it looks through every folder of the database."""
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} is not a time zone of the IANA database")
    return name


#: An IANA time zone, such as Europe/Berlin: contracts end at midnight where they were signed.
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Contract(Canonical):
    """The agreed term. `ends_at` None runs until cancelled (evergreen)."""

    contract_id: Identifier
    customer_id: Identifier
    subscription_ids: tuple[Identifier, ...] = Field(min_length=1)
    starts_at: Instant
    ends_at: Instant | None = None
    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError(f"contract {self.contract_id} ends before it starts")
        return self


class Renewal(Canonical):
    """The next term of a subscription, as it is foreseen or was agreed."""

    subscription_id: Identifier
    due_at: Instant
    until: Instant
    amount: Money

    @model_validator(mode="after")
    def _a_term_has_length(self) -> Self:
        if self.until <= self.due_at:
            raise ValueError(f"the renewal of {self.subscription_id} ends before it begins")
        return self


class DunningStage(StrEnum):
    GRACE = "grace"
    SUSPENDED = "suspended"
    #: A person decides: more time, credit, or write-off.
    FINAL = "final"
    CLOSED = "closed"


class DunningCase(Canonical):
    """The dunning of an overdue invoice. Times are by billing's clock.

    `reminders` counts those that were told. `outcome` is what a person decided or how it closed.
    """

    invoice_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier
    stage: DunningStage = DunningStage.GRACE
    overdue_since: Instant
    reminders: int = 0
    extended_days: int = 0
    suspended_at: Instant | None = None
    outcome: str | None = None
