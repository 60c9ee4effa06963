"""Proration by the second (https://docs.stripe.com/billing/subscriptions/prorations). Pure.

Amounts are integers in the currency's minor unit, whatever its exponent, times are Unix seconds.
Halves round away from zero, so that a credit always mirrors the debit it takes back.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


def round_half_up(value: Fraction) -> int:
    """The nearest integer; halves go away from zero."""
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return magnitude if value >= 0 else -magnitude


def line_amount(unit_amount: Decimal, quantity: int) -> int:
    """What a quantity costs for a whole period; the unit may carry decimals of a minor unit."""
    return round_half_up(Fraction(unit_amount) * quantity)


def share(amount: int, remaining: int, period: int) -> int:
    """`amount` for `remaining` of `period` seconds. Raises ValueError for an empty period."""
    if period <= 0:
        raise ValueError(f"a billing period of {period} seconds cannot be prorated")
    return round_half_up(Fraction(amount * remaining, period))


@dataclass(frozen=True)
class Span:
    """Half-open time `[start, end)` in Unix seconds."""

    start: int
    end: int

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.end - self.start

    def after(self, at: int) -> int:
        """Seconds of the span left at `at`: none after its end, all before its start."""
        return min(max(self.end - at, 0), self.seconds)


@dataclass(frozen=True)
class Debit:
    """What was last charged for an item, and for which time."""

    amount: int
    span: Span


def debit(full_amount: int, whole: Span, at: int, until: int) -> int:
    """Charge for `[at, until)` of a price whose whole natural period is `whole`."""
    return share(full_amount, until - at, whole.seconds)


def credit_classic(full_amount: int, whole: Span, at: int, until: int) -> int:
    """Classic billing mode: the current price, as if it had been charged. Zero or negative."""
    return -debit(full_amount, whole, at, until)


def credit_flexible(last: Debit, at: int) -> int:
    """Flexible billing mode: the unused part of what was really debited. Zero or negative."""
    if last.span.seconds <= 0:
        return 0
    return -share(last.amount, last.span.after(at), last.span.seconds)
