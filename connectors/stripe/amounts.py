"""Stripe's integers as money and decimals, and what of a line's amount is tax. Pure.

Source: https://docs.stripe.com/currencies (smallest units and special cases).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from canonical_models.currencies import MINOR_UNITS
from canonical_models.failures import ContractDrift, Failure, Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.wire import TaxRate
from connectors.stripe.wire_documents import Credit, FinalLine

#: Beyond it a sum of a few lines might no longer fit a ledger; Stripe charges at most 12 digits.
MOST_MINOR = 10**12

#: Where Stripe's smallest unit has other decimals than ISO 4217 says: krona and shilling kept two
#: when they lost their cents, the ariary has none because its fifths are no decimals.
_DECIMALS = MINOR_UNITS | {"ISK": 2, "UGX": 2, "MGA": 0}


def currency_code(currency: str, *, subject: str) -> str:
    """The ISO 4217 code. Raises ContractDrift for what has no minor unit there."""
    code = currency.upper()
    if code not in MINOR_UNITS:
        raise ContractDrift(
            f"{subject} is in {code}, which is no ISO 4217 currency with a minor unit: it cannot "
            "be posted; bill it in another currency",
            system=SYSTEM,
            payload_path="$.currency",
        )
    return code


def money(amount: int, currency: str, *, subject: str) -> Money:
    """`amount` in Stripe's smallest unit of a lower-case `currency`.

    Raises Rejection when it is larger than MOST_MINOR, ContractDrift when it is finer than the
    currency's minor unit.
    """
    code = currency_code(currency, subject=subject)
    exact = Fraction(amount) * 10 ** MINOR_UNITS[code] / 10 ** _DECIMALS[code]
    if exact.denominator != 1:
        raise ContractDrift(
            f"{subject} holds an amount finer than the minor unit of {code}: correct it in Stripe",
            system=SYSTEM,
            payload_path="$.amount",
        )
    if abs(exact) > MOST_MINOR:
        raise Rejection(
            RejectionCode.AMOUNT_OUT_OF_RANGE,
            f"{subject} holds an amount beyond {MOST_MINOR} minor units of {code}: void or credit "
            "it in Stripe and post it by hand",
            system=SYSTEM,
            subject=subject,
        )
    return Money(minor=int(exact), currency=code)


def shown_money(amount: int, currency: str) -> Money | None:
    """An amount that only people look at: None where it cannot be told, so that it stops
    nothing."""
    try:
        return money(amount, currency, subject="What is only shown")
    except Failure:
        return None


def counted(quantity: int | None, exact: str | None) -> Decimal | None:
    """Units of a line, of any size; the decimal is the whole truth, the integer is cut."""
    if exact is not None:
        return Decimal(exact)
    return None if quantity is None else Decimal(quantity)


def rounded(value: Fraction) -> int:
    """The nearest integer, halves away from zero, as Stripe rounds."""
    nearest = (abs(value) + Fraction(1, 2)).__floor__()
    return nearest if value >= 0 else -nearest


def line_net(line: FinalLine) -> int:
    """A line without its tax and after what was taken off before tax."""
    inclusive = sum(tax.amount for tax in line.taxes or () if tax.tax_behavior == "inclusive")
    return line.amount - taken_off(line) - inclusive


def taken_off(line: FinalLine) -> int:
    """Discounts and credit grants, before tax."""
    # Discounts are among the pre-tax credits; older invoices know the discounts alone.
    found: list[Credit] = line.pretax_credit_amounts or line.discount_amounts or []
    return sum(credit.amount for credit in found)


def percent(rate: TaxRate) -> Fraction | None:
    """None for a rate that is a flat amount."""
    return None if rate.percentage is None else Fraction(Decimal(str(rate.percentage)))


def net_of_inclusive(amount: int, rates: Iterable[TaxRate]) -> int | None:
    """`amount` without the tax that `rates` will find inside it once it is invoiced; None where one
    of them is a flat amount, whose part in it only the invoice says."""
    shares = []
    for rate in rates:
        share = percent(rate) if rate.inclusive else Fraction(0)
        if share is None:
            return None
        shares.append(share)
    base = Fraction(amount) * 100 / (100 + sum(shares, Fraction(0)))
    return amount - sum(rounded(base * share / 100) for share in shares)


def instant(seconds: int) -> datetime:
    """Unix seconds as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def instant_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else instant(seconds)
