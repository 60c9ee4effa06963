"""Taxes of a line in canonical words, with the rate behind each. Pure.

Source: https://docs.stripe.com/api/tax_rates/object, and `taxability_reason` of
https://docs.stripe.com/tax/zero-tax.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical_models.documents import LineTax
from canonical_models.money import Money
from connectors.stripe.amounts import money
from connectors.stripe.wire import Price, TaxRate
from connectors.stripe.wire_documents import Shipping, Tax


class Catalogue(NamedTuple):
    """Rates and prices by id, as far as Stripe still shows them."""

    rates: Mapping[str, TaxRate]
    prices: Mapping[str, Price]


class Signed(NamedTuple):
    """How amounts of a document become money: a credit note's are negative."""

    sign: int
    currency: str


def line_taxes(
    taxes: Iterable[Tax], how: Signed, rates: Mapping[str, TaxRate], *, subject: str
) -> tuple[LineTax, ...]:
    return tuple(_line_tax(tax, how, rates, subject) for tax in taxes)


def shipping_taxes(found: Shipping, how: Signed, *, subject: str) -> tuple[LineTax, ...]:
    """The taxes of what was shipped; one without a rate where Stripe tells their sum alone."""
    inclusive = shipped_inclusive(found)
    if found.taxes:
        return tuple(
            _told(
                money(how.sign * tax.amount, how.currency, subject=subject),
                tax.rate,
                inclusive,
                tax.taxability_reason,
            )
            for tax in found.taxes
        )
    if not found.amount_tax:
        return ()
    whole = money(how.sign * found.amount_tax, how.currency, subject=subject)
    return (LineTax(amount=whole, inclusive=inclusive),)


def shipped_inclusive(found: Shipping) -> bool:
    """Whether the price of shipping holds its tax."""
    return bool(found.amount_tax) and found.amount_total == found.amount_subtotal


def _line_tax(tax: Tax, how: Signed, rates: Mapping[str, TaxRate], subject: str) -> LineTax:
    code = tax.tax_rate_details.tax_rate if tax.tax_rate_details else None
    amount = money(how.sign * tax.amount, how.currency, subject=subject)
    inclusive = tax.tax_behavior == "inclusive"
    rate = rates.get(code or "")
    if rate is None:
        reason = _reason(tax.taxability_reason)
        return LineTax(amount=amount, inclusive=inclusive, reason=reason, code=code)
    return _told(amount, rate, inclusive, tax.taxability_reason)


def _told(amount: Money, rate: TaxRate, inclusive: bool, reason: str | None) -> LineTax:
    country = (rate.country or "").strip().lower()
    return LineTax(
        amount=amount,
        rate=_fraction(rate),
        inclusive=inclusive,
        kind=(rate.tax_type or "").lower()[:40] or None,
        country=country if len(country) == 2 else None,
        reason=_reason(reason),
        code=rate.id,
    )


def _fraction(rate: TaxRate) -> Decimal | None:
    """Per cent as a fraction; None for a flat amount, and for what no tax can be."""
    if rate.percentage is None:
        return None
    # Of 19 and 19.0 Stripe means the same, and a document's content is compared by its text.
    fraction = (Decimal(str(rate.percentage)) / 100).normalize()
    return fraction if 0 <= fraction <= 1 else None


def _reason(told: str | None) -> str | None:
    """Stripe's own word; of rates that people set up by hand it says that it has none."""
    return None if told in (None, "not_available") else told[:60]
