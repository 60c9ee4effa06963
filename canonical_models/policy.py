"""What a tenant has decided for itself: read from the configuration, used by planning."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from canonical_models.money import Currency
from canonical_models.term import TimeZone


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DunningPolicy(_Policy):
    """Days count from the first refused charge, or from the due date.

    `reminder_days` are told as events until the grace is over; after `grace_days` what the invoice
    pays for is suspended; after `final_days` a person decides. `items` gives the days of grace of
    single ERP items; of several on one invoice the most generous counts.
    """

    grace_days: int = Field(default=7, ge=0, le=365)
    reminder_days: tuple[int, ...] = (0, 3, 6)
    final_days: int = Field(default=30, ge=1, le=730)
    items: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @field_validator("reminder_days")
    @classmethod
    def _in_order(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if any(day < 0 for day in days) or list(days) != sorted(set(days)):
            raise ValueError("reminder_days are days from 0 on, each larger than the one before")
        return days

    @model_validator(mode="after")
    def _grace_before_the_end(self) -> Self:
        if max((self.grace_days, *self.items.values())) >= self.final_days:
            raise ValueError("final_days must be later than every grace")
        return self


class RenewalPolicy(_Policy):
    """`forecast_days` before a renewal it is tried out; a renewal that billing has not told of
    `late_hours` after it was due is asked for."""

    forecast_days: int = Field(default=14, ge=0, le=365)
    late_hours: float = Field(default=6, gt=0, le=720)


class AccountPolicy(_Policy):
    """Whether accounts of new customers are made by us, and in whose books.

    `legal_entities` maps a country or a currency to a legal entity's code; the country goes first,
    `legal_entity` is for all others.
    """

    create: bool = False
    legal_entity: str | None = None
    legal_entities: dict[str, str] = Field(default_factory=dict)


class TenantPolicy(_Policy):
    #: Support tiers from the lowest to the highest; a subscription has its items' highest.
    tiers: tuple[str, ...] = ("standard", "premium", "enterprise")
    #: Hours within which each team answers an exception.
    exception_hours: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=lambda: {"finance": 8.0, "support": 4.0, "operations": 2.0}
    )
    #: Where days begin and end: contracts run to the end of their last day there, and documents
    #: are dated by it. None: contracts end at billing's very second, documents are dated in UTC.
    time_zone: TimeZone | None = None
    #: A credit memo above this amount, in major units by currency, needs a person's approval.
    credit_limits: dict[Currency, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)
    accounts: AccountPolicy = AccountPolicy()
    renewal: RenewalPolicy = RenewalPolicy()
    dunning: DunningPolicy = DunningPolicy()
    #: Minutes between two looks at what the ERP says of invoices that are not settled.
    invoice_minutes: float = Field(default=15, gt=0, le=1440)
