"""/v1/coupons (https://docs.stripe.com/api/coupons)."""

import secrets

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import Routes, deleted, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import currency_code

_DURATIONS = ("forever", "once", "repeating")
_LONGEST_NAME = 40


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A percentage or a fixed amount off, with the caller's `id` if one is given."""
    key = p.text("id") or secrets.token_hex(4).upper()
    if ctx.store.get(key):
        raise StripeError(
            "Coupon already exists.", code="resource_already_exists", param=p.name("id")
        )
    percent, amount = _what(p)
    duration = p.choice("duration", _DURATIONS) or "once"
    currency = currency_code(p.need("currency")) if amount is not None else None
    if amount is None and p.has("currency"):
        raise StripeError("You may only set a currency with an amount_off.", param="currency")
    products = p.sub("applies_to")
    named = (products.strings("products") or []) if products else []
    for product in named:
        ctx.store.need("product", product, "applies_to[products]")
    obj: Json = {
        "id": key,
        "object": "coupon",
        "amount_off": amount,
        "created": ctx.now(),
        "currency": currency,
        "duration": duration,
        "duration_in_months": _months(p, duration),
        "livemode": False,
        "max_redemptions": p.integer("max_redemptions", 1),
        "metadata": merge_metadata(p, {}),
        "name": _name(p),
        "percent_off": percent,
        "redeem_by": p.time("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
        "_applies_to": {"products": named} if named else None,
    }
    return ctx.create(obj, "coupon.created")


def redeemable(ctx: Context, key: str, param: str | None = None) -> Json:
    """The coupon, unless it was deleted: then only the discounts made of it know it."""
    found = ctx.store.need("coupon", key, param)
    if found.get("_deleted"):
        raise missing("coupon", key[:80], param)
    return found


def _what(p: Params) -> tuple[float | None, int | None]:
    percent, amount = p.decimal("percent_off"), p.integer("amount_off", 1)
    if (percent is None) == (amount is None):
        raise StripeError(
            "You must pass exactly one of percent_off or amount_off.",
            code="parameter_missing",
            param="percent_off",
        )
    if percent is not None and not 0 < percent <= 100:
        raise StripeError(
            "Invalid percent_off: must be greater than 0 and at most 100.", param="percent_off"
        )
    return None if percent is None else float(percent), amount


def _months(p: Params, duration: str) -> int | None:
    months = p.integer("duration_in_months", 1, 120)
    if (duration == "repeating") != (months is not None):
        raise StripeError(
            "duration_in_months goes with duration repeating, and only with that.",
            code="parameter_missing" if months is None else None,
            param="duration_in_months",
        )
    return months


def _name(p: Params) -> str | None:
    name = p.text("name") or None
    if name and len(name) > _LONGEST_NAME:
        raise StripeError(
            f"Invalid string: {name[:40]}…; must be at most {_LONGEST_NAME} characters",
            param="name",
        )
    return name


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Name and metadata; what a coupon takes off never changes."""
    obj = redeemable(ctx, path["id"])
    before = ctx.view(obj)
    if p.has("name"):
        obj["name"] = _name(p)
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    return ctx.save(obj, before, "coupon.updated")


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """No more redemptions; discounts that were made of it go on."""
    obj = redeemable(ctx, path["id"])
    obj |= {"valid": False, "_deleted": True}
    ctx.store.put(obj)
    ctx.emit("coupon.deleted", ctx.view(obj))
    return deleted(obj)


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One coupon."""
    return ctx.view(redeemable(ctx, path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """All coupons, the newest first."""
    return page(ctx, p, "coupon", "/v1/coupons", keep=lambda o: not o.get("_deleted"))


ROUTES: Routes = [
    ("POST", "/v1/coupons", create),
    ("GET", "/v1/coupons", listing),
    ("GET", "/v1/coupons/{id}", retrieve),
    ("POST", "/v1/coupons/{id}", update),
    ("DELETE", "/v1/coupons/{id}", delete),
]
