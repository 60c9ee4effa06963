"""What discounts take off amounts. Pure; amounts are integers of minor units, in one currency.

Item discounts come before those of the invoice, and each takes its part of what the ones before it
have left (https://docs.stripe.com/billing/subscriptions/coupons). A percentage is rounded on each
line, halves away from zero. A fixed amount is spread over its lines by what is left of them, so
that the shares add up to it exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.proration import round_half_up


@dataclass(frozen=True)
class Off:
    """What one discount takes: a percentage or a fixed amount, of all products or of some."""

    discount: str
    percent: Fraction | None
    amount: int | None
    products: frozenset[str] | None

    def reaches(self, product: str | None) -> bool:
        """Whether it applies to a line of that product (None: a line without one)."""
        return self.products is None or product in self.products

    def of(self, rest: int) -> int:
        """What it takes off a single amount."""
        return self.over([rest])[0]

    def over(self, rests: Sequence[int]) -> list[int]:
        """What it takes off each of several amounts, none of them negative."""
        if self.percent is not None:
            return [round_half_up(rest * self.percent / 100) for rest in rests]
        whole = sum(rests)
        taken = min(self.amount or 0, whole)
        shares: list[int] = []
        passed = given = 0
        for rest in rests:
            passed += rest
            # Rounding what was given so far, and not each share, is what makes the sum exact.
            upto = round_half_up(Fraction(taken * passed, whole)) if whole else 0
            shares.append(upto - given)
            given = upto
        return shares


def off(discount: Json) -> Off:
    """What a stored discount takes, by the coupon as it was when it was redeemed."""
    coupon = discount["_coupon"]
    percent, products = coupon["percent_off"], coupon["applies_to"]
    return Off(
        discount["id"],
        None if percent is None else Fraction(str(percent)),
        coupon["amount_off"],
        None if products is None else frozenset(products["products"]),
    )


@dataclass
class Part:
    """One amount that discounts may reduce: a line, or what is to become one."""

    amount: int
    product: str | None
    own: Sequence[Off] = ()
    discountable: bool = True


def cuts(parts: Sequence[Part], shared: Sequence[Off]) -> list[list[Json]]:
    """For each part what each discount takes off: `amount`, `discount`, and whether it is `item`'s.

    `shared` discounts are those of the invoice. What is not discountable, or below zero, they pass
    by; an own discount that reaches a part is named even where it takes nothing.
    """
    found: list[list[Json]] = [[] for _ in parts]
    rests = [part.amount for part in parts]
    for place, part in enumerate(parts):
        for one in part.own:
            if not one.reaches(part.product):
                continue
            taken = one.of(max(rests[place], 0))
            rests[place] -= taken
            found[place].append({"amount": taken, "discount": one.discount, "item": True})
    for one in shared:
        reached = [
            place
            for place, part in enumerate(parts)
            if part.discountable and part.amount >= 0 and one.reaches(part.product)
        ]
        for place, taken in zip(reached, one.over([rests[p] for p in reached]), strict=True):
            rests[place] -= taken
            found[place].append({"amount": taken, "discount": one.discount, "item": False})
    return found


def pretax_credits(amounts: Sequence[Json]) -> list[Json]:
    """`pretax_credit_amounts`: the discount amounts once more, beside other credits before tax."""
    return [
        {**one, "credit_balance_transaction": None, "type": "discount"}
        for one in amounts
        if one["amount"]
    ]


def taken(entries: Sequence[Json], *, item: bool | None = None) -> int:
    """Sum of cuts; with `item` only of the line's own, or only of the invoice's."""
    return sum(entry["amount"] for entry in entries if item is None or entry["item"] == item)
