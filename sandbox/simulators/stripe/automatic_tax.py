"""What Stripe Tax finds: rates by where a customer is, made as they are needed.

https://docs.stripe.com/tax/calculating, https://docs.stripe.com/tax/customer-locations,
https://docs.stripe.com/tax/zero-tax. A few places, for sales out of Germany.
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.forms import Params

_HOME = "DE"
#: Per cent of VAT in countries of the EU, and what a business elsewhere in it pays: nothing.
_EU = {"AT": 20.0, "DE": 19.0, "ES": 21.0, "FR": 20.0, "IT": 22.0, "NL": 21.0}
#: Where sales tax is registered for.
_STATES = {("US", "TX"): 8.25, ("US", "NY"): 8.875}
_REVERSE = "reverse_charge"


def read_form(p: Params, current: Json) -> Json:
    """The `automatic_tax` of a form, or the current one."""
    data = p.sub("automatic_tax")
    if data is None:
        return current
    if data.boolean("enabled") is None:
        data.need("enabled")
    enabled = data.boolean("enabled") or False
    liability = data.sub("liability")
    if liability is not None:
        liability.need("type")
    return current | {
        "enabled": enabled,
        "disabled_reason": None,
        "liability": {"type": "self"} if enabled else None,
    }


def require_location(customer: Json) -> None:
    """Refuses a customer whose place is not known."""
    if _place(customer) is None:
        raise StripeError(
            "The customer's location isn't recognized. Set a valid customer address in order to "
            "automatically calculate tax.",
            code="customer_tax_location_invalid",
            param="automatic_tax",
        )


def on_invoice(customer: Json, asked: Json) -> Json:
    """The `automatic_tax` of an invoice that is to have what the subscription `asked` for."""
    status = None
    if asked["enabled"]:
        status = "requires_location_inputs" if _place(customer) is None else "complete"
    return {
        "disabled_reason": None,
        "enabled": asked["enabled"],
        "liability": asked["liability"],
        "provider": "stripe" if asked["enabled"] else None,
        "status": status,
    }


def before_final(invoice: Json, customer: Json) -> None:
    """What is final without a place has no tax that was calculated, and says why."""
    told = invoice["automatic_tax"]
    if told["enabled"] and _place(customer) is None:
        told |= {
            "disabled_reason": "finalization_requires_location_inputs",
            "enabled": False,
            "status": None,
        }


def rates_of(ctx: Context, customer: Json, line: Json) -> list[Json]:
    """The rates of a line of an invoice whose tax is calculated."""
    place = _place(customer)
    if place is None:
        return []
    country, state = place
    details = (line["pricing"] or {}).get("price_details")
    price = ctx.store.get(details["price"]) if details else None
    inclusive = bool(price) and price["tax_behavior"] == "inclusive" if price else False
    if country in _EU and country != _HOME and _is_business(ctx, customer):
        return [_rate(ctx, country, None, 0.0, inclusive=inclusive) | {"_reason": _REVERSE}]
    percent = _EU.get(country, _STATES.get((country, state or "")))
    if percent is None:
        zero = _rate(ctx, country, state, 0.0, inclusive=inclusive)
        return [zero | {"_reason": "not_collecting"}]
    found = _rate(ctx, country, state, percent, inclusive=inclusive)
    return [found | {"_reason": "standard_rated"}]


def _place(customer: Json) -> tuple[str, str | None] | None:
    address = customer["address"] or {}
    country = address.get("country")
    return (country, address.get("state")) if country else None


def _is_business(ctx: Context, customer: Json) -> bool:
    return any(one["type"] == "eu_vat" for one in ctx.store.find("tax_id", customer=customer["id"]))


def _rate(
    ctx: Context, country: str, state: str | None, percent: float, *, inclusive: bool
) -> Json:
    """Stripe's own rate of a place, which nobody can use by hand."""
    where = "".join((country, state or ""))
    key = f"txr_auto{where}{str(percent).replace('.', 'p')}{'in' if inclusive else 'ex'}"
    known = ctx.store.get(key)
    if known is not None:
        return known
    vat = country in _EU
    made: Json = {
        "id": key,
        "object": "tax_rate",
        "active": False,
        "country": country,
        "created": ctx.now(),
        "description": None,
        "display_name": "VAT" if vat else "Sales Tax",
        "effective_percentage": percent,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": state or country,
        "jurisdiction_level": "state" if state else "country",
        "livemode": False,
        "metadata": {},
        "percentage": percent,
        "rate_type": "percentage",
        "state": state,
        "tax_type": "vat" if vat else "sales_tax",
    }
    ctx.store.put(made)
    return made
