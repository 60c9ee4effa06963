"""What runs over time: the contract of a subscription, its renewals, invoices and payments."""

from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Money


def _known_zone(name: str) -> str:
    if name not in available_timezones():
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


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class Invoice(Canonical):
    """What billing asked a customer to pay. The ERP's side of it is a Document."""

    invoice_id: Identifier
    customer_id: Identifier
    subscription_id: Identifier | None = None
    status: InvoiceStatus
    total: Money
    due_at: Instant | None = None


class PaymentState(StrEnum):
    CONFIRMED = "confirmed"
    FAILED = "failed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class Payment(Canonical):
    """One attempt to pay an invoice, or what came of it later."""

    payment_id: Identifier
    invoice_id: Identifier
    amount: Money
    state: PaymentState
    at: Instant
