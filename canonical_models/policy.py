"""What a tenant has decided for itself: read from the configuration, used by planning."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from canonical_models.acts import ACTS, Act, Role
from canonical_models.approvals import Occasion
from canonical_models.base import Identifier
from canonical_models.money import Currency
from canonical_models.reconciliation import Cause
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

    def entity_of(self, country: str | None, currency: str | None) -> str | None:
        """None where no rule says it."""
        named = (self.legal_entities.get(key) for key in (country, currency) if key is not None)
        return next((code for code in named if code is not None), self.legal_entity)


class TaxCodeRule(_Policy):
    """Which of the ERP's tax codes a tax of billing is. Members that are left out match all;
    of several rules the first that matches counts. `rate` is a fraction, 0.19 for 19 %."""

    code: str = Field(min_length=1, max_length=120)
    kind: str | None = None
    country: str | None = None
    rate: Decimal | None = Field(default=None, ge=0, le=1)
    reason: str | None = None
    #: Billing's own name of the rate.
    billing_code: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


class PartyTaxRules(_Policy):
    """The ERP's tax rules of parties that we make, by who they are; None leaves the ERP's default.

    An EU business counts as such with a VAT id that was checked. `eu_consumer` is by country where
    the ERP has a rule for each, and `"*"` is for all others."""

    domestic: str | None = None
    eu_business: str | None = None
    eu_consumer: dict[str, str] = Field(default_factory=dict)
    third_country: str | None = None


class ApprovalRule(_Policy):
    """That `on` an occasion `people` different people say yes, each of whom has one of `roles`
    (anybody who may approve where none is named); `then` may as well once it is late.

    `above` are amounts in major units by currency: what is not more than that passes. One of a
    currency that it does not name is above it. Without any, all of the occasion is asked about.
    `share` is the like for a discount: a fraction, 0.2 for 20 %.
    """

    on: Occasion
    above: dict[Currency, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)
    share: Decimal | None = Field(default=None, ge=0, lt=1)
    roles: tuple[Role, ...] = ()
    people: int = Field(default=1, ge=1, le=9)
    then: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _measures_what_it_is_about(self) -> Self:
        if self.on is Occasion.DISCOUNT and self.share is None:
            raise ValueError("a rule on discounts names the `share` above which it asks")
        if self.on is not Occasion.DISCOUNT and self.share is not None:
            raise ValueError(f"`share` is of rules on discounts, not on {self.on.value}")
        if self.on is Occasion.RELEASE:
            raise ValueError("a release as a whole is asked about by `policy.releases.approvals`")
        if self.on in (Occasion.DISCOUNT, Occasion.CLOSED_PERIOD) and self.above:
            raise ValueError(f"a rule on {self.on.value} has no amount to be `above`")
        return self

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        _require_able(*self.roles, *self.then)
        if self.then and not self.roles:
            raise ValueError("`then` is for those who are not among `roles`: name `roles` as well")
        return self


def _require_able(*roles: Role) -> None:
    able = ACTS[Act.EXCEPTIONS_APPROVE].roles
    if unable := [role for role in roles if role not in able]:
        raise ValueError(f"{', '.join(unable)} may not approve: name of {', '.join(sorted(able))}")


class ReleaseRule(_Policy):
    """That `people` different people, each of whom has one of `roles` (anybody who may approve
    where none is named), say yes to a release, or to its undo, as a whole.

    It asks where there are more `cases` than so many, or more money than `above`: amounts in major
    units by currency, of which one that is not named is above it. With neither it always asks.
    """

    cases: int | None = Field(default=None, ge=1)
    above: dict[Currency, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    people: int = Field(default=1, ge=1, le=9)

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        _require_able(*self.roles)
        return self


class ReleasePolicy(_Policy):
    approvals: tuple[ReleaseRule, ...] = ()


class EntityBooks(_Policy):
    """How the books of a legal entity are kept.

    - `unbilled`: what billing has not billed is shown as a `draft` in the ERP, or not (`none`).
    - `closed_period`: a document of a closed period is a question (`ask`), or is booked on the
      `first_open_day` after it.
    - `late_number`: where the ERP numbers by date order, a late document gets the `next_date` on
      its face, or the `billing_number` as its number.
    - `rounding_limit`: how much of a document may be the ERP's other way of rounding, in major
      units of its currency.
    - `zero_documents`: documents over nothing are posted (`post`) or left out (`skip`).
    - `master_data`: what billing changes of a customer is carried on (`update`) or asked (`ask`).
    - `approvals`: what needs somebody's yes before it is booked; each rule by itself.
    - `country` says where the entity is, for the tax rules of parties.
    """

    unbilled: Literal["draft", "none"] = "draft"
    approvals: tuple[ApprovalRule, ...] = ()
    closed_period: Literal["ask", "first_open_day"] = "ask"
    late_number: Literal["next_date", "billing_number"] = "next_date"
    rounding_limit: Annotated[Decimal, Field(ge=0, le=10)] = Decimal("0.05")
    zero_documents: Literal["post", "skip"] = "post"
    master_data: Literal["update", "ask"] = "ask"
    time_zone: TimeZone | None = None
    country: str | None = Field(default=None, min_length=2, max_length=2)
    tax_codes: tuple[TaxCodeRule, ...] = ()
    party_tax_rules: PartyTaxRules = PartyTaxRules()


class DocumentRule(_Policy):
    """What is done with documents whose metadata `field` is `value`, without asking a person."""

    field: str = Field(min_length=1)
    value: str
    decision: Literal["hold", "skip"]
    reason: str = Field(min_length=1, max_length=500)


class CashPolicy(_Policy):
    """How payouts of billing are booked: accounts and tax code are the ERP's, by code.

    - `legal_entity`: whose bank account billing pays out to.
    - `clearing`: where money that billing collects stands until then; `bank`, or `banks` by
      currency, is where it goes.
    - `fees`: what billing keeps; `fee_tax_code` is needed where fees bear tax.
    - `conversion`: differences between currencies; needed where billing converts.
    - `journal`: by default the first of the type cash.
    - `look_minutes`: how often clearing is laid beside billing's balance.
    """

    legal_entity: Identifier
    clearing: Identifier
    bank: Identifier
    banks: dict[Currency, Identifier] = Field(default_factory=dict)
    fees: Identifier
    fee_tax_code: str | None = Field(default=None, min_length=1, max_length=120)
    conversion: Identifier | None = None
    journal: Identifier | None = None
    look_minutes: float = Field(default=60, gt=0, le=1440)


class BooksPolicy(EntityBooks):
    """The defaults of every legal entity, what single ones do otherwise, and what the metadata of
    documents, subscriptions and lines mean. `dimensions` maps a name in the ERP to a metadata
    field, `purchase_order`, `memo` and `agent` name one."""

    entities: dict[str, EntityBooks] = Field(default_factory=dict)
    dimensions: dict[str, str] = Field(default_factory=dict)
    purchase_order: str | None = None
    memo: str | None = None
    agent: str | None = None
    rules: tuple[DocumentRule, ...] = ()
    #: None: payouts are not booked.
    cash: CashPolicy | None = None

    def of(self, legal_entity: str) -> EntityBooks:
        """What the entity does: its own word where it has one, else the tenant's."""
        own = self.entities.get(legal_entity)
        if own is None:
            return self
        said = {name: getattr(own, name) for name in own.model_fields_set}
        return self.model_copy(update=said)


class SupportPolicy(_Policy):
    """What metadata in billing mean to a support desk: `parent` is the field of a subscription that
    names the account above, `serials` those of subscriptions and lines that hold serial numbers,
    several of them separated by commas."""

    parent: str = "parent"
    serials: tuple[str, ...] = ("serial", "serials", "serial_number", "serial_numbers")


class Promise(_Policy):
    """What a number is to come to: of all cases the share `objective` is done within `seconds`."""

    seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    objective: float = Field(gt=0, lt=1)


class NumbersPolicy(_Policy):
    """What is promised of each number (operations/numbers.py). `mappings` and `replays` have no
    time; `resolution` without `seconds` is by the deadline of each exception."""

    posting: Promise = Promise(seconds=300, objective=0.95)
    activation: Promise = Promise(seconds=60, objective=0.99)
    mappings: Promise = Promise(objective=0.9)
    invoices: Promise = Promise(seconds=3600, objective=0.99)
    freshness: Promise = Promise(seconds=300, objective=0.99)
    replays: Promise = Promise(objective=0.99)
    resolution: Promise = Promise(objective=0.9)
    renewals: Promise = Promise(seconds=7200, objective=0.99)

    @model_validator(mode="after")
    def _timed(self) -> Self:
        for name in ("posting", "activation", "invoices", "freshness", "renewals"):
            if getattr(self, name).seconds is None:
                raise ValueError(f"{name} is a time: say within how many `seconds`")
        for name in ("mappings", "replays"):
            if getattr(self, name).seconds is not None:
                raise ValueError(f"{name} is a share and no time: leave out `seconds`")
        return self


class ReconciliationPolicy(_Policy):
    """How billing, ERP, entitlements and support are laid beside each other.

    - `hours` between two comparisons; `whole_days` after which every system is read from the
      beginning again, and not only what it says has changed.
    - `repair`: what has one of these causes is set right by itself, by the same sagas and with the
      same approvals as ever.
    - `paid_elsewhere`: whether billing is told that an invoice that it does not collect by itself
      was paid past it, as money in the ERP proves: never, when a person asks for it, or at once.
    """

    hours: float = Field(default=24, gt=0, le=168)
    whole_days: float = Field(default=7, gt=0, le=25)
    repair: tuple[Cause, ...] = (Cause.BILLING, Cause.OURS)
    paid_elsewhere: Literal["off", "ask", "tell"] = "off"


class ShadowPolicy(_Policy):
    """When a tenant in shadow is ready to go live: nothing differs, nothing would be asked, nothing
    is missing for longer than `late_days`, and `documents` at least agree."""

    late_days: float = Field(default=3, gt=0, le=60)
    documents: int = Field(default=20, ge=1, le=100_000)


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
    #: Seconds after the first event of a subject in which others of the same act are waited for:
    #: one saga carries all of them out.
    settling_seconds: float = Field(default=0.3, ge=0, le=60)
    #: Whether access is given as soon as billing says so, or after the books are right.
    #: What billing has ended is always taken at once.
    access: Literal["at_once", "after_posting"] = "at_once"
    books: BooksPolicy = BooksPolicy()
    releases: ReleasePolicy = ReleasePolicy()
    accounts: AccountPolicy = AccountPolicy()
    renewal: RenewalPolicy = RenewalPolicy()
    dunning: DunningPolicy = DunningPolicy()
    support: SupportPolicy = SupportPolicy()
    numbers: NumbersPolicy = NumbersPolicy()
    #: Minutes between two looks at what the ERP says of invoices that are not settled.
    invoice_minutes: float = Field(default=15, gt=0, le=1440)
    #: Hours between two comparisons of what entitlement targets hold with what they should.
    target_hours: float = Field(default=6, gt=0, le=168)
    reconciliation: ReconciliationPolicy = ReconciliationPolicy()
    shadow: ShadowPolicy = ShadowPolicy()
