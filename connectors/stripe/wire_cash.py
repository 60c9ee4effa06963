"""Our own balance at Stripe as it travels: what moves it, what is on it, and payouts.

Source: https://docs.stripe.com/api/balance_transactions, https://docs.stripe.com/api/balance,
https://docs.stripe.com/api/payouts.
"""

from typing import Literal

from canonical_models.base import Identifier
from connectors.stripe.wire import CurrencyCode, Identified, UnixTime, Wire


class FeeDetail(Wire):
    """A part of a fee."""

    amount: int
    type: Literal[
        "application_fee", "payment_method_passthrough_fee", "stripe_fee", "tax", "withheld_tax"
    ]


class Source(Identified):
    """What a transaction is of; of charges, refunds and disputes in the customer's currency."""

    object: str
    amount: int | None = None
    currency: CurrencyCode | None = None
    payment_intent: Identifier | None = None


class BalanceTransaction(Identified):
    """`source` is read whole, where there is one."""

    amount: int
    created: UnixTime
    currency: CurrencyCode
    fee: int
    fee_details: list[FeeDetail]
    net: int
    reporting_category: str
    source: Source | None
    type: str


class Held(Wire):
    amount: int
    currency: CurrencyCode


class Balance(Wire):
    available: list[Held]
    pending: list[Held]


class PayoutRead(Identified):
    amount: int
    arrival_date: UnixTime
    automatic: bool
    created: UnixTime
    currency: CurrencyCode
    #: What brought the money back, once it did.
    failure_balance_transaction: Identifier | None = None
    reconciliation_status: Literal["completed", "in_progress", "not_applicable"]
    status: Literal["pending", "in_transit", "paid", "failed", "canceled"]


class PayoutInEvent(Identified):
    object: Literal["payout"]
