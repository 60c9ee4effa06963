"""Manual tax rates, computed and rounded per line (https://docs.stripe.com/billing/taxes/tax-rates).

Amounts are minor units; a credit line's tax is the exact negative of the debit's.
"""

from collections.abc import Sequence
from fractions import Fraction

from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.proration import round_half_up

# Of manual rates, unlike of those that Stripe Tax finds, Stripe says no reason, but for customers
# who pay no tax.
_REASONS = {"exempt": "customer_exempt", "none": "not_available", "reverse": "reverse_charge"}


def line_taxes(amount: int, rates: Sequence[Json], exempt: str = "none") -> list[Json]:
    """The `taxes` member of a line of `amount` after discounts, one entry a rate.

    A customer who is `exempt`, or owes the tax (`reverse`), pays the whole of an inclusive price.
    """
    if exempt != "none":
        return [_entry(rate, 0, amount, exempt) for rate in rates]
    inclusive = sum((_percent(rate) for rate in rates if rate["inclusive"]), Fraction(0))
    base = Fraction(amount) * 100 / (100 + inclusive)
    net = amount - sum(
        round_half_up(base * _percent(rate) / 100) for rate in rates if rate["inclusive"]
    )
    taxes: list[Json] = []
    for rate in rates:
        # Exclusive rates stack on the net amount; what is already inside the price is not taxed.
        source = base if rate["inclusive"] else Fraction(net)
        taxes.append(_entry(rate, round_half_up(source * _percent(rate) / 100), net, exempt))
    return taxes


def _entry(rate: Json, amount: int, taxable: int, exempt: str) -> Json:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": rate.get("_reason", _REASONS[exempt])
        if exempt == "none"
        else _REASONS[exempt],
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def totals(lines: Sequence[Json]) -> list[Json]:
    """`total_taxes` of an invoice or credit note: the lines' rounded taxes added up by rate."""
    found: dict[str, Json] = {}
    for line in lines:
        for tax in line["taxes"]:
            key = tax["tax_rate_details"]["tax_rate"]
            if key in found:
                found[key]["amount"] += tax["amount"]
                found[key]["taxable_amount"] += tax["taxable_amount"]
            else:
                found[key] = dict(tax)
    return list(found.values())


def behaviour_sum(taxes: Sequence[Json], behaviour: str) -> int:
    """Sum of the taxes that are `exclusive`, or `inclusive`."""
    return sum(int(tax["amount"]) for tax in taxes if tax["tax_behavior"] == behaviour)


def _percent(rate: Json) -> Fraction:
    return Fraction(str(rate["percentage"]))
