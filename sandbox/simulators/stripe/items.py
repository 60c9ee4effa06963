"""Items of a subscription: read from parameters, compared, and kept alike in rhythm."""

import copy
from dataclasses import dataclass

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.discounts import inherited, read_discounts
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import merge_metadata, tax_rate_ids
from sandbox.simulators.stripe.forms import MOST_QUANTITY, Params
from sandbox.simulators.stripe.price_forms import price_from
from sandbox.simulators.stripe.pricing import currencies, in_currency, is_metered

_MOST_ITEMS = 20


@dataclass(frozen=True)
class ItemChange:
    """One item before and after; None where it did not or does not exist."""

    old: Json | None
    new: Json | None

    @property
    def bills(self) -> bool:
        """Whether money moves: another price or quantity, an added or a removed item."""
        if self.old is None or self.new is None:
            return True
        return any(self.old[name] != self.new[name] for name in ("price", "quantity"))


def new_item(ctx: Context, p: Params, subscription: Json, now: int) -> Json:
    """An item from `items[]` parameters, not yet placed in a period."""
    item: Json = {
        "id": new_id("si", 14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": now,
        "current_period_end": now,
        "current_period_start": now,
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "price": "",
        "quantity": 1,
        "subscription": subscription["id"],
        "tax_rates": [],
        "_currency": subscription["currency"],
        "_debit": None,
    }
    if subscription["items"]:
        first = subscription["items"][0]
        item["current_period_start"] = first["current_period_start"]
        item["current_period_end"] = first["current_period_end"]
    _apply(ctx, p, item, subscription)
    if not item["price"]:
        p.need("price")
    return item


def _apply(ctx: Context, p: Params, item: Json, subscription: Json) -> None:
    if price := p.text("price") or p.text("plan"):
        found = ctx.store.need("price", price, p.name("price"))
        if not found["active"]:
            raise StripeError(f"The price specified is inactive: {price}.", param=p.name("price"))
        item["price"] = found["id"]
    elif data := p.sub("price_data"):
        product = ctx.store.need("product", data.need("product"), data.name("product"))
        item["price"] = price_from(ctx, data, product["id"])["id"]
    _apply_quantity(ctx, p, item)
    if (rates := tax_rate_ids(ctx, p, "tax_rates")) is not None:
        item["tax_rates"] = rates
    if p.has("discounts"):
        _apply_discounts(ctx, p, item, subscription)
    item["metadata"] = merge_metadata(p, item["metadata"])


def item_price(ctx: Context, item: Json) -> Json:
    """The price of an item, in the currency of its subscription."""
    price = ctx.store.need("price", item["price"])
    return in_currency(price, item["_currency"] or price["currency"])


def _apply_quantity(ctx: Context, p: Params, item: Json) -> None:
    """Usage has no quantity: it is measured."""
    quantity = p.integer("quantity", 0, MOST_QUANTITY)
    if item["price"] and is_metered(ctx.store.need("price", item["price"])):
        if quantity is not None:
            raise StripeError(
                "You cannot set the quantity for metered plans.", param=p.name("quantity")
            )
        item["quantity"] = None
    elif quantity is not None or item["quantity"] is None:
        item["quantity"] = 1 if quantity is None else quantity


def _apply_discounts(ctx: Context, p: Params, item: Json, subscription: Json) -> None:
    customer = ctx.store.need("customer", subscription["customer"])
    currency = item["_currency"] or item_price(ctx, item)["currency"]
    found = read_discounts(
        ctx,
        p,
        customer,
        currency,
        known=[*item["discounts"], *inherited(ctx, customer, subscription)],
        holder=subscription["id"],
        subscription_item=item["id"],
    )
    item["discounts"] = found or []


def read_item(ctx: Context, p: Params, old: Json, subscription: Json) -> Json:
    """The new state of an existing item under the given parameters."""
    new = copy.deepcopy(old)
    _apply(ctx, p, new, subscription)
    return new


def read_changes(ctx: Context, p: Params, subscription: Json, now: int) -> list[ItemChange]:
    """What `items[]` asks for, in its order; the subscription itself is left alone."""
    by_id = {item["id"]: item for item in subscription["items"]}
    changes: list[ItemChange] = []
    for data in p.subs("items") or []:
        key = data.text("id")
        if key is None:
            changes.append(ItemChange(None, new_item(ctx, data, subscription, now)))
            continue
        old = by_id.get(key)
        if old is None:
            raise missing("subscription item", key[:80], data.name("id"))
        if data.boolean("deleted"):
            data.boolean("clear_usage")
            changes.append(ItemChange(old, None))
        else:
            changes.append(ItemChange(old, read_item(ctx, data, old, subscription)))
    return changes


def apply_changes(subscription: Json, changes: list[ItemChange]) -> None:
    """Put the new states in place of the old ones."""
    replaced = {change.old["id"]: change.new for change in changes if change.old}
    kept = [replaced.get(item["id"], item) for item in subscription["items"]]
    added = [change.new for change in changes if change.old is None]
    subscription["items"] = [item for item in [*kept, *added] if item is not None]


def check_alike(ctx: Context, subscription: Json) -> None:
    """All items recur, in one currency and one interval, each price once."""
    items = subscription["items"]
    if not items:
        raise StripeError(
            "A subscription must have at least one item.",
            code="parameter_missing",
            param="items",
        )
    if len(items) > _MOST_ITEMS:
        raise StripeError(f"A subscription has at most {_MOST_ITEMS} items.", param="items")
    prices = [ctx.store.need("price", item["price"]) for item in items]
    if any(price["recurring"] is None for price in prices):
        raise StripeError(
            "The price specified is set to `type=one_time` but this field only accepts prices "
            "with `type=recurring`.",
            param="items",
        )
    if len({price["id"] for price in prices}) < len(prices):
        raise StripeError(
            "Cannot add multiple subscription items with the same price.", param="items"
        )
    currency = subscription["currency"] or prices[0]["currency"]
    if any(currency not in currencies(price) for price in prices):
        raise StripeError("All prices of a subscription have the same currency.", param="items")
    rhythms = {(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in prices}
    if len(rhythms) > 1:
        raise StripeError(
            "This simulator bills all items of a subscription in one interval; give each "
            "interval a subscription of its own.",
            param="items",
        )
