"""Credits and debits of subscription items in the middle of a period."""

from fractions import Fraction

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.discounting import taken
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.invoice_item_entries import proration_item
from sandbox.simulators.stripe.invoice_lines import TIMES
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.periods import containing, day_text
from sandbox.simulators.stripe.pricing import total
from sandbox.simulators.stripe.proration import Debit, Span, credit_classic, credit_flexible, debit
from sandbox.simulators.stripe.proration_discounts import (
    cuts_of_credit,
    cuts_of_debit,
    is_itemized,
    negated,
)


def whole_period(ctx: Context, subscription: Json, item: Json) -> Span:
    """The natural period around the item's current one: longer than it in a first stub."""
    recurring = ctx.store.need("price", item["price"])["recurring"]
    return Span(
        *containing(
            subscription["billing_cycle_anchor"],
            recurring["interval"],
            recurring["interval_count"],
            item["current_period_start"],
        )
    )


def check_date(item: Json, at: int) -> None:
    """A proration date lies inside the item's current period."""
    if not item["current_period_start"] <= at <= item["current_period_end"]:
        raise StripeError(
            "Invalid proration_date: it must be within the current period of the subscription"
            " item.",
            param="proration_date",
        )


def credit_unused(ctx: Context, subscription: Json, item: Json, at: int) -> None:
    """A pending credit for what was charged and not used up at `at`, if anything was: of usage
    nothing is charged in advance."""
    check_date(item, at)
    if item["quantity"] is None:
        return
    end = item["current_period_end"]
    last = item["_debit"]
    if subscription["billing_mode"]["type"] == "classic":
        price = item_price(ctx, item)
        whole = whole_period(ctx, subscription, item)
        gross = credit_classic(total(price, item["quantity"]), whole, at, end)
        part = Fraction(end - at, whole.seconds)
        cuts = negated(cuts_of_debit(ctx, subscription, item, -gross, part))
    elif last is None:
        return
    else:
        debit_span = Span(last["start"], last["end"])
        gross = credit_flexible(Debit(last["amount"], debit_span), at)
        cuts = cuts_of_credit(last, at)
        if not is_itemized(subscription):
            # The net amount is what was debited, and so what is taken back in proportion.
            net = credit_flexible(Debit(last["amount"] - taken(last["cuts"]), debit_span), at)
            gross = net + taken(cuts)
    proration_item(
        ctx,
        subscription,
        item,
        amount=gross,
        cuts=cuts,
        span=Span(at, end),
        description=f"Unused time on {_what(ctx, item)} after {day_text(at)}",
        credited=_credited(last),
    )


def charge_remaining(ctx: Context, subscription: Json, item: Json, at: int) -> None:
    """A pending debit for `[at, period end)`, noted on the item as its last debit."""
    check_date(item, at)
    if item["quantity"] is None:
        return
    end = item["current_period_end"]
    price = item_price(ctx, item)
    whole = whole_period(ctx, subscription, item)
    amount = debit(total(price, item["quantity"]), whole, at, end)
    part = Fraction(end - at, whole.seconds)
    cuts = cuts_of_debit(ctx, subscription, item, amount, part)
    entry = proration_item(
        ctx,
        subscription,
        item,
        amount=amount,
        cuts=cuts,
        span=Span(at, end),
        description=f"Remaining time on {_what(ctx, item)} after {day_text(at)}",
        credited=None,
    )
    note_debit(item, amount, cuts, Span(at, end), invoice_item=entry["id"])


def note_debit(
    item: Json,
    amount: int,
    cuts: list[Json],
    span: Span,
    *,
    invoice_item: str | None = None,
    invoice: str | None = None,
    line: str | None = None,
) -> None:
    """Remember what the item was last charged, less which discounts, and by which document. What a
    price of tiers charges has several lines of one invoice and one span, which are one debit."""
    last = item["_debit"]
    lines = [line] if line else []
    if last and line and (last["invoice"], last["start"]) == (invoice, span.start):
        amount, cuts = last["amount"] + amount, [*last["cuts"], *cuts]
        lines = [*last["lines"], *lines]
    item["_debit"] = {
        "amount": amount,
        "cuts": cuts,
        "lines": lines,
        "start": span.start,
        "end": span.end,
        "invoice_item": invoice_item,
        "invoice": invoice,
        "line": line,
    }


def _what(ctx: Context, item: Json) -> str:
    price = ctx.store.need("price", item["price"])
    name = ctx.store.need("product", price["product"])["name"]
    return name if item["quantity"] == 1 else f"{item['quantity']} {TIMES} {name}"


def _credited(last: Json | None) -> Json | None:
    """`credited_items` of a credit: the invoice line taken back, or the still pending item."""
    if last is None:
        return None
    if last["line"]:
        return {
            "invoice_item": None,
            "invoice_line_item_details": {
                "invoice": last["invoice"],
                "invoice_line_items": last["lines"] or [last["line"]],
            },
            "type": "invoice_line_items",
        }
    return {
        "invoice_item": last["invoice_item"],
        "invoice_line_item_details": None,
        "type": "invoice_item",
    }
