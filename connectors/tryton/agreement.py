"""Billing's tax is the ERP's tax, code by code.

Tryton computes its own rows and rounds once for each document; billing may round each line. The
computed rows are left alone: what is put over them is lost with the next change of a line, and in a
credit note that finance makes. The difference is a row of its own, of the same tax and account,
with no base: it posts without a warning, is copied negated into credit notes, and can be summed.
"""

from collections.abc import Collection
from dataclasses import dataclass

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentDraft
from canonical_models.money import Money
from connectors.tryton.client import Row
from connectors.tryton.errors import SYSTEM
from connectors.tryton.held import Held
from connectors.tryton.mapping import decimal
from connectors.tryton.taxes import Taxes


@dataclass(frozen=True)
class TaxTarget:
    """What billing has of one tax, over the whole document."""

    base: Money
    amount: Money


def targets_of(draft: DocumentDraft, taxes: Taxes) -> dict[int, TaxTarget]:
    """Billing's tax by the ERP's taxes. Raises Rejection (tax_mismatch) where a code has another
    rate in the ERP than billing has taxed by."""
    zero = Money.zero(draft.currency)
    targets: dict[int, TaxTarget] = {}
    for total in draft.taxes:
        tax = taxes.named(total.code)
        if taxes.rate(tax) != total.rate:
            raise Rejection(
                RejectionCode.TAX_MISMATCH,
                f"document {draft.external_id} is taxed at {total.rate.normalize():f} in billing, "
                f"and {total.code!r} is {taxes.rate(tax).normalize():f} in {draft.legal_entity}: "
                "correct the tax code in the policy, or the tax in the ERP",
                system=SYSTEM,
                subject=total.code,
            )
        before = targets.get(tax, TaxTarget(base=zero, amount=zero))
        targets[tax] = TaxTarget(base=before.base + total.base, amount=before.amount + total.amount)
    return targets


def matches(held: Held, targets: dict[int, TaxTarget]) -> bool:
    """Whether the document's taxes are what they should be, to the last unit."""
    found = _sums(held)
    zero = Money.zero(held.currency.code)
    nothing = TaxTarget(base=zero, amount=zero)
    return all(
        found.get(tax, nothing).amount == targets.get(tax, nothing).amount
        for tax in found.keys() | targets.keys()
    )


def most_of_rounding(lines: int, currency: str) -> Money:
    """What ways of rounding can differ by: half a unit a line, as much again for nets of inclusive
    prices, which are rounded themselves, and a unit for the document."""
    return Money(minor=lines + 1, currency=currency)


def roundings(
    held: Held,
    nets: Collection[Money],
    targets: dict[int, TaxTarget],
    taxes: Taxes,
    what: str,
    *,
    limit: Money | None,
) -> dict[int, Money]:
    """By tax, what has to be added to Tryton's own amounts, in all not more than `limit`.

    Raises Rejection (document_refused) where the nets are others, and (tax_mismatch) where other
    codes or bases are taxed, or by more than the limit.
    """
    _same_nets(held, nets, what)
    found = _sums(held)
    missing: dict[int, Money] = {}
    for tax in sorted(found.keys() | targets.keys()):
        theirs, ours = found.get(tax), targets.get(tax)
        if theirs is None and ours is not None and not (ours.base or ours.amount):
            continue
        if ours is None and theirs is not None and not theirs.amount and not taxes.rate(tax):
            # A code of no tax is the ERP's own way to say why; billing need not name it.
            continue
        if theirs is None or ours is None or theirs.base != ours.base:
            raise _mismatch(found, targets, taxes, what)
        if difference := ours.amount - theirs.amount:
            missing[tax] = difference
    rounded = sum(abs(amount.minor) for amount in missing.values())
    if limit is not None and rounded > limit.minor:
        raise _mismatch(found, targets, taxes, what, beyond=limit)
    return missing


def rounding_rows(held: Held, missing: dict[int, Money], taxes: Taxes) -> list[Row]:
    """Rows for Tryton to create."""
    accounts = {row.tax: row.account for row in held.taxes}
    return [
        {
            "tax": tax,
            "account": accounts.get(tax) or taxes.account(tax),
            "base": decimal(Money.zero(amount.currency).decimal),
            "amount": decimal(amount.decimal),
            "manual": True,
            "description": f"{taxes.name(tax)}, rounding",
        }
        for tax, amount in missing.items()
    ]


def _sums(held: Held) -> dict[int, TaxTarget]:
    return {
        tax: TaxTarget(base=held.money(base), amount=held.money(amount))
        for tax, (base, amount) in held.tax_sums().items()
    }


def _same_nets(held: Held, nets: Collection[Money], what: str) -> None:
    found = [held.net(line) for line in held.charges]
    if found != list(nets):
        currency = held.currency.code
        raise Rejection(
            RejectionCode.DOCUMENT_REFUSED,
            f"the ERP makes {Money.total(found, currency)} net of {what} where billing has "
            f"{Money.total(nets, currency)}; the draft is cancelled and nothing posted: check the "
            "digits of the currency and of prices in the ERP",
            system=SYSTEM,
            subject=what,
        )


def _mismatch(
    found: dict[int, TaxTarget],
    targets: dict[int, TaxTarget],
    taxes: Taxes,
    what: str,
    *,
    beyond: Money | None = None,
) -> Rejection:
    more = "" if beyond is None else f", which is more than {beyond} of rounding"
    return Rejection(
        RejectionCode.TAX_MISMATCH,
        f"the ERP taxes {what} as {_told(found, taxes)}, billing as {_told(targets, taxes)}{more}; "
        "the draft is cancelled and nothing posted: correct the tax rule of the party or item in "
        "the ERP, or the tax in billing",
        system=SYSTEM,
        subject=what,
    )


def _told(sums: dict[int, TaxTarget], taxes: Taxes) -> str:
    said = [
        f"{taxes.name(tax)}: {entry.amount} on {entry.base}" for tax, entry in sorted(sums.items())
    ]
    return "; ".join(said) or "no tax"
