"""Billing's taxes by the ERP's codes: billing's amounts count, the ERP's own rules must give them.

What a line shows is compared line by line and code by code, so that taxes which only add up over
the document are no agreement. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from canonical_models.currencies import MINOR_UNITS
from canonical_models.documents import BillingDocument, BillingLine, LineTax
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ItemTerms, TaxCode, TaxTotal
from canonical_models.money import Money
from canonical_models.policy import EntityBooks, TaxCodeRule
from planning.refusals import figure, named, percent, refused

#: Why a customer pays nothing of a tax that billing names with its full rate.
_NOT_CHARGED = ("reverse_charge", "customer_exempt")


@dataclass(frozen=True)
class TaxedLine:
    """A line with the ERP's codes and what billing taxes by each, in the same order."""

    line: BillingLine
    codes: tuple[TaxCode, ...]
    amounts: tuple[Money, ...]


@dataclass(frozen=True)
class _Charge:
    """What billing taxes, in minor units; by several taxes at once where one code books them.
    `code` is the ERP's where a rule of the entity names it."""

    minor: int
    rate: Decimal | None
    taxes: int = 1
    code: str | None = None

    def fits(self, code: TaxCode, net: int) -> bool:
        """A minor unit for each tax is rounding."""
        return (
            self.code in (None, code.code)
            and self.rate in (None, code.rate)
            and abs(self.minor - code.rate * net) <= self.taxes
        )


def taxed_line(
    document: BillingDocument,
    line: BillingLine,
    terms: ItemTerms,
    books: EntityBooks,
    on: date,
    *,
    forced: TaxCode | None = None,
) -> TaxedLine:
    """`on` is the day of issue, `forced` the code that a person has decided.

    Raises Rejection: tax_mismatch with both sides, tax_undetermined for a tax that the entity's
    rules know nothing of beside others of the line that they name."""
    charges = _charges(document, line, books, on, whole=forced is not None)
    codes = terms.taxes if forced is None else (forced,)
    ruled = {charge.code for charge in charges if charge.code is not None}
    if not ruled or ruled == {code.code for code in codes}:
        amounts = _by_code(charges, codes, line.net.minor)
        if amounts is not None:
            made = tuple(Money(minor=minor, currency=line.net.currency) for minor in amounts)
            return TaxedLine(line, codes, made)
    raise _mismatch(document, line, charges, codes)


def totals(
    document: BillingDocument, lines: Iterable[TaxedLine], limit: Decimal
) -> tuple[TaxTotal, ...]:
    """Billing's sums by code, in the order of their first lines.

    Raises Rejection (tax_mismatch) where the ERP, which rounds once for each code of a document, is
    further off than `limit`, in major units."""
    rates: dict[str, Decimal] = {}
    bases: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for taxed in lines:
        for code, amount in zip(taxed.codes, taxed.amounts, strict=True):
            rates[code.code] = code.rate
            bases[code.code] += taxed.line.net.minor
            amounts[code.code] += amount.minor
    _require_rounding(document, rates, bases, amounts, limit)
    return tuple(
        TaxTotal(
            code=code,
            rate=rate,
            base=Money(minor=bases[code], currency=document.currency),
            amount=Money(minor=amounts[code], currency=document.currency),
        )
        for code, rate in rates.items()
    )


def rounding_limit(limit: Decimal, currency: str, codes: int) -> int:
    """In minor units of the currency; where that has none so small, each code may be one off."""
    scaled = limit.scaleb(MINOR_UNITS[currency])
    return codes if 0 < scaled < 1 else int(scaled)


def _require_rounding(
    document: BillingDocument,
    rates: Mapping[str, Decimal],
    bases: Mapping[str, int],
    amounts: Mapping[str, int],
    limit: Decimal,
) -> None:
    computed = {code: _rounded(rate * bases[code]) for code, rate in rates.items()}
    off = sum(abs(amounts[code] - minor) for code, minor in computed.items())
    allowed = rounding_limit(limit, document.currency, len(rates))
    if off > allowed:
        billed = [("tax " + percent(rate), amounts[code]) for code, rate in rates.items()]
        booked = [(_called(code, rate), computed[code]) for code, rate in rates.items()]
        apart, most = (figure(minor, document.currency) for minor in (off, allowed))
        raise refused(
            RejectionCode.TAX_MISMATCH,
            f"{named(document)}: {_both_sides(document.net, billed, booked)}; that is "
            f"{apart} apart, of which rounding may be {most}",
            document.document_id,
        )


def _charges(
    document: BillingDocument, line: BillingLine, books: EntityBooks, on: date, *, whole: bool
) -> list[_Charge]:
    """Raises Rejection (tax_undetermined)."""
    taxes = line.taxes or ()
    if whole:
        return [_merged(taxes, None)]
    by_code: dict[str, list[LineTax]] = {}
    unknown = []
    for tax in taxes:
        rule = next((rule for rule in books.tax_codes if _matches(rule, tax, on)), None)
        if rule is not None:
            by_code.setdefault(rule.code, []).append(tax)
        else:
            unknown.append(tax)
    if not by_code:
        return [_merged((tax,), None) for tax in unknown]
    for tax in unknown:
        if tax.amount:
            raise refused(
                RejectionCode.TAX_UNDETERMINED,
                f"{named(document)}, line {line.line_id}: no tax rule of the legal entity knows "
                f"{_words(tax)} of {tax.amount}: add one to its tax_codes",
                document.document_id,
            )
    return [_merged(found, code) for code, found in by_code.items()]


def _merged(taxes: Sequence[LineTax], code: str | None) -> _Charge:
    rates = [rate for rate in map(_charged, taxes) if rate is not None]
    return _Charge(
        minor=sum(tax.amount.minor for tax in taxes),
        rate=sum(rates, Decimal(0)) if len(rates) == len(taxes) else None,
        taxes=len(taxes),
        code=code,
    )


def _charged(tax: LineTax) -> Decimal | None:
    """The rate that billing charged: none of what it names where the customer owes no tax."""
    return Decimal(0) if tax.reason in _NOT_CHARGED and not tax.amount else tax.rate


def _matches(rule: TaxCodeRule, tax: LineTax, on: date) -> bool:
    said = (
        (rule.kind, tax.kind),
        (rule.country, tax.country),
        (rule.reason, tax.reason),
        (rule.billing_code, tax.code),
    )
    return (
        all(wanted is None or _same(wanted, found) for wanted, found in said)
        and rule.rate in (None, tax.rate)
        and (rule.valid_from is None or rule.valid_from <= on)
        and (rule.valid_until is None or on <= rule.valid_until)
    )


def _same(wanted: str, found: str | None) -> bool:
    return found is not None and wanted.casefold() == found.casefold()


def _by_code(charges: Iterable[_Charge], codes: Iterable[TaxCode], net: int) -> list[int] | None:
    """What billing taxes by each code; None where the codes do not explain it all. A code that
    would tax nothing needs no tax of billing's, and a tax of nothing at no rate no code."""
    left = list(charges)
    amounts = []
    for code in codes:
        found = next((charge for charge in left if charge.fits(code, net)), None)
        if found is not None:
            left.remove(found)
        elif code.rate * net:
            return None
        amounts.append(found.minor if found else 0)
    return None if any(charge.minor or charge.rate for charge in left) else amounts


def _mismatch(
    document: BillingDocument,
    line: BillingLine,
    charges: Iterable[_Charge],
    codes: Iterable[TaxCode],
) -> Rejection:
    billed = [(_called(charge.code or "tax", charge.rate), charge.minor) for charge in charges]
    booked = [
        (_called(code.code, code.rate), _rounded(code.rate * line.net.minor)) for code in codes
    ]
    return refused(
        RejectionCode.TAX_MISMATCH,
        f"{named(document)}, line {line.line_id}: {_both_sides(line.net, billed, booked)}: align "
        "the tax rule of the party or item with billing, or give the tax code",
        document.document_id,
    )


def _both_sides(net: Money, billed: list[tuple[str, int]], booked: list[tuple[str, int]]) -> str:
    return f"billing {_whole(net, billed)}; the ERP would book {_whole(net, booked)}"


def _whole(net: Money, taxes: list[tuple[str, int]]) -> str:
    gross = net.minor + sum(minor for _, minor in taxes)
    parts = (f"{name} {figure(minor, net.currency)}" for name, minor in taxes or [("tax", 0)])
    return f"{figure(gross, net.currency)}, of it {' and '.join(parts)}"


def _called(code: str, rate: Decimal | None) -> str:
    """Many codes name their rate already."""
    return code if rate is None or "%" in code else f"{code} {percent(rate)}"


def _words(tax: LineTax) -> str:
    said = (tax.kind, tax.country, tax.reason, tax.code, percent(tax.rate) if tax.rate else None)
    return " ".join(word for word in said if word) or "a tax"


def _rounded(minor: Decimal) -> int:
    return int(minor.to_integral_value(ROUND_HALF_UP))
