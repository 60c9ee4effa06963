"""Discounts: coupons redeemed for a customer, a subscription, an item or a single invoice.

https://docs.stripe.com/billing/subscriptions/coupons. Objects refer to discounts by id; a discount
that has ended stays stored, since final invoices go on naming it.
"""

from typing import Any

from sandbox.simulators.stripe.context import Context, changed, new_id
from sandbox.simulators.stripe.coupons import redeemable
from sandbox.simulators.stripe.discounting import Off, off
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.periods import boundary


def redeem(
    ctx: Context,
    coupon: Json,
    customer: Json,
    *,
    param: str | None = None,
    holder: str | None = None,
    **place: str | None,
) -> Json:
    """A stored discount of a coupon. `place` names what it is on: `subscription`, `invoice`, …

    `holder` is the subscription that has it, be it on one of its items.

    Raises `StripeError` for a coupon that may not be redeemed any more.
    """
    now = ctx.now(customer["id"])
    if not _is_valid(coupon, now):
        raise StripeError(
            f"Coupon {coupon['id']} is used up or expired and can't be applied.",
            code="coupon_expired",
            param=param,
        )
    coupon["times_redeemed"] += 1
    coupon["valid"] = _is_valid(coupon, now)
    ctx.store.put(coupon)
    months = coupon["duration_in_months"]
    discount: Json = {
        "id": new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": customer["id"],
        "customer_account": None,
        "end": boundary(now, "month", 1, months) if months else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": now,
        "subscription": None,
        "subscription_item": None,
        **place,
        "_subscription": holder,
        "_coupon": {
            "amount_off": coupon["amount_off"],
            "applies_to": coupon["_applies_to"],
            "currency": coupon["currency"],
            "duration": coupon["duration"],
            "percent_off": coupon["percent_off"],
        },
        "_test_clock": customer["test_clock"],
    }
    ctx.store.put(discount)
    return discount


def _is_valid(coupon: Json, now: int) -> bool:
    most, until = coupon["max_redemptions"], coupon["redeem_by"]
    return (most is None or coupon["times_redeemed"] < most) and (until is None or now <= until)


def read_discounts(
    ctx: Context,
    p: Params,
    customer: Json,
    currency: str,
    *,
    known: list[str],
    holder: str | None = None,
    **place: str | None,
) -> list[str] | None:
    """Ids by the form's `discounts`, None when it has none; coupons are redeemed for `place`.

    `known` are the discounts of the object and of what it belongs to, which may be named again;
    `holder` and `place` are as in `redeem`.
    """
    given = p.subs("discounts")
    if given is None:
        return None
    found: list[str] = []
    for entry in given:
        if key := entry.text("discount"):
            if key not in known:
                raise StripeError(
                    f"No such discount: '{key[:80]}'",
                    code="resource_missing",
                    param=entry.name("discount"),
                )
            found.append(key)
            continue
        name = entry.name("coupon")
        coupon = redeemable(ctx, entry.need("coupon"), name)
        if coupon["currency"] not in (None, currency):
            raise StripeError(
                f"The coupon {coupon['id']} is in {coupon['currency']} and cannot be applied in "
                f"{currency}.",
                param=name,
            )
        made = redeem(ctx, coupon, customer, param=name, holder=holder, **place)
        found.append(made["id"])
    if len(set(found)) < len(found):
        raise StripeError("Each discount can be applied once.", param=p.name("discounts"))
    return found


def announce(ctx: Context, old: list[str], new: list[str]) -> None:
    """`customer.discount.*` for discounts that a customer or a subscription gained and lost."""
    for key in old:
        if key not in new:
            retire(ctx, ctx.store.need("discount", key))
    for key in new:
        if key not in old:
            ctx.emit("customer.discount.created", ctx.view(ctx.store.need("discount", key)))


def switch(ctx: Context, old: Json, new: Json) -> None:
    """`customer.discount.updated`: a customer goes from one coupon to another."""
    old["_gone"] = True
    ctx.store.put(old)
    shown = ctx.view(new)
    ctx.emit("customer.discount.updated", shown, changed(ctx.view(old), shown))


def retire(ctx: Context, discount: Json) -> None:
    """Mark a discount as taken off, with `customer.discount.deleted` where Stripe sends it.

    Stripe tells of the discounts of customers and subscriptions, not of an item's.
    """
    discount["_gone"] = True
    ctx.store.put(discount)
    if not discount["subscription_item"]:
        ctx.emit("customer.discount.deleted", ctx.view(discount))


def offs(ctx: Context, keys: list[str], currency: str) -> list[Off]:
    """What the discounts take, without those whose fixed amount is in another currency."""
    found = (ctx.store.need("discount", key) for key in keys)
    return [off(one) for one in found if one["_coupon"]["currency"] in (None, currency)]


def in_force(ctx: Context, keys: list[str], now: int) -> list[str]:
    """Those of the discounts that have not ended."""
    found = (ctx.store.need("discount", key) for key in keys)
    return [one["id"] for one in found if one["end"] is None or one["end"] > now]


def inherited(ctx: Context, customer: Json, subscription: Json | None) -> list[str]:
    """What an invoice takes over: the subscription's discounts, or else the customer's."""
    own: list[str] = (subscription or {}).get("discounts") or []
    if not own and customer["discount"]:
        own = [customer["discount"]]
    return in_force(ctx, own, ctx.now(customer["id"]))


def detach(ctx: Context, discount: Json) -> None:
    """Take a discount off what it is on, with the events of both.

    What has ended, or was deleted, keeps the discount that it ended with.
    """
    customer = ctx.store.need("customer", discount["customer"])
    subscription = ctx.store.get(discount["_subscription"] or "")
    if customer.get("_deleted") or (subscription and subscription["ended_at"]):
        discount["_gone"] = True
        ctx.store.put(discount)
        return
    retire(ctx, discount)
    if subscription is not None:
        before = ctx.view(subscription)
        drop(subscription, discount["id"])
        ctx.save(subscription, before, "customer.subscription.updated")
    else:
        before = ctx.view(customer)
        customer["discount"] = None
        ctx.save(customer, before, "customer.updated")


def drop(subscription: Json, key: str) -> None:
    """Remove a discount's id from a subscription and its items, in place."""
    holders: list[dict[str, Any]] = [subscription, *subscription["items"]]
    for holder in holders:
        holder["discounts"] = [known for known in holder["discounts"] if known != key]


def use_up(ctx: Context, invoice: Json, subscription: Json | None) -> None:
    """End the `once` discounts that an invoice has used on an amount other than zero.

    `subscription` is the caller's copy, changed in place like the stored one.
    """
    used = {
        entry["discount"]
        for line in invoice["lines"]
        if line["amount"]
        for entry in line["discount_amounts"]
    }
    stored = ctx.store.get(invoice["_subscription"] or "")
    for key in sorted(used):
        discount = ctx.store.need("discount", key)
        alone = discount["invoice"] or discount["invoice_item"]
        if discount["_coupon"]["duration"] != "once" or discount.get("_gone") or alone:
            continue
        if discount["_subscription"]:
            retire(ctx, discount)
        else:
            detach(ctx, discount)
        for copy in (stored, subscription):
            if copy is not None:
                drop(copy, key)
    if stored is not None:
        ctx.store.put(stored)
