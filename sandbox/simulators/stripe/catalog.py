"""/v1/products, /v1/prices, /v1/tax_rates"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, merge_metadata, set_texts
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.price_forms import BEHAVIOURS, options, price_from

_RATE_TEXTS = ("country", "description", "display_name", "jurisdiction", "state", "tax_type")


def create_product(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A product, with the caller's `id` if one is given; `default_price_data` makes a price."""
    now = ctx.now()
    key = p.text("id") or new_id("prod", 14)
    if ctx.store.get(key):
        raise StripeError("Product already exists.", code="resource_already_exists", param="id")
    active = p.boolean("active")
    obj: Json = {
        "id": key,
        "object": "product",
        "active": True if active is None else active,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": merge_metadata(p, {}),
        "name": p.need("name"),
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    set_texts(p, obj, ("description", "statement_descriptor", "tax_code", "unit_label", "url"))
    ctx.create(obj, "product.created")
    if data := p.sub("default_price_data"):
        obj["default_price"] = price_from(ctx, data, key)["id"]
        ctx.store.put(obj)
    return ctx.view(obj)


def update_product(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change the given members."""
    obj = ctx.store.need("product", path["id"])
    before = ctx.view(obj)
    names = ("name", "description", "statement_descriptor", "tax_code", "unit_label", "url")
    set_texts(p, obj, names)
    if (active := p.boolean("active")) is not None:
        obj["active"] = active
    if default := p.text("default_price"):
        obj["default_price"] = ctx.store.need("price", default, "default_price")["id"]
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    obj["updated"] = ctx.now()
    return ctx.save(obj, before, "product.updated")


def create_price(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A price of any kind, one-time or recurring, for `product` or a new `product_data`."""
    if data := p.sub("product_data"):
        product: str = create_product(ctx, data, {})["id"]
    else:
        product = ctx.store.need("product", p.need("product"), "product")["id"]
    return price_from(ctx, p, product)


def update_price(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change what may change; amount, currency and interval never do."""
    obj = ctx.store.need("price", path["id"])
    before = ctx.view(obj)
    set_texts(p, obj, ("nickname", "lookup_key"))
    if (active := p.boolean("active")) is not None:
        obj["active"] = active
    behaviour = p.choice("tax_behavior", BEHAVIOURS)
    if behaviour and obj["tax_behavior"] == "unspecified":
        obj["tax_behavior"] = behaviour
    obj["_options"] = obj["_options"] | options(p, obj)
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    return ctx.save(obj, before, "price.updated")


def create_rate(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A manual percentage."""
    percentage, inclusive = p.decimal("percentage"), p.boolean("inclusive")
    if percentage is None or inclusive is None:
        missing_name = "percentage" if percentage is None else "inclusive"
        raise StripeError(
            f"Missing required param: {missing_name}.",
            code="parameter_missing",
            param=missing_name,
        )
    if not 0 <= percentage <= 100:
        raise StripeError("Invalid percentage: must be between 0 and 100.", param="percentage")
    active = p.boolean("active")
    obj: Json = {
        "id": new_id("txr"),
        "object": "tax_rate",
        "active": True if active is None else active,
        "country": None,
        "created": ctx.now(),
        "description": None,
        "display_name": p.need("display_name"),
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": merge_metadata(p, {}),
        "percentage": float(percentage),
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }
    set_texts(p, obj, _RATE_TEXTS)
    return ctx.create(obj, "tax_rate.created")


def update_rate(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change all but the percentage."""
    obj = ctx.store.need("tax_rate", path["id"])
    before = ctx.view(obj)
    set_texts(p, obj, _RATE_TEXTS)
    if (active := p.boolean("active")) is not None:
        obj["active"] = active
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    return ctx.save(obj, before, "tax_rate.updated")


def list_products(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `active` and `ids`."""
    active, ids = p.boolean("active"), p.strings("ids")
    return page(
        ctx,
        p,
        "product",
        "/v1/products",
        keep=lambda o: (
            (active is None or o["active"] == active) and (ids is None or o["id"] in ids)
        ),
    )


def list_prices(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `active`, `product`, `currency`, `type` and `lookup_keys`."""
    active, keys = p.boolean("active"), p.strings("lookup_keys")
    wanted = {name: p.text(name) for name in ("product", "currency", "type")}
    return page(
        ctx,
        p,
        "price",
        "/v1/prices",
        keep=lambda o: (
            (active is None or o["active"] == active)
            and (keys is None or o["lookup_key"] in keys)
            and all(value is None or o[name] == value for name, value in wanted.items())
        ),
    )


def list_rates(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `active` and `inclusive`."""
    active, inclusive = p.boolean("active"), p.boolean("inclusive")
    return page(
        ctx,
        p,
        "tax_rate",
        "/v1/tax_rates",
        keep=lambda o: (
            (active is None or o["active"] == active)
            and (inclusive is None or o["inclusive"] == inclusive)
        ),
    )


def _retrieve(ctx: Context, path: dict[str, str], kind: str) -> Json:
    return ctx.view(ctx.store.need(kind, path["id"]))


ROUTES: Routes = [
    ("POST", "/v1/products", create_product),
    ("GET", "/v1/products", list_products),
    ("GET", "/v1/products/{id}", lambda c, _p, path: _retrieve(c, path, "product")),
    ("POST", "/v1/products/{id}", update_product),
    ("POST", "/v1/prices", create_price),
    ("GET", "/v1/prices", list_prices),
    ("GET", "/v1/prices/{id}", lambda c, _p, path: _retrieve(c, path, "price")),
    ("POST", "/v1/prices/{id}", update_price),
    ("POST", "/v1/tax_rates", create_rate),
    ("GET", "/v1/tax_rates", list_rates),
    ("GET", "/v1/tax_rates/{id}", lambda c, _p, path: _retrieve(c, path, "tax_rate")),
    ("POST", "/v1/tax_rates/{id}", update_rate),
]
