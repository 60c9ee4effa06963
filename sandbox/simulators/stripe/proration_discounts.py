"""Discounts of prorations: settled when a proration is made, never recomputed.

`billing_mode[flexible][proration_discounts]` says whether a proration's amount is net (`included`)
or gross with its discounts beside it (`itemized`):
https://docs.stripe.com/changelog/clover/2025-09-30/itemize-proration-discount-amounts
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.discounting import Off, Part, cuts, taken
from sandbox.simulators.stripe.discounts import in_force, inherited, offs
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.pricing import total
from sandbox.simulators.stripe.proration import Span, round_half_up, share


def is_itemized(subscription: Json) -> bool:
    """Whether prorations of the subscription are shown gross, with their discounts."""
    flexible = subscription["billing_mode"]["flexible"]
    return bool(flexible) and flexible["proration_discounts"] == "itemized"


def cuts_of_debit(
    ctx: Context, subscription: Json, item: Json, gross: int, part: Fraction
) -> list[Json]:
    """What today's discounts take off a debit of `part` of an item's period.

    A fixed amount is prorated like the price, and one of the whole subscription is shared among
    its items by their prices.
    """
    customer = ctx.store.need("customer", subscription["customer"])
    currency, now = subscription["currency"], ctx.now(customer["id"])
    product = ctx.store.need("price", item["price"])["product"]
    own = offs(ctx, in_force(ctx, item["discounts"], now), currency)
    shared = offs(ctx, inherited(ctx, customer, subscription), currency)
    whole = Part(gross, product, [_scaled(one, part) for one in own])
    weighed = [_scaled(one, part * _weight(ctx, subscription, item, one)) for one in shared]
    return cuts([whole], weighed)[0]


def _scaled(one: Off, part: Fraction) -> Off:
    return one if one.amount is None else replace(one, amount=round_half_up(one.amount * part))


def _weight(ctx: Context, subscription: Json, item: Json, one: Off) -> Fraction:
    """The item's share of what the discount reaches."""
    prices: dict[str, int] = {}
    for other in subscription["items"]:
        price = item_price(ctx, other)
        if one.reaches(price["product"]):
            prices[other["id"]] = total(price, other["quantity"] or 0)
    whole = sum(prices.values())
    return Fraction(prices.get(item["id"], 0), whole) if whole else Fraction(0)


def cuts_of_credit(last: Json, at: int) -> list[Json]:
    """What the discounts of a debit took off its unused part, as negative amounts."""
    span = Span(last["start"], last["end"])
    if span.seconds <= 0:
        return []
    return [
        one | {"amount": -share(one["amount"], span.after(at), span.seconds)}
        for one in last["cuts"]
    ]


def negated(entries: Sequence[Json]) -> list[Json]:
    """The cuts of a credit that mirrors a debit."""
    return [one | {"amount": -one["amount"]} for one in entries]


def settle(entry: Json, subscription: Json, gross: int, entries: list[Json]) -> None:
    """Set the amounts of a proration's invoice item, and show the discounts in its details."""
    itemized = is_itemized(subscription)
    net = gross - taken(entries)
    entry |= {
        "amount": gross if itemized else net,
        "net_amount": net,
        "discounts": [one["discount"] for one in entries if one["item"]],
        "_cuts": entries,
        "_included": not itemized,
    }
    if subscription["billing_mode"]["type"] == "flexible":
        entry["proration_details"]["discount_amounts"] = shown(entries, itemized=itemized)


def shown(entries: Sequence[Json], *, itemized: bool) -> list[Json]:
    """`proration_details.discount_amounts`: every discount, with nothing where it is included."""
    return [
        {"amount": one["amount"] if itemized else 0, "discount": one["discount"]} for one in entries
    ]


def rescale(entry: Json, amount: int) -> None:
    """Another amount for a proration by hand; itemized discounts follow in proportion."""
    old, entries = entry["amount"], entry["_cuts"]
    if not entry["_included"]:
        part = Fraction(amount, old) if old else Fraction(0)
        entries = [one | {"amount": round_half_up(one["amount"] * part)} for one in entries]
        details = entry["proration_details"]
        if details["discount_amounts"]:
            details["discount_amounts"] = shown(entries, itemized=True)
        entry |= {"_cuts": entries, "net_amount": amount - taken(entries)}
    else:
        entry["net_amount"] = amount
    entry["amount"] = amount
