"""A target's answers as they travel. Members that we do not read are ignored, so that a target
may say more than it has to."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Receipt(Wire):
    """What the target holds after the request, also where that is newer than what it was sent."""

    customer_id: str
    revision: Annotated[int, Field(ge=0)]


class HeldFeature(Wire):
    feature: Annotated[str, Field(min_length=1, max_length=255)]
    quantity: Annotated[int, Field(ge=1)]
    until: AwareDatetime | None


class Held(Receipt):
    """All that the target holds of a customer, in the members that it was told."""

    features: tuple[HeldFeature, ...]


class ErrorAnswer(Wire):
    """`error` is one word for the reason, which we show to people."""

    error: str
