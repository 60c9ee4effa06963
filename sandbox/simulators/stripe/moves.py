"""What moves the account's own balance: charges with their fees, refunds, disputes, payouts.

https://docs.stripe.com/reports/balance-transaction-types. Amounts are minor units; negative leaves
the account. All is available at once.
"""

from decimal import ROUND_HALF_UP, Decimal

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.money import exponent

KIND = "balance_transaction"
SETTING = "cash"
# What is kept of each charge, per cent and in minor units of the balance, and the tax on that, per
# cent. What all money is converted into, and what one unit of other currencies is worth in it; with
# None each currency has a balance of its own.
DEFAULT_CASH: Json = {
    "fee_percent": "1.5",
    "fee_fixed": 25,
    "fee_tax_percent": "0",
    "balance_currency": None,
    "rates": {},
}

# By reporting category (https://docs.stripe.com/reports/reporting-categories).
_TYPES = {
    "charge": "charge",
    "dispute": "adjustment",
    "dispute_reversal": "adjustment",
    "fee": "stripe_fee",
    "other_adjustment": "adjustment",
    "payout": "payout",
    "payout_reversal": "payout_failure",
    "refund": "refund",
    "refund_failure": "refund_failure",
}


def cash(ctx: Context) -> Json:
    """All settings in force."""
    return DEFAULT_CASH | ctx.store.setting(SETTING, {})


def moved(ctx: Context, source: Json, customer: str, amount: int, kind: str, **about: int) -> Json:
    """A stored transaction for an object of a customer; `about` may name its `fee`."""
    fee, currency = about.get("fee", 0), source["currency"]
    into, rate = _conversion(ctx, currency)
    if rate is not None:
        amount, fee = (_converted(each, currency, into, rate) for each in (amount, fee))
    return entered(
        ctx,
        amount,
        into,
        kind,
        source=source["id"],
        at=ctx.now(customer),
        fees=_fees(fee, into, "Dispute fee"),
        about=_about(rate, customer),
    )


def charged(ctx: Context, charge: Json) -> Json:
    """A stored transaction for money that was taken, less what Stripe keeps of it."""
    into, rate = _conversion(ctx, charge["currency"])
    amount = charge["amount"]
    if rate is not None:
        amount = _converted(amount, charge["currency"], into, rate)
    settings = cash(ctx)
    share = Decimal(amount) * Decimal(settings["fee_percent"]) / 100
    fee = _whole(share) + settings["fee_fixed"]
    tax = _whole(Decimal(fee) * Decimal(settings["fee_tax_percent"]) / 100)
    fees = _fees(fee, into, "Stripe processing fees")
    fees += _fees(tax, into, "VAT", "tax")
    return entered(
        ctx,
        amount,
        into,
        "charge",
        source=charge["id"],
        at=ctx.now(charge["customer"]),
        fees=fees,
        about=_about(rate, charge["customer"]),
    )


def entered(
    ctx: Context,
    amount: int,
    currency: str,
    kind: str,
    *,
    source: str | None,
    at: int,
    fees: list[Json] | None = None,
    about: Json | None = None,
) -> Json:
    """A stored transaction in the currency of a balance; `about` are members of it beside."""
    fee = sum(each["amount"] for each in fees or [])
    transaction: Json = {
        "id": new_id("txn"),
        "object": KIND,
        "amount": amount,
        "available_on": at,
        "balance_type": "payments",
        "created": at,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees or [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source,
        "status": "available",
        "type": _TYPES[kind],
        "_customer": None,
        "_payout": None,
        **(about or {}),
    }
    ctx.store.put(transaction)
    return transaction


def _about(rate: Decimal | None, customer: str) -> Json:
    return {"exchange_rate": None if rate is None else float(rate), "_customer": customer}


def _conversion(ctx: Context, currency: str) -> tuple[str, Decimal | None]:
    """The currency of the balance, and what one unit is worth in it where it is another."""
    settings = cash(ctx)
    into = settings["balance_currency"] or currency
    return into, None if into == currency else Decimal(settings["rates"][currency])


def _converted(amount: int, currency: str, into: str, rate: Decimal) -> int:
    return _whole(Decimal(amount).scaleb(exponent(into) - exponent(currency)) * rate)


def _whole(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _fees(amount: int, currency: str, words: str, kind: str = "stripe_fee") -> list[Json]:
    if not amount:
        return []
    return [
        {
            "amount": amount,
            "application": None,
            "currency": currency,
            "description": words,
            "type": kind,
        }
    ]
