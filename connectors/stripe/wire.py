"""Stripe's objects as they travel: only the members we read, each checked for its type.

Source: https://docs.stripe.com/api at the version in `client.API_VERSION`. Members that we do not
read are ignored, so that Stripe may add to its objects; a member that changed its type is found
here, before it can turn into a wrong amount.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

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


class Period(Wire):
    start: UnixTime
    end: UnixTime


class TaxedPrice(Identified):
    """A price where it was asked for with `expand[]`."""

    tax_behavior: str | None = None


class PriceDetails(Wire):
    price: Identifier | TaxedPrice
    product: Identifier


class Pricing(Wire):
    price_details: PriceDetails | None = None


class ItemSource(Wire):
    subscription: Identifier | None = None


class ItemParent(Wire):
    subscription_details: ItemSource | None = None


class InvoiceItem(Identified):
    """A charge or credit that waits for an invoice."""

    amount: int
    currency: CurrencyCode
    description: str | None
    parent: ItemParent | None
    period: Period
    pricing: Pricing | None
    proration: bool
    quantity: int | None
    tax_rates: list[TaxRate] | None = None


class LineSource(Wire):
    #: The invoice item that became this line; None for the regular charge of a period.
    invoice_item: Identifier | None
    proration: bool
    subscription: Identifier | None


class LineParent(Wire):
    invoice_item_details: LineSource | None = None
    subscription_item_details: LineSource | None = None


class Tax(Wire):
    amount: int
    tax_behavior: Literal["inclusive", "exclusive"]


class Credit(Wire):
    """A discount, or a share of a credit grant, taken off before tax."""

    amount: int


class InvoiceLine(Identified):
    amount: int
    currency: CurrencyCode
    description: str | None
    parent: LineParent | None
    period: Period
    pricing: Pricing | None
    quantity: int | None
    taxes: list[Tax] | None
    discount_amounts: list[Credit] | None = None
    pretax_credit_amounts: list[Credit] | None = None


class Shipping(Wire):
    amount_subtotal: int


class Invoice(Identified):
    currency: CurrencyCode
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    lines: Page[InvoiceLine]
    total_excluding_tax: int | None = None
    shipping_cost: Shipping | None = None


class ErrorBody(Wire):
    """What tells refusals apart. The message is for people and never read."""

    type: str
    code: str | None = None
    param: str | None = None


class ErrorEnvelope(Wire):
    error: ErrorBody


class SubscriptionInEvent(Identified):
    """A subscription inside an event, whose ids are never expanded."""

    object: Literal["subscription"]
    customer: Identifier
    cancel_at: UnixTime | None = None
    cancel_at_period_end: bool = False
    items: dict[str, Any] | None = None


class InvoiceParentDetails(Wire):
    subscription: Identifier


class InvoiceParent(Wire):
    subscription_details: InvoiceParentDetails | None = None


class InvoiceInEvent(Identified):
    object: Literal["invoice"]
    customer: Identifier | None
    billing_reason: str | None = None
    parent: InvoiceParent | None


class EventEnvelope(Identified):
    type: Identifier


class EventData(Wire, Generic[T]):
    object: T
    previous_attributes: dict[str, Any] | None = None


class Event(EventEnvelope, Generic[T]):
    created: UnixTime
    data: EventData[T]


class RecurringPrice(Identified):
    """As much of a price as says whether another one is dearer."""

    unit_amount: int | None = None
    currency: str | None = None
    recurring: dict[str, Any] | None = None


class ItemInEvent(Identified):
    price: RecurringPrice
    quantity: int | None = None
    current_period_start: UnixTime | None = None


class ItemsInEvent(Wire):
    data: list[ItemInEvent]


def fault_of(error: ValidationError) -> tuple[str, str]:
    """(JSON path, reason) of the first member that does not fit; never the value itself."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    return f"${path}", first["msg"]
