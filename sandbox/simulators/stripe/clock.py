"""Time: /v1/test_helpers/test_clocks, and everything that falls due.

Customers with a test clock live in its frozen time and move only by `advance`; all others live in
wall time and are looked after by a slow tick.
"""

import time
from collections.abc import Iterator
from typing import assert_never

from sandbox.simulators.stripe.agenda import Act, Due, next_due
from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.customer_deletion import delete_customer
from sandbox.simulators.stripe.cycle import end
from sandbox.simulators.stripe.discounts import detach
from sandbox.simulators.stripe.dunning import fall_due, retry
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, deleted
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoices import close, finalize
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.pending_updates import lapsed
from sandbox.simulators.stripe.periods import DAY
from sandbox.simulators.stripe.schedule_phases import step
from sandbox.simulators.stripe.trials import renew_or_pause

_KIND = "test_helpers.test_clock"
_MOST_STEPS = 10_000


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A clock frozen at `frozen_time`."""
    frozen = p.need_time("frozen_time")
    now = int(time.time())
    obj: Json = {
        "id": new_id("clock"),
        "object": _KIND,
        "created": now,
        "deletes_after": now + 30 * DAY,
        "frozen_time": frozen,
        "livemode": False,
        "name": p.text("name") or None,
        "status": "ready",
        "status_details": {},
    }
    return ctx.create(obj, "test_helpers.test_clock.created")


def advance(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Move forward; renewals, ends, retries on the way happen in order, each at its time.

    The work is done when this returns, so the clock is `ready` at once.
    """
    obj = ctx.store.need(_KIND, path["id"])
    target = p.need_time("frozen_time")
    if target <= obj["frozen_time"]:
        raise StripeError(
            "frozen_time must be after the clock's current frozen_time.", param="frozen_time"
        )
    before = ctx.view(obj)
    details = {"advancing": {"target_frozen_time": target}}
    obj |= {"status": "advancing", "status_details": details}
    ctx.save(obj, before, "test_helpers.test_clock.advancing")
    # What time brings about, no request did.
    quiet = Context(ctx.store)
    for due, thing in _until(ctx, target, obj["id"]):
        obj["frozen_time"] = max(due.at, obj["frozen_time"])
        ctx.store.put(obj)
        _perform(quiet, due.act, thing)
    before = ctx.view(obj)
    obj |= {"frozen_time": target, "status": "ready", "status_details": {}}
    return ctx.save(obj, before, "test_helpers.test_clock.ready")


def tick(ctx: Context) -> int:
    """Do what has fallen due in wall time; returns how much that was."""
    done = 0
    for due, thing in _until(ctx, int(time.time()), None):
        _perform(ctx, due.act, thing)
        done += 1
    return done


def _until(ctx: Context, target: int, clock: str | None) -> Iterator[tuple[Due, Json]]:
    """What is due, earliest first, looking anew after each step."""
    for _ in range(_MOST_STEPS):
        thing = ctx.store.first_due(clock, target)
        due = next_due(thing) if thing else None
        if thing is None or due is None:
            return
        yield due, thing
    if clock is not None:
        raise StripeError("Too many billing events in one advance; use smaller steps.")


def _perform(ctx: Context, act: Act, thing: Json) -> None:
    match act:
        case Act.RESUME:
            _resume(ctx, thing)
        case Act.EXPIRE:
            detach(ctx, thing)
        case Act.LAPSE:
            close(ctx, ctx.store.need("invoice", lapsed(ctx, thing)), "void")
        case Act.PHASE:
            step(ctx, thing)
        case Act.END:
            _end(ctx, thing)
        case Act.RENEW:
            renew_or_pause(ctx, thing)
        case Act.FINALIZE:
            finalize(ctx, thing)
        case Act.COLLECT:
            retry(ctx, thing)
        case Act.OVERDUE:
            fall_due(ctx, thing)
        case _:
            assert_never(act)


def _resume(ctx: Context, subscription: Json) -> None:
    before = ctx.view(subscription)
    subscription["pause_collection"] = None
    ctx.save(subscription, before, "customer.subscription.updated")


def _end(ctx: Context, subscription: Json) -> None:
    """A scheduled end: what is pending is billed; before the period's end the rest is credited."""
    early = subscription["cancel_at"] < subscription["items"][0]["current_period_end"]
    end(ctx, subscription, prorate=early, invoice_now=True, keep_pending=True)


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Delete the clock with its customers; their subscriptions end."""
    obj = ctx.store.need(_KIND, path["id"])
    for customer in list(ctx.store.find("customer")):
        if customer["test_clock"] != obj["id"] or customer.get("_deleted"):
            continue
        delete_customer(ctx, customer)
    ctx.emit("test_helpers.test_clock.deleted", ctx.view(obj))
    ctx.store.delete(obj["id"])
    return deleted(obj)


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One clock."""
    return ctx.view(ctx.store.need(_KIND, path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """All clocks."""
    return page(ctx, p, _KIND, "/v1/test_helpers/test_clocks")


ROUTES: Routes = [
    ("POST", "/v1/test_helpers/test_clocks", create),
    ("GET", "/v1/test_helpers/test_clocks", listing),
    ("GET", "/v1/test_helpers/test_clocks/{id}", retrieve),
    ("DELETE", "/v1/test_helpers/test_clocks/{id}", delete),
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance", advance),
]
