"""What the forms of prices say: per unit, per package, by tiers, of usage, in several currencies.

https://docs.stripe.com/api/prices/create
"""

from decimal import Decimal

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.money import currency_code

# Three years at most, in each interval (https://docs.stripe.com/api/prices/create).
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
BEHAVIOURS = ("exclusive", "inclusive", "unspecified")


def price_from(ctx: Context, p: Params, product: str) -> Json:
    """Create a price out of `price_data`-shaped parameters."""
    scheme = p.choice("billing_scheme", ("per_unit", "tiered")) or "per_unit"
    recurring = _recurring(ctx, p)
    package = _package(p)
    if scheme == "tiered":
        mode = p.choice("tiers_mode", ("graduated", "volume")) or p.need("tiers_mode")
        if recurring is None or package is not None:
            raise StripeError("A tiered price recurs, and has no packages.", param="tiers")
    else:
        mode = None
    amounts = _amounts(p, tiered=scheme == "tiered")
    active = p.boolean("active")
    currency = currency_code(p.need("currency"))
    obj: Json = {
        "id": new_id("price"),
        "object": "price",
        "active": True if active is None else active,
        "billing_scheme": scheme,
        "created": ctx.now(),
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": p.text("lookup_key") or None,
        "metadata": merge_metadata(p, {}),
        "nickname": p.text("nickname") or None,
        "product": product,
        "recurring": recurring,
        "tax_behavior": p.choice("tax_behavior", BEHAVIOURS) or "unspecified",
        "tiers_mode": mode,
        "transform_quantity": package,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amounts["unit_amount"],
        "unit_amount_decimal": amounts["unit_amount_decimal"],
        "_tiers": amounts["tiers"],
    }
    obj["_options"] = options(p, obj)
    return ctx.create(obj, "price.created")


def options(p: Params, price: Json) -> dict[str, Json]:
    """`currency_options` of a form: the price in currencies beside its own."""
    outer = p.sub("currency_options")
    found: dict[str, Json] = {}
    for code in outer.keys() if outer else ():
        given = outer.sub(code) if outer else None
        if given is None:
            continue
        behaviour = given.choice("tax_behavior", BEHAVIOURS) or price["tax_behavior"]
        amounts = _amounts(given, tiered=price["billing_scheme"] == "tiered")
        found[currency_code(code)] = amounts | {"tax_behavior": behaviour}
    return found


def shown_options(price: Json) -> dict[str, Json]:
    """`currency_options` as the API shows them: the price's own currency is among them."""
    own = {name: price[name] for name in ("unit_amount", "unit_amount_decimal", "tax_behavior")}
    every = {price["currency"]: own | {"tiers": price["_tiers"]}, **price["_options"]}
    return {
        code: {name: value for name, value in each.items() if name != "tiers" or value}
        | {"custom_unit_amount": None}
        for code, each in every.items()
    }


def unit_amount(p: Params) -> tuple[Decimal, int | None]:
    """`unit_amount` or `unit_amount_decimal`: the exact unit, and the integer if it is one."""
    whole, exact = p.integer("unit_amount"), p.decimal("unit_amount_decimal")
    if (whole is None) == (exact is None):
        raise StripeError(
            "You must specify exactly one of unit_amount or unit_amount_decimal.",
            code="parameter_missing",
            param=p.name("unit_amount"),
        )
    unit = Decimal(whole) if whole is not None else exact or Decimal(0)
    if unit < 0:
        raise StripeError("Invalid non-negative integer", param=p.name("unit_amount"))
    return unit, int(unit) if unit == unit.to_integral_value() else None


def _amounts(p: Params, *, tiered: bool) -> Json:
    if tiered:
        return {"unit_amount": None, "unit_amount_decimal": None, "tiers": _tiers(p)}
    unit, whole = unit_amount(p)
    return {"unit_amount": whole, "unit_amount_decimal": _text(unit), "tiers": None}


def _recurring(ctx: Context, p: Params) -> Json | None:
    data = p.sub("recurring")
    if data is None:
        return None
    interval = data.choice("interval", tuple(_LONGEST)) or data.need("interval")
    usage = data.choice("usage_type", ("licensed", "metered")) or "licensed"
    meter = data.text("meter") or None
    if (usage == "metered") != (meter is not None):
        raise StripeError(
            "A metered price names the meter that it charges, and no other price does.",
            param=data.name("meter"),
        )
    if meter is not None:
        ctx.store.need("billing.meter", meter, data.name("meter"))
    return {
        "interval": interval,
        "interval_count": data.integer("interval_count", 1, _LONGEST[interval]) or 1,
        "meter": meter,
        "trial_period_days": None,
        "usage_type": usage,
    }


def _package(p: Params) -> Json | None:
    data = p.sub("transform_quantity")
    if data is None:
        return None
    data.need("divide_by")
    return {
        "divide_by": data.integer("divide_by", 1),
        "round": data.choice("round", ("up", "down")) or data.need("round"),
    }


def _tiers(p: Params) -> list[Json]:
    given = p.subs("tiers")
    if not given:
        raise StripeError(
            "Missing required param: tiers.", code="parameter_missing", param=p.name("tiers")
        )
    found: list[Json] = []
    for data in given:
        upto = None if data.text("up_to") == "inf" else data.integer("up_to", 1)
        unit, flat = _either(data, "unit_amount"), _either(data, "flat_amount")
        if unit is None and flat is None:
            raise StripeError(
                "Each tier has a unit_amount or a flat_amount.", param=data.name("unit_amount")
            )
        found.append(
            {
                "flat_amount": _whole(flat),
                "flat_amount_decimal": _text(flat),
                "unit_amount": _whole(unit),
                "unit_amount_decimal": _text(unit),
                "up_to": upto,
            }
        )
    ends = [tier["up_to"] for tier in found]
    if ends[-1] is not None or None in ends[:-1] or ends[:-1] != sorted({*ends[:-1]}):
        raise StripeError(
            "Tiers come in the order of up_to, and the last one goes to inf.", param="tiers"
        )
    return found


def _either(p: Params, name: str) -> Decimal | None:
    whole, exact = p.integer(name, 0), p.decimal(f"{name}_decimal")
    return exact if whole is None else Decimal(whole)


def _whole(value: Decimal | None) -> int | None:
    return None if value is None or value != value.to_integral_value() else int(value)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")
