"""/v1/balance_transactions: what refunds and disputes do to the account's own balance.

https://docs.stripe.com/reports/balance-transaction-types. Amounts are minor units; negative leaves
the account. Charges, fees of payments and payouts are not kept here.
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page

_KIND = "balance_transaction"


def moved(ctx: Context, source: Json, customer: str, amount: int, kind: str, **about: int) -> Json:
    """A stored transaction for an object; `about` may name its `fee`."""
    now, fee = ctx.now(customer), about.get("fee", 0)
    currency = source["currency"]
    details = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Dispute fee",
        "type": "stripe_fee",
    }
    transaction: Json = {
        "id": new_id("txn"),
        "object": _KIND,
        "amount": amount,
        "available_on": now,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [details] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "available",
        "type": _TYPES[kind],
        "_customer": customer,
    }
    ctx.store.put(transaction)
    return transaction


# By reporting category (https://docs.stripe.com/reports/reporting-categories).
_TYPES = {
    "dispute": "adjustment",
    "dispute_reversal": "adjustment",
    "refund": "refund",
    "refund_failure": "refund_failure",
}


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One transaction."""
    return ctx.view(ctx.store.need(_KIND, path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By time, `type`, `currency` and `source`."""
    wanted = {name: p.text(name) for name in ("type", "currency", "source")}
    return page(
        ctx,
        p,
        _KIND,
        "/v1/balance_transactions",
        keep=lambda o: all(value is None or o[name] == value for name, value in wanted.items()),
    )


ROUTES: Routes = [
    ("GET", "/v1/balance_transactions", listing),
    ("GET", "/v1/balance_transactions/{id}", retrieve),
]
