"""`POST /v1/invoices/create_preview`: the change is made for real, looked at, and undone.

So a preview can never differ from what the update then does.
"""

from sandbox.simulators.stripe.changes import update
from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.cycle import end, period_lines, place_period, usage_lines
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoice_drafts import draft, pending_lines
from sandbox.simulators.stripe.proration import Span
from sandbox.simulators.stripe.views import embedded_list

_PREVIEW_LINES = 100


def preview(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """The invoice at once for `always_invoice` or a restarted cycle, else the next one."""
    key = p.text("subscription")
    details = p.sub("subscription_details")
    p.choice("preview_mode", ("next",))
    with ctx.store.rehearsal():
        if key is None:
            if details is not None:
                raise StripeError(
                    "This simulator previews changes of an existing subscription only.",
                    param="subscription",
                )
            shown = _pending_only(ctx, p.need("customer"))
        else:
            subscription = ctx.store.need("subscription", key, "subscription")
            if p.text("customer") not in (None, subscription["customer"]):
                raise StripeError("The subscription belongs to another customer.", param="customer")
            shown = _next_invoice(ctx, subscription, details)
    return shown


def _pending_only(ctx: Context, owner: str) -> Json:
    customer = ctx.store.need("customer", owner, "customer")
    lines = pending_lines(ctx, owner, customer["currency"] or "", None)
    if not lines:
        raise _nothing()
    invoice = draft(ctx, customer, customer["currency"], reason="upcoming", lines=lines)
    return _upcoming(ctx, invoice)


def _nothing() -> StripeError:
    return StripeError(
        "No upcoming invoices for customer.", status=404, code="invoice_upcoming_none"
    )


def _next_invoice(ctx: Context, subscription: Json, details: Params | None) -> Json:
    known = subscription["latest_invoice"]
    if details is not None:
        _rehearse(ctx, subscription, details)
        subscription = ctx.store.need("subscription", subscription["id"])
    if subscription["latest_invoice"] != known:
        return _upcoming(ctx, ctx.store.need("invoice", subscription["latest_invoice"]))
    customer = ctx.store.need("customer", subscription["customer"])
    lines = pending_lines(ctx, customer["id"], subscription["currency"], subscription["id"])
    item = subscription["items"][0]
    period = (item["current_period_start"], item["current_period_end"])
    if subscription["status"] != "trialing":
        lines += usage_lines(ctx, subscription, Span(*period))
    ends = subscription["status"] == "canceled" or subscription["cancel_at"] is not None
    if not ends:
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        place_period(ctx, subscription, period[1])
        lines += period_lines(ctx, subscription)
    if not lines:
        raise _nothing()
    invoice = draft(
        ctx,
        customer,
        subscription["currency"],
        reason="upcoming",
        lines=lines,
        subscription=subscription,
        period=period,
    )
    invoice["created"] = period[1]
    return _upcoming(ctx, invoice)


def _rehearse(ctx: Context, subscription: Json, details: Params) -> None:
    if details.boolean("cancel_now"):
        prorate = details.text("proration_behavior") != "none"
        details.time("proration_date")
        end(ctx, subscription, prorate=prorate, invoice_now=False, keep_pending=True)
    else:
        update(ctx, subscription, details)


def _upcoming(ctx: Context, invoice: Json) -> Json:
    """The rehearsed invoice as a preview shows it: a draft that was never numbered or paid."""
    shown = ctx.view(invoice)
    key = new_id("upcoming_in")
    lines = [line | {"invoice": key} for line in _public_lines(invoice)]
    total_due = max(shown["total"] + shown["starting_balance"], 0)
    return shown | {
        "id": key,
        "amount_due": total_due,
        "amount_paid": 0,
        "amount_remaining": total_due,
        "attempt_count": 0,
        "attempted": False,
        "automatically_finalizes_at": None,
        "billing_reason": "upcoming",
        "effective_at": None,
        "ending_balance": None,
        "lines": embedded_list(lines, f"/v1/invoices/upcoming/lines?preview={key}", _PREVIEW_LINES),
        "number": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(shown["status_transitions"]),
    }


def _public_lines(invoice: Json) -> list[Json]:
    return [
        {key: value for key, value in line.items() if not key.startswith("_")}
        for line in invoice["lines"]
    ]
