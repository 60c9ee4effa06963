"""Stripe's objects as they travel: only the members we read, each checked for its type.

Source: https://docs.stripe.com/api at the version in `API_VERSION`. Members that we do not
read are ignored, so that Stripe may add to its objects; a member that changed its type is found
here, before it can turn into a wrong amount.
"""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from canonical_models.base import Identifier
from connectors.stripe.words import BillingScheme, TaxType, UsageType

#: Unix seconds, up to the last that a datetime can hold.
UnixTime = Annotated[int, Field(ge=0, le=253_402_300_799)]
CurrencyCode = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
#: A decimal as a JSON string: a price per unit, or a quantity.
DecimalText = Annotated[str, Field(pattern=r"^-?\d{1,24}(\.\d{1,12})?$")]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


T = TypeVar("T")


def _as_shown(value: Any, fit: ValidatorFunctionWrapHandler) -> Any:
    try:
        return fit(value)
    except ValidationError:
        return None


#: Of what people look at and nothing is decided by: what does not fit is not shown, and stops
#: nothing.
Shown = Annotated[T | None, WrapValidator(_as_shown)]


class Page(Wire, Generic[T]):
    """One page of a list; the next one starts after its last object."""

    data: list[T]
    has_more: bool


class Identified(Wire):
    id: Identifier


class TaxRate(Identified):
    """A rate as it was set up by hand or as Stripe Tax made it; its percentage never changes."""

    inclusive: bool
    #: Per cent; Stripe writes it as a JSON number. None for a flat amount.
    percentage: int | float | None
    country: str | None = None
    tax_type: TaxType = None


class Recurring(Wire):
    usage_type: UsageType = None


class TransformQuantity(Wire):
    divide_by: int


class Price(Identified):
    """What a line was charged is the line's own: the amounts of a price are for comparing plans."""

    currency: Shown[str] = None
    product: Identifier
    billing_scheme: Shown[BillingScheme] = None
    unit_amount: Shown[int] = None
    unit_amount_decimal: Shown[DecimalText] = None
    recurring: Shown[Recurring] = None
    #: Of a price per package.
    transform_quantity: Shown[TransformQuantity] = None
    metadata: dict[str, str] = Field(default_factory=dict)


class TestClock(Identified):
    """Simulated time of objects in test mode."""

    frozen_time: UnixTime


class ErrorBody(Wire):
    """What tells refusals apart. The message is for people and never read."""

    type: str
    code: str | None = None
    param: str | None = None


class ErrorEnvelope(Wire):
    error: ErrorBody
