"""Updating a subscription: what changes, what is prorated, what is billed at once.

https://docs.stripe.com/billing/subscriptions/prorations
"""

import copy

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import bill_now, period_lines, place_period, recurring_of
from sandbox.simulators.stripe.discounts import retire
from sandbox.simulators.stripe.errors import Json, StripeError, declined
from sandbox.simulators.stripe.fields import merge_metadata, tax_rate_ids
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.items import ItemChange, apply_changes, check_alike, read_changes
from sandbox.simulators.stripe.pending_updates import BEHAVIOUR, put_off, require_supported
from sandbox.simulators.stripe.prorations import charge_remaining, check_date, credit_unused
from sandbox.simulators.stripe.settings import (
    apply_discounts,
    apply_pause,
    apply_settings,
    schedule_cancel,
)

TERMINAL = ("canceled", "incomplete_expired")
_BEHAVIOURS = ("create_prorations", "none", "always_invoice")


def update(ctx: Context, subscription: Json, p: Params) -> Json:
    """Apply an update; returns the view."""
    _check_alive(subscription, p)
    before = ctx.view(subscription)
    now = ctx.now(subscription["customer"])
    old = copy.deepcopy(subscription)
    subscription["metadata"] = merge_metadata(p, subscription["metadata"])
    if (rates := tax_rate_ids(ctx, p, "default_tax_rates")) is not None:
        subscription["default_tax_rates"] = rates
    changes = read_changes(ctx, p, subscription, now)
    apply_settings(p, subscription)
    apply_discounts(ctx, p, subscription)
    apply_pause(p, subscription)
    if waits := p.text("payment_behavior") == BEHAVIOUR:
        require_supported(p)
        subscription["_pending"] = True
    rebill(ctx, p, old, subscription, changes)
    subscription = ctx.store.need("subscription", subscription["id"])
    if waits:
        subscription = put_off(ctx, old, subscription)
    schedule_cancel(p, subscription, now)
    return ctx.save(subscription, before, "customer.subscription.updated")


def _check_alive(subscription: Json, p: Params) -> None:
    if subscription["status"] not in TERMINAL:
        return
    allowed = ("metadata", "cancellation_details", "expand")
    if set(p.keys()) - set(allowed):
        raise StripeError(
            "A canceled subscription can only update its cancellation_details and metadata.",
        )


def rebill(
    ctx: Context, p: Params, old: Json, subscription: Json, changes: list[ItemChange]
) -> None:
    """Take over item changes, prorate and bill them, and store the subscription.

    Reads `proration_behavior`, `proration_date`, `billing_cycle_anchor`, `trial_end` and
    `payment_behavior`. `old` is the subscription as it was.
    """
    now = ctx.now(old["customer"])
    behaviour = p.choice("proration_behavior", _BEHAVIOURS) or "create_prorations"
    date = p.time("proration_date")
    at = now if date is None else date
    payment = p.choice(
        "payment_behavior",
        ("allow_incomplete", "default_incomplete", "error_if_incomplete", BEHAVIOUR),
    )
    trial_end, restart = _restart(p)
    apply_changes(subscription, changes)
    _retire_lost(ctx, old, subscription)
    check_alike(ctx, subscription)
    if date is not None:
        check_date(old["items"][0], at)
    if restart or recurring_of(ctx, old) != recurring_of(ctx, subscription):
        _restart_cycle(ctx, old, subscription, at, behaviour, trial_end)
    else:
        _prorate(ctx, old, subscription, changes, at, behaviour)
    if payment == "error_if_incomplete":
        stored = ctx.store.need("subscription", subscription["id"])
        if stored["status"] == "past_due" and old["status"] != "past_due":
            refusal = declined()
            refusal.keep = False
            raise refusal


def _retire_lost(ctx: Context, old: Json, subscription: Json) -> None:
    kept = {key for item in subscription["items"] for key in item["discounts"]}
    for item in old["items"]:
        for key in item["discounts"]:
            if key not in kept:
                retire(ctx, ctx.store.need("discount", key))


def _restart(p: Params) -> tuple[int | None, bool]:
    """A new trial end (None for none), and whether the billing cycle begins anew."""
    trial = p.text("trial_end")
    trial_end = p.time("trial_end") if trial not in (None, "", "now") else None
    if p.is_leaf("billing_cycle_anchor"):
        anchor = p.choice("billing_cycle_anchor", ("now", "unchanged"))
    else:
        data = p.sub("billing_cycle_anchor")
        anchor = data.choice("type", ("now", "unchanged")) if data else None
    return trial_end, bool(trial) or anchor == "now"


def _prorate(
    ctx: Context,
    old: Json,
    subscription: Json,
    changes: list[ItemChange],
    at: int,
    behaviour: str,
) -> None:
    """Credit the old and debit the new state of each changed item, within the current period."""
    if behaviour != "none" and old["status"] != "trialing":
        for change in changes:
            if not change.bills:
                continue
            if change.old is not None:
                credit_unused(ctx, old, change.old, at)
            if change.new is not None:
                charge_remaining(ctx, subscription, change.new, at)
    ctx.store.put(subscription)
    if behaviour == "always_invoice":
        bill_now(ctx, subscription, "subscription_update", [], proration_date=at)


def _restart_cycle(
    ctx: Context,
    old: Json,
    subscription: Json,
    at: int,
    behaviour: str,
    trial_end: int | None,
) -> None:
    """A new anchor: credit what is unused, then bill a whole period (or a trial) at once."""
    now = ctx.now(old["customer"])
    if behaviour != "none" and old["status"] != "trialing":
        for item in old["items"]:
            credit_unused(ctx, old, item, at)
    if trial_end is not None:
        if trial_end <= now:
            raise StripeError("trial_end must be in the future.", param="trial_end")
        subscription |= {
            "status": "trialing",
            "trial_start": subscription["trial_start"] or now,
            "trial_end": trial_end,
            "billing_cycle_anchor": trial_end,
        }
        for item in subscription["items"]:
            item |= {"current_period_start": now, "current_period_end": trial_end}
    else:
        if subscription["status"] == "trialing":
            subscription |= {"status": "active", "trial_end": now}
        subscription["billing_cycle_anchor"] = now
        place_period(ctx, subscription, now)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = subscription["items"][0]["current_period_end"]
    ctx.store.put(subscription)
    bill_now(
        ctx,
        subscription,
        "subscription_update",
        period_lines(ctx, subscription),
        proration_date=at,
    )
