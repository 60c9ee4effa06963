"""The first invoice of a subscription."""

from fractions import Fraction

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import note_debits, period_lines, recurring_of
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.invoice_drafts import draft, pending_lines
from sandbox.simulators.stripe.invoice_lines import cycle_text, item_line
from sandbox.simulators.stripe.invoices import finalize
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.periods import containing
from sandbox.simulators.stripe.pricing import Part, is_metered, total
from sandbox.simulators.stripe.proration import Span, debit
from sandbox.simulators.stripe.proration_discounts import cuts_of_debit, is_itemized


def first_lines(ctx: Context, subscription: Json, now: int, behaviour: str) -> list[Json]:
    """Lines of the first invoice: trial, stub to a later anchor, back to a start, or a period."""
    anchor, start = subscription["billing_cycle_anchor"], subscription["start_date"]
    if subscription["status"] == "trialing" or (anchor <= now and start == now):
        return period_lines(ctx, subscription)
    if behaviour == "none":
        return []
    if anchor > now:
        agreed = (item for item in subscription["items"] if item["quantity"] is not None)
        return [_stub_line(ctx, subscription, item, start) for item in agreed]
    return _past_lines(ctx, subscription) + period_lines(ctx, subscription)


def _stub_line(ctx: Context, subscription: Json, item: Json, start: int) -> Json:
    """The part of a period before a later anchor, prorated."""
    price = item_price(ctx, item)
    recurring, until = price["recurring"], item["current_period_end"]
    whole = Span(*containing(until, recurring["interval"], recurring["interval_count"], until - 1))
    amount = debit(total(price, item["quantity"]), whole, start, until)
    part = Fraction(until - start, whole.seconds)
    return _prorated(ctx, subscription, item, amount, Span(start, until), part)


def _prorated(
    ctx: Context, subscription: Json, item: Json, amount: int, span: Span, part: Fraction
) -> Json:
    """A line of a first invoice that is a proration, for `part` of a period."""
    price = item_price(ctx, item)
    whole = Part(amount, item["quantity"], price["unit_amount_decimal"])
    return item_line(
        ctx,
        item,
        amount=amount,
        span=span,
        description=cycle_text(ctx, price, whole),
        cuts=cuts_of_debit(ctx, subscription, item, amount, part),
        included=not is_itemized(subscription),
    )


def _past_lines(ctx: Context, subscription: Json) -> list[Json]:
    """One line an item for each whole period between a backdated start and the current one."""
    recurring = recurring_of(ctx, subscription)
    interval, count = recurring["interval"], recurring["interval_count"]
    lines: list[Json] = []
    for item in subscription["items"]:
        price = item_price(ctx, item)
        if is_metered(price):
            continue
        at = subscription["start_date"]
        while at < item["current_period_start"]:
            span = Span(*containing(subscription["billing_cycle_anchor"], interval, count, at))
            amount = total(price, item["quantity"])
            lines.append(_prorated(ctx, subscription, item, amount, span, Fraction(1)))
            at = span.end
    return lines


def bill_first(ctx: Context, subscription: Json, customer: Json, own: list[Json]) -> None:
    """Bill `own` lines and the customer's pending items; sets `latest_invoice` and the status."""
    # The subscription is not stored yet: the payment must not announce updates before creation.
    lines = pending_lines(ctx, customer["id"], subscription["currency"], None) + own
    if not lines:
        return
    invoice = draft(
        ctx,
        customer,
        subscription["currency"],
        reason="subscription_create",
        lines=lines,
        subscription=subscription,
    )
    note_debits(subscription, invoice)
    subscription["latest_invoice"] = invoice["id"]
    shown = finalize(ctx, invoice)
    if shown["status"] == "open" and shown["collection_method"] == "charge_automatically":
        subscription["status"] = "incomplete"
