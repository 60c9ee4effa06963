"""The phases of a schedule: read, begun each in its time, and what comes after the last."""

from collections.abc import Sequence

from sandbox.simulators.stripe import subscriptions
from sandbox.simulators.stripe.changes import TERMINAL
from sandbox.simulators.stripe.changes import update as change
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import end
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import merge_metadata, tax_rate_ids
from sandbox.simulators.stripe.forms import MOST_QUANTITY, Params, Tree
from sandbox.simulators.stripe.periods import boundary

KIND = "subscription_schedule"
_BEHAVIOURS = ("create_prorations", "none", "always_invoice")


def read_phases(ctx: Context, p: Params, start: int) -> list[Json]:
    """The phases of a form, one after the other from `start` on."""
    found: list[Json] = []
    for data in p.subs("phases") or [p.need_sub("phases")]:
        begins = data.text("start_date")
        at = start if begins in (None, "now") else data.time("start_date") or start
        if at != start:
            raise StripeError("Phases follow each other without a gap.", param="phases")
        phase = _phase(ctx, data, start)
        if phase["end_date"] <= start:
            raise StripeError("A phase ends after it starts.", param=data.name("end_date"))
        found.append(phase)
        start = phase["end_date"]
    return found


def _phase(ctx: Context, data: Params, start: int) -> Json:
    items = [_item(ctx, each) for each in data.subs("items") or [data.need_sub("items")]]
    length, until = data.sub("duration"), data.time("end_date")
    if (length is None) == (until is None):
        raise StripeError("A phase has a duration or an end_date.", param=data.name("end_date"))
    if length is not None:
        interval = length.choice("interval", ("day", "week", "month", "year"))
        count = length.integer("interval_count", 1) or 1
        until = boundary(start, interval or length.need("interval"), count, 1)
    rates = tax_rate_ids(ctx, data, "default_tax_rates")
    return _blank(ctx.store.need("price", items[0]["price"])["currency"]) | {
        "default_tax_rates": rates,
        "end_date": until,
        "items": items,
        "metadata": merge_metadata(data, {}),
        "proration_behavior": data.choice("proration_behavior", _BEHAVIOURS) or "create_prorations",
        "start_date": start,
    }


def _item(ctx: Context, data: Params) -> Json:
    price = ctx.store.need("price", data.need("price"), data.name("price"))
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": merge_metadata(data, {}),
        "plan": price["id"],
        "price": price["id"],
        "quantity": data.integer("quantity", 0, MOST_QUANTITY),
        "tax_rates": tax_rate_ids(ctx, data, "tax_rates"),
    }


def phase_of(subscription: Json) -> Json:
    """The current period of a subscription as a phase."""
    items = [
        {
            "billing_thresholds": None,
            "discounts": [],
            "metadata": dict(item["metadata"]),
            "plan": item["price"],
            "price": item["price"],
            "quantity": item["quantity"],
            "tax_rates": list(item["tax_rates"]),
        }
        for item in subscription["items"]
    ]
    first = subscription["items"][0]
    return _blank(subscription["currency"]) | {
        "default_tax_rates": list(subscription["default_tax_rates"]),
        "end_date": first["current_period_end"],
        "items": items,
        "proration_behavior": "create_prorations",
        "start_date": first["current_period_start"],
    }


def _blank(currency: str) -> Json:
    empty = dict.fromkeys(
        [
            "application_fee_percent",
            "automatic_tax",
            "billing_cycle_anchor",
            "billing_thresholds",
            "collection_method",
            "default_payment_method",
            "description",
            "invoice_settings",
            "on_behalf_of",
            "transfer_data",
            "trial",
            "trial_end",
        ]
    )
    return {**empty, "add_invoice_items": [], "currency": currency, "discounts": [], "metadata": {}}


def step(ctx: Context, schedule: Json) -> None:
    """What is due: the next phase, or the end."""
    if schedule["status"] == "not_started":
        begin(ctx, schedule, schedule["phases"][0])
        return
    ended = schedule["current_phase"]["end_date"]
    following = next((one for one in schedule["phases"] if one["start_date"] == ended), None)
    subscription = ctx.store.need("subscription", schedule["subscription"])
    if subscription["status"] in TERMINAL:
        _close(ctx, schedule, "canceled", "canceled_at", "subscription_schedule.canceled")
    elif following is not None:
        begin(ctx, schedule, following)
    elif schedule["end_behavior"] == "cancel":
        finish(ctx, schedule, invoice_now=True, prorate=False, word="completed")
    else:
        release(ctx, schedule)


def begin(ctx: Context, schedule: Json, phase: Json) -> None:
    """Make the subscription what the phase says."""
    before = ctx.view(schedule)
    if schedule["subscription"] is None:
        made = subscriptions.create(ctx, _form(schedule["customer"], phase), {})
        schedule |= {"subscription": made["id"], "_subscription": made["id"]}
        held = ctx.store.need("subscription", made["id"])
        shown = ctx.view(held)
        held["schedule"] = schedule["id"]
        ctx.save(held, shown, "customer.subscription.updated")
    else:
        held = ctx.store.need("subscription", schedule["subscription"])
        change(ctx, held, _changes(held, phase))
    schedule |= {
        "status": "active",
        "current_phase": {name: phase[name] for name in ("start_date", "end_date")},
    }
    ctx.save(schedule, before, "subscription_schedule.updated")


def _form(customer: str, phase: Json) -> Params:
    tree: Tree = {"customer": customer, "items": _tree([_fields(one) for one in phase["items"]])}
    if phase["default_tax_rates"]:
        tree["default_tax_rates"] = _tree(phase["default_tax_rates"])
    return Params(tree)


def _changes(subscription: Json, phase: Json) -> Params:
    """The items that have their price already stay; the others go, and new ones come."""
    held = {item["price"]: item["id"] for item in subscription["items"]}
    rows = [
        _fields(one) | ({"id": held[one["price"]]} if one["price"] in held else {})
        for one in phase["items"]
    ]
    wanted = {one["price"] for one in phase["items"]}
    rows += [{"id": key, "deleted": "true"} for price, key in held.items() if price not in wanted]
    # At the end of a period there is nothing left to be credited.
    over = phase["start_date"] >= subscription["items"][0]["current_period_end"]
    tree: Tree = {
        "items": _tree(rows),
        "proration_behavior": "none" if over else phase["proration_behavior"],
    }
    if phase["default_tax_rates"] is not None:
        tree["default_tax_rates"] = _tree(phase["default_tax_rates"]) or ""
    return Params(tree)


def _fields(item: Json) -> Tree:
    found: Tree = {"price": item["price"]}
    if item["quantity"] is not None:
        found["quantity"] = str(item["quantity"])
    if item["tax_rates"]:
        found["tax_rates"] = _tree(item["tax_rates"])
    if item["metadata"]:
        found["metadata"] = dict(item["metadata"])
    return found


def _tree(rows: Sequence[Tree | str]) -> Tree:
    return {str(place): row for place, row in enumerate(rows)}


def release(ctx: Context, schedule: Json) -> Json:
    """The subscription goes on without it."""
    key = schedule["subscription"]
    if key is not None:
        _let_go(ctx, key)
    schedule |= {"released_subscription": key, "subscription": None}
    return _close(ctx, schedule, "released", "released_at", "subscription_schedule.released")


def finish(
    ctx: Context, schedule: Json, *, invoice_now: bool, prorate: bool, word: str = "canceled"
) -> Json:
    """The subscription ends with it."""
    if schedule["subscription"] is not None:
        _let_go(ctx, schedule["subscription"])
        held = ctx.store.need("subscription", schedule["subscription"])
        if held["status"] not in TERMINAL:
            end(ctx, held, prorate=prorate, invoice_now=invoice_now, keep_pending=True)
    return _close(ctx, schedule, word, f"{word}_at", f"subscription_schedule.{word}")


def _let_go(ctx: Context, key: str) -> None:
    subscription = ctx.store.need("subscription", key)
    before = ctx.view(subscription)
    subscription["schedule"] = None
    ctx.save(subscription, before, "customer.subscription.updated")


def _close(ctx: Context, schedule: Json, status: str, stamp: str, event: str) -> Json:
    before = ctx.view(schedule)
    schedule |= {"status": status, stamp: ctx.now(schedule["customer"]), "current_phase": None}
    return ctx.save(schedule, before, event)
