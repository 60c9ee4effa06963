"""Stripe's objects as they travel: only the members we read, each checked for its type.

Source: https://docs.stripe.com/api at the version in `API_VERSION`. Members that we do not
read are ignored, so that Stripe may add to its objects; a member that changed its type is found
here, before it can turn into a wrong amount.
"""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canonical_models.base import Identifier

#: Unix seconds, up to the last that a datetime can hold.
UnixTime = Annotated[int, Field(ge=0, le=253_402_300_799)]
CurrencyCode = Annotated[str, Field(pattern=r"^[a-z]{3}$")]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


T = TypeVar("T")


class Page(Wire, Generic[T]):
    """One page of a list; the next one starts after its last object."""

    data: list[T]
    has_more: bool


class Identified(Wire):
    id: Identifier


class Address(Wire):
    country: str | None = None


class TaxLocation(Wire):
    country: str | None = None


class CustomerTax(Wire):
    location: TaxLocation | None = None


class Customer(Identified):
    """A deleted customer has nothing but its id."""

    currency: CurrencyCode | None = None
    address: Address | None = None
    tax: CustomerTax | None = None
    tax_exempt: str | None = None


class TaxRate(Wire):
    inclusive: bool
    #: Per cent; Stripe writes it as a JSON number.
    percentage: int | float


class Price(Identified):
    currency: CurrencyCode
    product: Identifier
    billing_scheme: str
    unit_amount: int | None
    unit_amount_decimal: Annotated[str, Field(pattern=r"^-?\d{1,18}(\.\d{1,12})?$")] | None = None


class SubscriptionItem(Identified):
    price: Price
    #: None for metered usage.
    quantity: int | None = None
    current_period_start: UnixTime
    current_period_end: UnixTime


class AutomaticTax(Wire):
    enabled: bool


class TestClock(Wire):
    """Simulated time of an object in test mode."""

    frozen_time: UnixTime


class PauseCollection(Wire):
    behavior: str


class Subscription(Identified):
    """Read with `expand[]=customer` and `expand[]=test_clock`."""

    customer: Customer
    status: str
    currency: CurrencyCode
    items: Page[SubscriptionItem]
    start_date: UnixTime
    cancel_at: UnixTime | None
    cancel_at_period_end: bool
    ended_at: UnixTime | None
    metadata: dict[str, str]
    automatic_tax: AutomaticTax
    default_tax_rates: list[TaxRate] | None = None
    test_clock: TestClock | None = None
    pause_collection: PauseCollection | None = None


class HolderAddress(Wire):
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


class TaxId(Identified):
    type: Identifier
    value: Annotated[str, Field(min_length=1, max_length=60)]


class Holder(Identified):
    """A customer with its personal data. Read with `expand[]=tax_ids`."""

    deleted: bool = False
    name: str | None = None
    business_name: str | None = None
    email: str | None = None
    currency: CurrencyCode | None = None
    address: HolderAddress | None = None
    tax_ids: Page[TaxId] | None = None


class ErrorBody(Wire):
    """What tells refusals apart. The message is for people and never read."""

    type: str
    code: str | None = None
    param: str | None = None


class ErrorEnvelope(Wire):
    error: ErrorBody


def fault_of(error: ValidationError) -> tuple[str, str]:
    """(JSON path, reason) of the first member that does not fit; never the value itself."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    return f"${path}", first["msg"]
