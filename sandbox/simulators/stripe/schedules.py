"""/v1/subscription_schedules: changes of a subscription that are agreed ahead.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, living, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.schedule_phases import (
    KIND,
    begin,
    finish,
    phase_of,
    read_phases,
    release,
)

_ENDS = ("release", "cancel")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Of phases that are told, or of a subscription as it is."""
    if key := p.text("from_subscription"):
        return _from_subscription(ctx, p, key)
    customer = living(ctx, p.need("customer"), "customer")
    now = ctx.now(customer["id"])
    start = now if p.text("start_date") in (None, "now") else p.time("start_date") or now
    schedule = _blank(customer, now) | {
        "end_behavior": p.choice("end_behavior", _ENDS) or "release",
        "phases": read_phases(ctx, p, start),
        "metadata": merge_metadata(p, {}),
    }
    shown = ctx.create(schedule, "subscription_schedule.created")
    if start <= now:
        begin(ctx, schedule, schedule["phases"][0])
        shown = ctx.view(ctx.store.need(KIND, schedule["id"]))
    return shown


def _from_subscription(ctx: Context, p: Params, key: str) -> Json:
    subscription = ctx.store.need("subscription", key, "from_subscription")
    if subscription["schedule"] is not None:
        raise StripeError(
            "You cannot migrate a subscription that is already attached to a schedule: "
            f"{subscription['schedule']}.",
            param="from_subscription",
        )
    customer = ctx.store.need("customer", subscription["customer"])
    schedule = _blank(customer, ctx.now(customer["id"])) | {
        "phases": [phase_of(subscription)],
        "metadata": merge_metadata(p, {}),
        "status": "active",
        "subscription": key,
        "_subscription": key,
    }
    first = schedule["phases"][0]
    schedule["current_phase"] = {name: first[name] for name in ("start_date", "end_date")}
    shown = ctx.create(schedule, "subscription_schedule.created")
    before = ctx.view(subscription)
    subscription["schedule"] = schedule["id"]
    ctx.save(subscription, before, "customer.subscription.updated")
    return shown


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Other phases from the current one on, which itself stays as it began."""
    schedule = _living(ctx, path["id"])
    before = ctx.view(schedule)
    schedule["end_behavior"] = p.choice("end_behavior", _ENDS) or schedule["end_behavior"]
    schedule["metadata"] = merge_metadata(p, schedule["metadata"])
    p.choice("proration_behavior", ("create_prorations", "none", "always_invoice"))
    if p.has("phases"):
        start = schedule["phases"][0]["start_date"]
        schedule["phases"] = read_phases(ctx, p, start)
        if current := schedule["current_phase"]:
            now = ctx.now(schedule["customer"])
            held = next((one for one in schedule["phases"] if now < one["end_date"]), None)
            if held is None:
                raise StripeError("A phase has to go on after now.", param="phases")
            current |= {name: held[name] for name in ("start_date", "end_date")}
    return ctx.save(schedule, before, "subscription_schedule.updated")


def do_release(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Let the subscription go on by itself, as it is."""
    p.boolean("preserve_cancel_date")
    return release(ctx, _living(ctx, path["id"]))


def do_cancel(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """End the subscription with it."""
    schedule = _living(ctx, path["id"])
    now, prorate = p.boolean("invoice_now"), p.boolean("prorate")
    return finish(ctx, schedule, invoice_now=now is not False, prorate=prorate is not False)


def _living(ctx: Context, key: str) -> Json:
    schedule = ctx.store.need(KIND, key)
    if schedule["status"] not in ("not_started", "active"):
        raise StripeError(
            f"You cannot change a subscription schedule that is {schedule['status']}."
        )
    return schedule


def _blank(customer: Json, now: int) -> Json:
    return {
        "id": new_id("sub_sched"),
        "object": KIND,
        "application": None,
        "billing_mode": {"flexible": None, "type": "flexible", "updated_at": None},
        "canceled_at": None,
        "completed_at": None,
        "created": now,
        "current_phase": None,
        "customer": customer["id"],
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "custom_fields": None,
                "days_until_due": None,
                "description": None,
                "footer": None,
                "issuer": {"type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "pause_schedules": [],
        "phases": [],
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": customer["test_clock"],
        "_subscription": None,
    }


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer, and by how far they are."""
    flags = {name: p.boolean(name) for name in ("scheduled", "canceled", "completed", "released")}
    statuses = {
        "not_started" if name == "scheduled" else name for name, asked in flags.items() if asked
    }
    return page(
        ctx,
        p,
        KIND,
        "/v1/subscription_schedules",
        customer=p.text("customer"),
        keep=lambda o: not statuses or o["status"] in statuses,
    )


ROUTES: Routes = [
    ("POST", "/v1/subscription_schedules", create),
    ("GET", "/v1/subscription_schedules", listing),
    (
        "GET",
        "/v1/subscription_schedules/{id}",
        lambda c, _p, path: c.view(c.store.need(KIND, path["id"])),
    ),
    ("POST", "/v1/subscription_schedules/{id}", update),
    ("POST", "/v1/subscription_schedules/{id}/release", do_release),
    ("POST", "/v1/subscription_schedules/{id}/cancel", do_cancel),
]
