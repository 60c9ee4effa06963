"""Our own balance at Stripe in canonical words. Pure.

Source: https://docs.stripe.com/reports/balance-transaction-types,
https://docs.stripe.com/reports/reporting-categories, https://docs.stripe.com/payouts.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from canonical_models.cash import CashBalance, CashKind, CashMovement, Payout, PayoutStatus
from canonical_models.failures import ContractDrift
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import currency_code, instant, money
from connectors.stripe.wire_cash import Balance, BalanceTransaction, PayoutRead

#: By type; an adjustment says by its category what it is. What is not here is `other`.
_KINDS = {
    "charge": CashKind.CHARGE,
    "payment": CashKind.CHARGE,
    "payment_failure_refund": CashKind.REFUND,
    "payment_refund": CashKind.REFUND,
    "refund": CashKind.REFUND,
    "refund_failure": CashKind.REFUND,
    "stripe_fee": CashKind.FEE,
    "stripe_fx_fee": CashKind.FEE,
    "tax_fee": CashKind.FEE,
    "payout": CashKind.PAYOUT,
    "payout_cancel": CashKind.PAYOUT,
    "payout_failure": CashKind.PAYOUT,
}
_CATEGORIES = {
    "dispute": CashKind.DISPUTE,
    "dispute_reversal": CashKind.DISPUTE,
    "fee": CashKind.FEE,
}
_STATUSES = {
    "pending": PayoutStatus.UNDERWAY,
    "in_transit": PayoutStatus.UNDERWAY,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELED,
}
#: Of a fee that is tax.
_TAX = "tax"
_TAX_ALONE = "tax_fee"


def movement(read: BalanceTransaction) -> CashMovement:
    """Raises ContractDrift where its parts do not make its net."""
    subject = f"Balance transaction {read.id}"
    if read.net != read.amount - read.fee or read.fee != sum(p.amount for p in read.fee_details):
        raise ContractDrift(
            f"{subject} says {read.amount} less {read.fee} is {read.net}, of fees that sum to "
            f"{sum(part.amount for part in read.fee_details)}: look at it in Stripe",
            system=SYSTEM,
            payload_path="$.net",
        )

    def of(amount: int) -> Money:
        return money(amount, read.currency, subject=subject)

    kind = _KINDS.get(read.type) or _CATEGORIES.get(read.reporting_category, CashKind.OTHER)
    amount, fee = read.amount, read.fee
    tax = sum(part.amount for part in read.fee_details if part.type == _TAX)
    if kind is CashKind.FEE:
        # It is nothing but a fee: what it takes is what was kept.
        amount, fee = 0, fee - amount
        tax = fee if read.type == _TAX_ALONE else tax
    return CashMovement(
        movement_id=read.id,
        kind=kind,
        amount=of(amount),
        fee=of(fee - tax),
        fee_tax=of(tax),
        at=instant(read.created),
        taken=_taken(read),
        source_id=_source(read),
        called=read.type if read.type != "adjustment" else read.reporting_category,
    )


def _taken(read: BalanceTransaction) -> Money | None:
    """None where the customer's currency is the balance's."""
    source = read.source
    if source is None or source.amount is None or source.currency in (None, read.currency):
        return None
    sign = -1 if read.amount < 0 else 1
    return money(sign * source.amount, source.currency, subject=f"Source {source.id}")


def _source(read: BalanceTransaction) -> str | None:
    """As the settlement is called that it became (connectors/stripe/settlements.py, refunds.py)."""
    source = read.source
    if source is None:
        return None
    if read.type in ("charge", "payment"):
        return source.payment_intent or source.id
    return f"{source.id}/won" if read.reporting_category == "dispute_reversal" else source.id


def payout(
    read: PayoutRead, covered: Iterable[CashMovement] | None, back: datetime | None
) -> Payout:
    """`covered` are the movements that it pays out, itself among them."""
    return Payout(
        payout_id=read.id,
        amount=money(read.amount, read.currency, subject=f"Payout {read.id}"),
        status=_STATUSES[read.status],
        automatic=read.automatic,
        reconciled=read.reconciliation_status == "completed",
        created_at=instant(read.created),
        arrives_on=datetime.fromtimestamp(read.arrival_date, UTC).date(),
        back_on=None if back is None else back.date(),
        movements=None if covered is None else tuple(_others(read.id, covered)),
    )


def _others(payout_id: str, covered: Iterable[CashMovement]) -> Iterable[CashMovement]:
    """Without the payout itself, in whichever direction."""
    for each in covered:
        if each.kind is not CashKind.PAYOUT or each.source_id != payout_id:
            yield each


def balance(read: Balance) -> CashBalance:
    held: dict[str, Money] = {}
    for part in (*read.available, *read.pending):
        amount = money(part.amount, part.currency, subject="The balance")
        code = currency_code(part.currency, subject="The balance")
        held[code] = held.get(code, Money.zero(code)) + amount
    return CashBalance(amounts=tuple(held[code] for code in sorted(held)))
