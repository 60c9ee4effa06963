"""Taking the discount off a customer or a subscription.

https://docs.stripe.com/api/discounts
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.discounts import detach
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, deleted
from sandbox.simulators.stripe.forms import Params


def of_customer(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """The discount of a customer ends at once."""
    customer = ctx.store.need("customer", path["id"])
    return _remove(ctx, [customer["discount"]] if customer["discount"] else [])


def of_subscription(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """All discounts of a subscription end at once; those of its items stay."""
    return _remove(ctx, ctx.store.need("subscription", path["id"])["discounts"])


def _remove(ctx: Context, keys: list[str]) -> Json:
    if not keys:
        raise StripeError(
            "No active discount for this object.", status=404, code="resource_missing"
        )
    for key in keys:
        detach(ctx, ctx.store.need("discount", key))
    gone = ctx.store.need("discount", keys[-1])
    return ctx.view(gone) | deleted(gone)


ROUTES: Routes = [
    ("DELETE", "/v1/customers/{id}/discount", of_customer),
    ("DELETE", "/v1/subscriptions/{id}/discount", of_subscription),
]
