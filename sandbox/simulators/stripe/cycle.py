"""The billing cycle of a subscription: its lines, its invoices, its renewal and its end."""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.discounting import taken
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.invoice_drafts import draft, pending_lines
from sandbox.simulators.stripe.invoice_lines import item_line, whole_lines
from sandbox.simulators.stripe.invoices import close, finalize
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.meters import usage
from sandbox.simulators.stripe.periods import containing
from sandbox.simulators.stripe.pricing import is_metered
from sandbox.simulators.stripe.proration import Span
from sandbox.simulators.stripe.prorations import credit_unused, note_debit

# Stripe leaves a renewal invoice an hour as a draft, for late changes.
DRAFT_SECONDS = 3600


def recurring_of(ctx: Context, subscription: Json) -> Json:
    """Interval and count, the same for all items."""
    recurring: Json = ctx.store.need("price", subscription["items"][0]["price"])["recurring"]
    return recurring


def place_period(ctx: Context, subscription: Json, at: int) -> Span:
    """Move all items into the period of the cycle that holds `at`."""
    recurring = recurring_of(ctx, subscription)
    span = Span(
        *containing(
            subscription["billing_cycle_anchor"],
            recurring["interval"],
            recurring["interval_count"],
            at,
        )
    )
    for item in subscription["items"]:
        item |= {"current_period_start": span.start, "current_period_end": span.end}
    return span


def period_lines(ctx: Context, subscription: Json) -> list[Json]:
    """What the items charge for their period in advance, or zero lines while in trial. Of usage
    nothing is known in advance, which is said by a line of none with the first period."""
    found: list[Json] = []
    for item in subscription["items"]:
        found += _period_lines(ctx, subscription, item)
    return found


def _period_lines(ctx: Context, subscription: Json, item: Json) -> list[Json]:
    price = item_price(ctx, item)
    span = Span(item["current_period_start"], item["current_period_end"])
    if subscription["status"] == "trialing":
        name = ctx.store.need("product", price["product"])["name"]
        text = f"Trial period for {name}"
        return [item_line(ctx, item, amount=0, span=span, description=text)]
    if is_metered(price):
        first = subscription["latest_invoice"] is None
        return whole_lines(ctx, item, 0, span)[:1] if first else []
    return whole_lines(ctx, item, item["quantity"], span)


def usage_lines(ctx: Context, subscription: Json, ended: Span) -> list[Json]:
    """What was used in a period that is over, or so far in one that ends now."""
    found: list[Json] = []
    for item in subscription["items"]:
        price = item_price(ctx, item)
        if is_metered(price):
            used = usage(ctx, price["recurring"]["meter"], subscription["customer"], ended)
            found += whole_lines(ctx, item, used, ended)
    return found


def note_debits(subscription: Json, invoice: Json) -> None:
    """Remember on each item the line that charged its current period."""
    for line in invoice["lines"]:
        details = line["parent"]["subscription_item_details"]
        if details is None or details["invoice_item"]:
            continue
        span = Span(line["period"]["start"], line["period"]["end"])
        for item in subscription["items"]:
            if item["id"] != details["subscription_item"] or item["quantity"] is None:
                continue
            if subscription["status"] == "trialing":
                item["_debit"] = None
            elif span.end == item["current_period_end"]:
                cuts = line["_reductions"] if line["_cuts"] is None else line["_cuts"]
                gross = line["amount"] + (taken(cuts) if line["_included"] else 0)
                note_debit(item, gross, cuts, span, invoice=invoice["id"], line=line["id"])


def bill_now(
    ctx: Context,
    subscription: Json,
    reason: str,
    own_lines: list[Json],
    proration_date: int | None = None,
) -> Json | None:
    """Invoice pending items and `own_lines` at once, finalized; None when there is nothing.

    The subscription must be stored; it is stored again with `latest_invoice` and no event. Its
    changes by payment are in the store, so callers read it again.
    """
    customer = ctx.store.need("customer", subscription["customer"])
    currency = subscription["currency"]
    lines = pending_lines(ctx, customer["id"], currency, subscription["id"]) + own_lines
    if not lines:
        return None
    invoice = draft(
        ctx,
        customer,
        currency,
        reason=reason,
        lines=lines,
        subscription=subscription,
        proration_date=proration_date,
    )
    link_invoice(ctx, subscription["id"], invoice)
    finalize_for(ctx, invoice)
    return invoice


def link_invoice(ctx: Context, key: str, invoice: Json) -> None:
    """Make the invoice the latest of its stored subscription, and note its debits."""
    subscription = ctx.store.need("subscription", key)
    note_debits(subscription, invoice)
    subscription["latest_invoice"] = invoice["id"]
    ctx.store.put(subscription)


def finalize_for(ctx: Context, invoice: Json) -> None:
    """Finalize at once, or do as the subscription's `pause_collection` says."""
    subscription = ctx.store.get(invoice["_subscription"] or "")
    paused = (subscription or {}).get("pause_collection")
    if paused:
        _hold_back(ctx, invoice, paused["behavior"])
    else:
        finalize(ctx, invoice)


def _hold_back(ctx: Context, invoice: Json, behaviour: str) -> None:
    """What becomes of an invoice that is made while collection is paused.

    https://docs.stripe.com/billing/subscriptions/pause-payment. One that was made before the pause
    goes its way, and one kept as a draft stays that when collection is resumed.
    """
    before = ctx.view(invoice)
    invoice |= {"auto_advance": False, "automatically_finalizes_at": None}
    if behaviour == "keep_as_draft":
        ctx.save(invoice, before, "invoice.updated")
        return
    # What is void at once never uses the customer's credit.
    finalize(ctx, invoice, use_balance=behaviour != "void")
    if invoice["status"] != "open":
        return
    if behaviour == "void":
        close(ctx, invoice, "void")
    else:
        close(ctx, invoice, "uncollectible", "subscription_paused")


def renew(ctx: Context, subscription: Json) -> None:
    """Begin the next period: items move, the cycle invoice is drafted with pending items.

    Called at (or after) the period's end; moves exactly one period.
    """
    before = ctx.view(subscription)
    item = subscription["items"][0]
    ended = Span(item["current_period_start"], item["current_period_end"])
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    place_period(ctx, subscription, ended.end)
    customer = ctx.store.need("customer", subscription["customer"])
    currency = subscription["currency"]
    ctx.store.put(subscription)
    lines = pending_lines(ctx, customer["id"], currency, subscription["id"])
    if before["status"] != "trialing":
        lines += usage_lines(ctx, subscription, ended)
    invoice = draft(
        ctx,
        customer,
        currency,
        reason="subscription_cycle",
        lines=lines + period_lines(ctx, subscription),
        subscription=subscription,
        period=(ended.start, ended.end),
    )
    if subscription["status"] == "unpaid":
        # Stripe goes on drafting invoices, for people to decide on, and asks for no more money.
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = ctx.now(customer["id"]) + DRAFT_SECONDS
    ctx.store.put(invoice)
    link_invoice(ctx, subscription["id"], invoice)
    if paused := subscription["pause_collection"]:
        _hold_back(ctx, invoice, paused["behavior"])
    subscription = ctx.store.need("subscription", subscription["id"])
    ctx.save(subscription, before, "customer.subscription.updated")


def end(
    ctx: Context,
    subscription: Json,
    *,
    prorate: bool,
    invoice_now: bool,
    keep_pending: bool,
) -> Json:
    """Cancel for good at this moment, with `customer.subscription.deleted`. Returns the view.

    `keep_pending` false removes pending prorations, as Stripe does for an immediate cancellation
    without `prorate` and `invoice_now`.
    """
    before = ctx.view(subscription)
    now = ctx.now(subscription["customer"])
    if prorate and subscription["status"] != "trialing":
        for item in subscription["items"]:
            credit_unused(ctx, subscription, item, min(now, item["current_period_end"]))
    if not (prorate or invoice_now or keep_pending):
        _drop_pending(ctx, subscription)
    ctx.store.put(subscription)
    if invoice_now:
        used = Span(subscription["items"][0]["current_period_start"], now)
        own = [] if before["status"] == "trialing" else usage_lines(ctx, subscription, used)
        bill_now(ctx, subscription, "subscription_update", own)
    subscription = ctx.store.need("subscription", subscription["id"])
    subscription |= {
        "status": "canceled",
        "ended_at": now,
        "canceled_at": subscription["canceled_at"] or now,
        "pause_collection": None,
    }
    for invoice in list(ctx.store.find("invoice", subscription=subscription["id"])):
        if invoice["status"] == "open":
            stop_collecting(ctx, invoice)
    details = subscription["cancellation_details"]
    details["reason"] = details["reason"] or "cancellation_requested"
    return ctx.save(subscription, before, "customer.subscription.deleted")


def stop_collecting(ctx: Context, invoice: Json) -> None:
    """No more retries of an open invoice, and a draft finalizes no more by itself.

    https://docs.stripe.com/api/subscriptions/cancel
    """
    waiting = ("next_payment_attempt", "automatically_finalizes_at")
    if any(invoice[name] is not None for name in waiting):
        before = ctx.view(invoice)
        invoice |= {"auto_advance": False, **dict.fromkeys(waiting)}
        ctx.save(invoice, before, "invoice.updated")


def _drop_pending(ctx: Context, subscription: Json) -> None:
    found = ctx.store.find("invoiceitem", customer=subscription["customer"])
    for entry in list(found):
        mine = entry["_subscription"] == subscription["id"]
        if mine and entry["proration"] and entry["invoice"] is None:
            ctx.emit("invoiceitem.deleted", ctx.view(entry))
            ctx.store.delete(entry["id"])
