"""/v1/customers/{id}/balance_transactions: what moved a customer's balance, and moving it by hand.

https://docs.stripe.com/api/customer_balance_transactions
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.customer_balance import post
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import Routes, living, merge_metadata, set_texts
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import currency_code

_KIND = "customer_balance_transaction"


def create(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """An adjustment by hand: negative gives credit, positive takes it."""
    customer = living(ctx, path["id"])
    p.need("amount")
    amount, currency = p.integer("amount"), currency_code(p.need("currency"))
    if not amount:
        raise StripeError("Amount must be a non-zero integer.", param="amount")
    made = post(
        ctx,
        customer,
        amount,
        "adjustment",
        currency,
        description=p.text("description") or None,
        metadata=merge_metadata(p, {}),
    )
    return ctx.view(made)


def _of_customer(ctx: Context, path: dict[str, str]) -> Json:
    found = ctx.store.need(_KIND, path["transaction"])
    if found["customer"] != path["id"]:
        raise missing(_KIND, path["transaction"][:80], None)
    return found


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One transaction."""
    return ctx.view(_of_customer(ctx, path))


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Description and metadata; the ledger itself is immutable."""
    found = _of_customer(ctx, path)
    set_texts(p, found, ("description",))
    found["metadata"] = merge_metadata(p, found["metadata"])
    ctx.store.put(found)
    return ctx.view(found)


def listing(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """The customer's transactions, the newest first, by time and `invoice`."""
    customer = ctx.store.need("customer", path["id"])
    invoice = p.text("invoice")
    return page(
        ctx,
        p,
        _KIND,
        f"/v1/customers/{customer['id']}/balance_transactions",
        customer=customer["id"],
        keep=lambda o: invoice is None or o["invoice"] == invoice,
    )


_PATH = "/v1/customers/{id}/balance_transactions"
ROUTES: Routes = [
    ("POST", _PATH, create),
    ("GET", _PATH, listing),
    ("GET", _PATH + "/{transaction}", retrieve),
    ("POST", _PATH + "/{transaction}", update),
]
