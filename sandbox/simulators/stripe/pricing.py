"""What a quantity costs by each kind of price. Pure; amounts are minor units.

Per unit, with decimals of a minor unit; per package (`transform_quantity`); by tiers, where either
each unit costs what its own tier says (graduated), or all cost what the last one does (volume).
https://docs.stripe.com/products-prices/pricing-models
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.proration import line_amount

_OF_CURRENCY = ("unit_amount", "unit_amount_decimal", "tax_behavior")


@dataclass(frozen=True)
class Part:
    """A part of a price that has a line of its own. `tier` counts from 1; None where there are no
    tiers. A flat fee counts no units."""

    amount: int
    quantity: int
    unit: str | None
    tier: int | None = None
    flat: bool = False


def is_metered(price: Json) -> bool:
    """Whether it charges usage, which is not agreed but measured."""
    return bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"


def in_currency(price: Json, currency: str, param: str = "items") -> Json:
    """The price as it is in a currency that it has besides its own."""
    if price["currency"] == currency:
        return price
    option = price["_options"].get(currency)
    if option is None:
        raise StripeError(
            f"The price specified only supports `{price['currency']}`. This doesn't match the "
            f"expected currency: `{currency}`.",
            param=param,
        )
    own = {name: option[name] for name in _OF_CURRENCY}
    return price | own | {"currency": currency, "_tiers": option["tiers"]}


def currencies(price: Json) -> set[str]:
    """All that it can be sold in."""
    return {price["currency"], *price["_options"]}


def parts(price: Json, quantity: int) -> list[Part]:
    """The lines that a whole period of a quantity makes, one at least."""
    if price["billing_scheme"] == "tiered":
        graduated = price["tiers_mode"] == "graduated"
        found = list(
            _graduated(price["_tiers"], quantity)
            if graduated
            else _volume(price["_tiers"], quantity)
        )
        return found or [Part(0, quantity, None, 1)]
    unit, counted = price["unit_amount_decimal"], quantity
    if package := price["transform_quantity"]:
        whole, rest = divmod(quantity, package["divide_by"])
        counted = whole + (1 if rest and package["round"] == "up" else 0)
    return [Part(line_amount(Decimal(unit), counted), quantity, unit)]


def total(price: Json, quantity: int) -> int:
    """A whole period of a quantity."""
    return sum(part.amount for part in parts(price, quantity))


def _graduated(tiers: list[Json], quantity: int) -> Iterator[Part]:
    below = 0
    for place, tier in enumerate(tiers, 1):
        upto = tier["up_to"]
        inside = (quantity if upto is None else min(quantity, upto)) - below
        if place > 1 and inside <= 0:
            return
        yield from _tier(tier, place, max(inside, 0))
        below = upto or below


def _volume(tiers: list[Json], quantity: int) -> Iterator[Part]:
    for place, tier in enumerate(tiers, 1):
        if tier["up_to"] is None or quantity <= tier["up_to"]:
            yield from _tier(tier, place, quantity)
            return


def _tier(tier: Json, place: int, units: int) -> Iterator[Part]:
    unit, flat = _decimal(tier["unit_amount_decimal"]), _decimal(tier["flat_amount_decimal"])
    if unit is not None and units:
        yield Part(line_amount(unit, units), units, str(unit), place)
    if flat is not None:
        yield Part(line_amount(flat, 1), 0, None, place, flat=True)


def _decimal(told: Any) -> Decimal | None:
    return None if told is None else Decimal(told)
