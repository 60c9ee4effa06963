"""/v1/subscriptions: create, read, list, cancel."""

from sandbox.simulators.stripe.automatic_tax import require_location
from sandbox.simulators.stripe.blanks import blank_subscription
from sandbox.simulators.stripe.changes import TERMINAL, update
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.customers import use_currency
from sandbox.simulators.stripe.cycle import end, place_period, recurring_of
from sandbox.simulators.stripe.errors import Json, StripeError, declined
from sandbox.simulators.stripe.fields import Handler, Routes, living, merge_metadata, tax_rate_ids
from sandbox.simulators.stripe.first_bill import bill_first, first_lines
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.items import check_alike, new_item
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.periods import DAY, boundary
from sandbox.simulators.stripe.pricing import currencies
from sandbox.simulators.stripe.proration import Span
from sandbox.simulators.stripe.settings import (
    apply_discounts,
    apply_settings,
    billing_mode,
    schedule_cancel,
)

_BEHAVIOURS = ("create_prorations", "none", "always_invoice")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Start a subscription and bill its first period at once."""
    customer = living(ctx, p.need("customer"), "customer")
    now = ctx.now(customer["id"])
    subscription = blank_subscription(customer, now)
    if asked := p.text("currency"):
        subscription["currency"] = currency_code(asked)
    for data in p.subs("items") or []:
        subscription["items"].append(new_item(ctx, data, subscription, now))
    currency = _currency(ctx, subscription, customer)
    subscription["currency"] = currency
    for item in subscription["items"]:
        item["_currency"] = currency
    check_alike(ctx, subscription)
    subscription["billing_mode"] = billing_mode(p.sub("billing_mode"), subscription["billing_mode"])
    rates = tax_rate_ids(ctx, p, "default_tax_rates")
    subscription["default_tax_rates"] = rates or []
    behaviour = p.choice("proration_behavior", _BEHAVIOURS) or "create_prorations"
    payment = p.choice(
        "payment_behavior", ("allow_incomplete", "default_incomplete", "error_if_incomplete")
    )
    apply_settings(p, subscription)
    if subscription["automatic_tax"]["enabled"]:
        require_location(customer)
    _place(ctx, p, subscription, now)
    schedule_cancel(p, subscription, now)
    subscription["metadata"] = merge_metadata(p, {})
    use_currency(ctx, customer, subscription["currency"])
    apply_discounts(ctx, p, subscription)
    bill_first(ctx, subscription, customer, first_lines(ctx, subscription, now, behaviour))
    if subscription["status"] == "incomplete" and payment == "error_if_incomplete":
        raise _refused()
    return ctx.create(subscription, "customer.subscription.created")


def _currency(ctx: Context, subscription: Json, customer: Json) -> str:
    """What was asked for, else the customer's where the first price has it, else the price's."""
    if subscription["currency"] or not subscription["items"]:
        return str(subscription["currency"])
    price = ctx.store.need("price", subscription["items"][0]["price"])
    own = customer["currency"]
    return str(own if own in currencies(price) else price["currency"])


def _refused() -> StripeError:
    refusal = declined()
    refusal.keep = False  # error_if_incomplete leaves nothing behind
    return refusal


def _place(ctx: Context, p: Params, subscription: Json, now: int) -> None:
    """Set anchor, start and the first period from trial, anchor and backdating parameters."""
    trial_end = p.time("trial_end") if p.text("trial_end") != "now" else None
    days = p.integer("trial_period_days", 0, 730)
    if trial_end is None and days:
        trial_end = now + days * DAY
    backdate, anchor = p.time("backdate_start_date"), p.time("billing_cycle_anchor")
    if backdate is not None and backdate > now:
        raise StripeError("backdate_start_date must be in the past.", param="backdate_start_date")
    start = now if backdate is None else backdate
    subscription |= {"start_date": start, "billing_cycle_anchor": anchor or start}
    if trial_end is not None:
        if trial_end <= now:
            raise StripeError(
                "Invalid timestamp: trial_end must be in the future.", param="trial_end"
            )
        subscription |= {
            "status": "trialing",
            "trial_start": now,
            "trial_end": trial_end,
            "billing_cycle_anchor": trial_end,
        }
        _set_period(subscription, Span(now, trial_end))
        return
    span = place_period(ctx, subscription, now)
    if anchor is not None:
        recurring = recurring_of(ctx, subscription)
        longest = boundary(now, recurring["interval"], recurring["interval_count"], 1)
        if not now < anchor <= longest:
            raise StripeError(
                "billing_cycle_anchor must be in the future and at most one period away.",
                param="billing_cycle_anchor",
            )
        _set_period(subscription, Span(now, span.end))


def _set_period(subscription: Json, span: Span) -> None:
    for item in subscription["items"]:
        item |= {"current_period_start": span.start, "current_period_end": span.end}


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One subscription, canceled ones too."""
    return ctx.view(ctx.store.need("subscription", path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer, price, test clock and status; canceled ones only when asked for."""
    status, price, clock = p.text("status"), p.text("price"), p.text("test_clock")
    method = p.text("collection_method")

    def keep(obj: Json) -> bool:
        shown = {
            None: obj["status"] not in TERMINAL,
            "all": True,
            "ended": obj["status"] in TERMINAL,
        }.get(status, obj["status"] == status)
        return (
            shown
            and (price is None or any(item["price"] == price for item in obj["items"]))
            and (clock is None or obj["test_clock"] == clock)
            and (method is None or obj["collection_method"] == method)
        )

    return page(ctx, p, "subscription", "/v1/subscriptions", customer=p.text("customer"), keep=keep)


def change(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Update; see `changes`."""
    return update(ctx, ctx.store.need("subscription", path["id"]), p)


def cancel(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Cancel now; `prorate` credits unused time, `invoice_now` bills what is pending."""
    subscription = ctx.store.need("subscription", path["id"])
    if subscription["status"] in TERMINAL:
        raise StripeError(
            f"No such subscription: '{subscription['id']}'",
            status=404,
            code="resource_missing",
            param="id",
        )
    if details := p.sub("cancellation_details"):
        for name in ("comment", "feedback"):
            subscription["cancellation_details"][name] = details.text(name) or None
        ctx.store.put(subscription)
    return end(
        ctx,
        subscription,
        prorate=p.boolean("prorate") or False,
        invoice_now=p.boolean("invoice_now") or False,
        keep_pending=False,
    )


def migrate(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """To flexible billing, or to itemized discounts of prorations; there is no way back."""
    subscription = ctx.store.need("subscription", path["id"])
    before, old = ctx.view(subscription), subscription["billing_mode"]
    mode = billing_mode(p.need_sub("billing_mode"), old)
    itemized = bool(old["flexible"]) and old["flexible"]["proration_discounts"] == "itemized"
    if mode["type"] == "classic" or (itemized and mode["flexible"] != old["flexible"]):
        raise StripeError(
            "A subscription can't be migrated back to an earlier billing mode.",
            param="billing_mode",
        )
    subscription["billing_mode"] = mode | {"updated_at": ctx.now(subscription["customer"])}
    return ctx.save(subscription, before, "customer.subscription.updated")


_HANDLERS: dict[str, Handler] = {"GET": retrieve, "POST": change, "DELETE": cancel}
ROUTES: Routes = [
    ("POST", "/v1/subscriptions", create),
    ("GET", "/v1/subscriptions", listing),
    ("POST", "/v1/subscriptions/{id}/migrate", migrate),
    *((method, "/v1/subscriptions/{id}", handler) for method, handler in _HANDLERS.items()),
]
