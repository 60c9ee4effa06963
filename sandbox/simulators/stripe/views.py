"""Stored objects as the API shows them: ids of rates and prices filled in, private keys left out.

Keys that begin with an underscore are the simulator's own notes and never leave it.
"""

from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.store import Store

EMBEDDED_LINES = 10


def view(store: Store, obj: Json) -> Json:
    """A copy fit for a response or an event."""
    shown = _public(obj)
    match obj["object"]:
        case "subscription":
            _fill_subscription(store, shown)
        case "customer":
            shown["discount"] = _discount(store, obj["discount"])
        case "invoice":
            if obj["status"] == "draft":
                shown |= who(store, obj["customer"])
            shown["default_tax_rates"] = _rates(store, obj["default_tax_rates"])
            shown["lines"] = embedded_list(
                shown["lines"], f"/v1/invoices/{obj['id']}/lines", EMBEDDED_LINES
            )
        case "invoiceitem":
            shown["tax_rates"] = _rates(store, obj["tax_rates"])
            # Discounts may still change what a discountable item comes to.
            shown["net_amount"] = None if obj["discountable"] else obj["net_amount"]
        case "credit_note":
            lines = credit_note_lines(store, obj)
            shown["lines"] = embedded_list(
                lines, f"/v1/credit_notes/{obj['id']}/lines", EMBEDDED_LINES
            )
            # Stripe counts the lines of invoices only.
            del shown["lines"]["total_count"]
        case "subscription_schedule":
            for phase in shown["phases"]:
                for part, name in ((phase, "default_tax_rates"), *_taxed(phase)):
                    part[name] = None if part[name] is None else _rates(store, part[name])
        case _:
            pass
    return shown


def _taxed(phase: Json) -> list[tuple[Json, str]]:
    return [(item, "tax_rates") for item in phase["items"]]


def who(store: Store, key: str) -> Json:
    """A customer as invoices show it: a draft follows the customer, a final invoice keeps this."""
    customer = store.need("customer", key)
    ids = store.find("tax_id", customer=key, oldest_first=True)
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [{"type": one["type"], "value": one["value"]} for one in ids],
    }


def _discount(store: Store, key: str | None) -> Json | None:
    return None if key is None else _public(store.need("discount", key))


def embedded_list(data: list[Json], url: str, most: int) -> Json:
    """A list object inside another object: the first page, the rest by its `url`."""
    return {
        "object": "list",
        "data": data[:most],
        "has_more": len(data) > most,
        "total_count": len(data),
        "url": url,
    }


def credit_note_lines(store: Store, note: Json) -> list[Json]:
    """All lines of a credit note with their tax rates."""
    return [
        _public(line) | {"tax_rates": _rates(store, line["tax_rates"])} for line in note["lines"]
    ]


def item_view(store: Store, item: Json) -> Json:
    """A subscription item with its price, its legacy plan and its tax rates."""
    shown = _public(item)
    price = _public(store.need("price", item["price"]))
    shown["price"] = price
    if shown["quantity"] is None:
        # Usage has none: the member is not there.
        del shown["quantity"]
    shown["plan"] = _plan(price)
    shown["tax_rates"] = _rates(store, item["tax_rates"])
    return shown


def _fill_subscription(store: Store, shown: Json) -> None:
    items = [item_view(store, item) for item in shown["items"]]
    shown["items"] = {
        "object": "list",
        "data": items,
        "has_more": False,
        "total_count": len(items),
        "url": f"/v1/subscription_items?subscription={shown['id']}",
    }
    shown["default_tax_rates"] = _rates(store, shown["default_tax_rates"])


def _rates(store: Store, ids: list[str]) -> list[Json]:
    return [store.need("tax_rate", key) for key in ids]


def _plan(price: Json) -> Json:
    """The plan that Stripe still shows beside an item's price."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def _public(obj: Json) -> Json:
    return {key: _copy(key, value) for key, value in obj.items() if not key.startswith("_")}


def _copy(key: str, value: object) -> object:
    # Metadata belongs to the caller: a key of theirs may well begin with an underscore.
    if isinstance(value, dict):
        return dict(value) if key == "metadata" else _public(value)
    if isinstance(value, list):
        return [_copy("", entry) for entry in value]
    return value
