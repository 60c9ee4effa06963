"""Members that an object has only when they are asked for by `expand[]`.

https://docs.stripe.com/expand#includable-properties
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.customer_balance import credit_by_currency
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.payments import on_charge, payments_of
from sandbox.simulators.stripe.price_forms import shown_options
from sandbox.simulators.stripe.views import embedded_list

_MOST = 10
_INCLUDABLE = {
    ("invoice", "payments"),
    ("charge", "dispute"),
    ("charge", "refunds"),
    ("coupon", "applies_to"),
    ("customer", "invoice_credit_balance"),
    ("customer", "tax_ids"),
    ("price", "currency_options"),
    ("price", "tiers"),
}


def is_includable(shown: Json, name: str) -> bool:
    """Whether `name` can be asked for on an object of this kind."""
    return (shown.get("object"), name) in _INCLUDABLE


def included(ctx: Context, shown: Json, name: str) -> Json | list[Json] | None:
    """The value of an includable member of a shown object; None where there is none."""
    obj = ctx.store.get(shown["id"])
    if obj is None:  # a preview, which nothing was ever paid on
        return None
    match name:
        case "payments":
            found = payments_of(ctx, obj)
            return _list(ctx, found, f"/v1/invoice_payments?invoice={obj['id']}")
        case "refunds":
            found = on_charge(ctx, "refund", obj)
            return _list(ctx, found, f"/v1/charges/{obj['id']}/refunds")
        case "dispute":
            disputes = on_charge(ctx, "dispute", obj)
            return ctx.view(disputes[0]) if disputes else None
        case "applies_to":
            products: Json | None = obj["_applies_to"]
            return products
        case "currency_options":
            return shown_options(obj)
        case "tiers":
            tiers: list[Json] | None = obj["_tiers"]
            return tiers
        case "invoice_credit_balance":
            return dict(credit_by_currency(obj))
        case _:
            found = list(ctx.store.find("tax_id", customer=obj["id"]))
            return _list(ctx, found, f"/v1/customers/{obj['id']}/tax_ids")


def _list(ctx: Context, found: list[Json], url: str) -> Json:
    shown = embedded_list([ctx.view(obj) for obj in found], url, _MOST)
    # Stripe counts only the embedded lists that are always there.
    del shown["total_count"]
    return shown
