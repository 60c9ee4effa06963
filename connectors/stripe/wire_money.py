"""Money at Stripe as it travels: what was paid on invoices, given back and disputed.

Source: https://docs.stripe.com/api/invoice-payment, https://docs.stripe.com/api/refunds,
https://docs.stripe.com/api/disputes, https://docs.stripe.com/api/payment_intents.
"""

from typing import Literal

from canonical_models.base import Identifier
from connectors.stripe.wire import CurrencyCode, Identified, UnixTime, Wire


class PaymentSource(Wire):
    """What brought the money; a payment record is of what was paid elsewhere."""

    type: Literal["charge", "payment_intent", "payment_record"] | None = None
    payment_intent: Identifier | None = None
    charge: Identifier | None = None
    payment_record: Identifier | None = None

    @property
    def at_stripe(self) -> str | None:
        """What names the payment for good; None where Stripe took no money."""
        return self.payment_intent or self.charge


class PaymentTransitions(Wire):
    paid_at: UnixTime | None = None


class InvoicePayment(Identified):
    """The share of a payment that goes to one invoice. The default one is of a payment that was
    made for this invoice alone; others may be shares of one that pays several."""

    #: None until it is paid.
    amount_paid: int | None
    created: UnixTime
    currency: CurrencyCode
    invoice: Identifier
    is_default: bool = True
    payment: PaymentSource
    status: Literal["open", "paid", "canceled"]
    status_transitions: PaymentTransitions


class PaymentIntent(Identified):
    """Whether an invoice is overdue depends on it."""

    status: Literal[
        "canceled",
        "processing",
        "requires_action",
        "requires_capture",
        "requires_confirmation",
        "requires_payment_method",
        "succeeded",
    ]


class OfPayment(Identified):
    """A charge, refund or dispute, by the payment that it is of."""

    payment_intent: Identifier | None = None
    charge: Identifier | None = None


class Refund(OfPayment):
    amount: int
    created: UnixTime
    currency: CurrencyCode
    #: None for refunds of long ago, which went through.
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"] | None


class FundsMovement(Wire):
    """A movement on our balance at Stripe, in the currency of that balance."""

    amount: int
    created: UnixTime


class Dispute(OfPayment):
    amount: int
    created: UnixTime
    currency: CurrencyCode
    status: Literal[
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
        "prevented",
        "won",
        "lost",
    ]
    #: What it took and what it gave back.
    balance_transactions: list[FundsMovement]
