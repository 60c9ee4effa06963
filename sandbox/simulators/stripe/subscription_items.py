"""/v1/subscription_items: the same changes as on the subscription, one item at a time."""

import copy

from sandbox.simulators.stripe.changes import TERMINAL, rebill
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.items import ItemChange, new_item, read_item
from sandbox.simulators.stripe.listing import page_of
from sandbox.simulators.stripe.views import item_view


def _holder(ctx: Context, key: str) -> Json:
    subscription = ctx.store.holder_of_item(key)
    if subscription is None or subscription["status"] in TERMINAL:
        raise missing("subscription_item", key[:80], None)
    return subscription


def _item(subscription: Json, key: str) -> Json:
    for item in subscription["items"]:
        if item["id"] == key:
            found: Json = item
            return found
    raise missing("subscription_item", key[:80], None)


def _change(ctx: Context, p: Params, subscription: Json, change: ItemChange) -> Json:
    before, old = ctx.view(subscription), copy.deepcopy(subscription)
    p.boolean("off_session")
    rebill(ctx, p, old, subscription, [change])
    stored = ctx.store.need("subscription", subscription["id"])
    ctx.save(stored, before, "customer.subscription.updated")
    return stored


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Add an item."""
    subscription = ctx.store.need("subscription", p.need("subscription"), "subscription")
    if subscription["status"] in TERMINAL:
        raise StripeError("A canceled subscription takes no items.", param="subscription")
    item = new_item(ctx, p, subscription, ctx.now(subscription["customer"]))
    stored = _change(ctx, p, subscription, ItemChange(None, item))
    return item_view(ctx.store, _item(stored, item["id"]))


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Another price, quantity, tax rates or metadata."""
    subscription = _holder(ctx, path["id"])
    old = _item(subscription, path["id"])
    stored = _change(ctx, p, subscription, ItemChange(old, read_item(ctx, p, old, subscription)))
    return item_view(ctx.store, _item(stored, path["id"]))


def delete(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Remove an item; the last one cannot go."""
    subscription = _holder(ctx, path["id"])
    p.boolean("clear_usage")
    _change(ctx, p, subscription, ItemChange(_item(subscription, path["id"]), None))
    return {"id": path["id"], "object": "subscription_item", "deleted": True}


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One item."""
    return item_view(ctx.store, _item(_holder(ctx, path["id"]), path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """The items of one `subscription`."""
    subscription = ctx.store.need("subscription", p.need("subscription"), "subscription")
    items = [item_view(ctx.store, item) for item in subscription["items"]]
    return page_of(p, items, "/v1/subscription_items")


ROUTES: Routes = [
    ("POST", "/v1/subscription_items", create),
    ("GET", "/v1/subscription_items", listing),
    ("GET", "/v1/subscription_items/{id}", retrieve),
    ("POST", "/v1/subscription_items/{id}", update),
    ("DELETE", "/v1/subscription_items/{id}", delete),
]
