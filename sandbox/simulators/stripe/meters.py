"""/v1/billing/meters, meter events and their sums: what was used.

https://docs.stripe.com/billing/subscriptions/usage-based, https://docs.stripe.com/api/billing/meter
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page, page_of
from sandbox.simulators.stripe.periods import DAY
from sandbox.simulators.stripe.proration import Span

_METER, _EVENT = "billing.meter", "billing.meter_event"
_FORMULAS = ("sum", "count", "last")
# An event may be so late, and so far ahead of the clock.
_LATE, _AHEAD = 35 * DAY, 300


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A meter of the events of one name."""
    aggregation = p.need_sub("default_aggregation")
    formula = aggregation.choice("formula", _FORMULAS) or aggregation.need("formula")
    mapping, settings = p.sub("customer_mapping"), p.sub("value_settings")
    by = "stripe_customer_id"
    if mapping is not None:
        mapping.need("type")
        by = mapping.need("event_payload_key")
    now = ctx.now()
    name = p.need("event_name")
    if any(each["event_name"] == name for each in _active(ctx)):
        raise StripeError(
            f"An active meter already exists with event name {name[:40]}.", param="event_name"
        )
    window = p.choice("event_time_window", ("day", "hour"))
    obj: Json = {
        "id": new_id("mtr_test", 32),
        "object": _METER,
        "created": now,
        "customer_mapping": {"event_payload_key": by, "type": "by_id"},
        "default_aggregation": {"formula": formula},
        "display_name": p.need("display_name"),
        "event_name": name,
        "event_time_window": window,
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": now,
        "value_settings": {
            "event_payload_key": settings.need("event_payload_key") if settings else "value"
        },
    }
    return ctx.create(obj, "billing.meter.created")


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Another name for people."""
    obj = ctx.store.need(_METER, path["id"])
    before = ctx.view(obj)
    obj["display_name"] = p.text("display_name") or obj["display_name"]
    return ctx.save(obj, before, "billing.meter.updated")


def deactivate(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """No more events are taken."""
    return _switch(ctx, path["id"], "inactive", "billing.meter.deactivated")


def reactivate(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Events are taken again."""
    return _switch(ctx, path["id"], "active", "billing.meter.reactivated")


def _switch(ctx: Context, key: str, status: str, event: str) -> Json:
    obj = ctx.store.need(_METER, key)
    before = ctx.view(obj)
    obj["status"] = status
    at = ctx.now() if status == "inactive" else None
    obj["status_transitions"] = {"deactivated_at": at}
    return ctx.save(obj, before, event)


def report(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Usage, once for each identifier."""
    name = p.need("event_name")
    meter = next((each for each in _active(ctx) if each["event_name"] == name), None)
    if meter is None:
        raise StripeError(
            f"No active meter found for event name {name[:40]}.",
            code="no_meter",
            param="event_name",
        )
    payload = p.mapping("payload") or {}
    by = meter["customer_mapping"]["event_payload_key"]
    customer = ctx.store.need("customer", payload.get(by, ""), f"payload[{by}]")
    value = payload.get(meter["value_settings"]["event_payload_key"], "")
    if meter["default_aggregation"]["formula"] != "count" and not _number(value):
        raise StripeError("The value of a meter event is a number.", param="payload[value]")
    now = ctx.now(customer["id"])
    given = p.time("timestamp")
    at = now if given is None else given
    if not now - _LATE <= at <= now + _AHEAD:
        raise StripeError(
            "The timestamp is more than 35 days old, or ahead of the clock.", param="timestamp"
        )
    key = p.text("identifier") or new_id("mevt", 32)
    if ctx.store.get(f"meter_event/{key}"):
        raise StripeError(
            f"An event already exists with identifier {key[:40]}.",
            code="resource_already_exists",
            param="identifier",
        )
    shown: Json = {
        "object": _EVENT,
        "created": now,
        "event_name": name,
        "identifier": key,
        "livemode": False,
        "payload": payload,
        "timestamp": at,
    }
    ctx.store.put(
        shown
        | {
            "id": f"meter_event/{key}",
            "_customer": customer["id"],
            "_meter": meter["id"],
            "_value": value or "1",
        }
    )
    return shown


def adjust(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Cancel an event that was reported by mistake."""
    p.need("type")
    p.choice("type", ("cancel",))
    name, key = p.need("event_name"), p.need_sub("cancel").need("identifier")
    found = ctx.store.get(f"meter_event/{key}")
    if found is None or found["event_name"] != name:
        raise StripeError(f"No event with identifier {key[:40]}.", param="cancel[identifier]")
    ctx.store.delete(found["id"])
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": key},
        "event_name": name,
        "livemode": False,
        "status": "complete",
        "type": "cancel",
    }


def summaries(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """The usage of one customer in a span."""
    meter = ctx.store.need(_METER, path["id"])
    customer = ctx.store.need("customer", p.need("customer"), "customer")
    span = Span(p.need_time("start_time"), p.need_time("end_time"))
    p.choice("value_grouping_window", ("day", "hour"))
    found: Json = {
        "id": f"mtrusg_{customer['id'].partition('_')[2]}",
        "object": "billing.meter_event_summary",
        "aggregated_value": float(_aggregate(ctx, meter, customer["id"], span)),
        "end_time": span.end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": span.start,
    }
    return page_of(p, [found], f"/v1/billing/meters/{meter['id']}/event_summaries")


def usage(ctx: Context, meter: str, customer: str, span: Span) -> int:
    """Whole units that a meter has counted for a customer in a span."""
    found = _aggregate(ctx, ctx.store.need(_METER, meter), customer, span)
    return int(max(found, Decimal(0)).to_integral_value(ROUND_HALF_UP))


def _aggregate(ctx: Context, meter: Json, customer: str, span: Span) -> Decimal:
    events = [
        (each["timestamp"], Decimal(each["_value"]))
        for each in ctx.store.find(_EVENT, customer=customer, oldest_first=True)
        if each["_meter"] == meter["id"] and span.start <= each["timestamp"] < span.end
    ]
    match meter["default_aggregation"]["formula"]:
        case "sum":
            return sum((value for _, value in events), Decimal(0))
        case "count":
            return Decimal(len(events))
        case _:
            return max(events, key=lambda one: one[0])[1] if events else Decimal(0)


def _active(ctx: Context) -> Iterator[Json]:
    return (each for each in ctx.store.find(_METER) if each["status"] == "active")


def _number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One meter."""
    return ctx.view(ctx.store.need(_METER, path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `status`."""
    status = p.choice("status", ("active", "inactive"))
    keep = (lambda o: o["status"] == status) if status else (lambda _o: True)
    return page(ctx, p, _METER, "/v1/billing/meters", keep=keep)


ROUTES: Routes = [
    ("POST", "/v1/billing/meters", create),
    ("GET", "/v1/billing/meters", listing),
    ("GET", "/v1/billing/meters/{id}", retrieve),
    ("POST", "/v1/billing/meters/{id}", update),
    ("POST", "/v1/billing/meters/{id}/deactivate", deactivate),
    ("POST", "/v1/billing/meters/{id}/reactivate", reactivate),
    ("GET", "/v1/billing/meters/{id}/event_summaries", summaries),
    ("POST", "/v1/billing/meter_events", report),
    ("POST", "/v1/billing/meter_event_adjustments", adjust),
]
