"""Which movements of money the ERP has still to learn of. Pure."""

from collections.abc import Collection

from canonical_models.commerce import BillingSnapshot
from canonical_models.ledgering import AccountMapping, EntryKind, PaymentDraft
from canonical_models.term import Payment, PaymentState
from planning.term import local_day


def payments_to_enter(
    snapshot: BillingSnapshot,
    entered: Collection[str],
    covered: Collection[str],
    account: AccountMapping,
    zone: str | None,
    *,
    posting: Collection[str] = (),
) -> tuple[PaymentDraft, ...]:
    """In the order in which the money moved. `entered` are the ids that the ERP knows, `covered`
    those of the lines that documents carry, this change's included: a payment waits until all
    that it pays for is posted. What is known already is entered again where this change is
    `posting` lines of its invoice, as after an undo: entering finds it, and settles with it."""
    waiting = {
        line.invoice_id for line in snapshot.lines if line.net and line.line_id not in covered
    }
    due = [
        payment
        for payment in snapshot.payments
        if payment.moved
        and (payment.payment_id not in entered or payment.invoice_id in posting)
        and payment.invoice_id not in waiting
    ]
    return tuple(
        PaymentDraft(
            reference=payment.payment_id,
            kind=_kind(payment),
            legal_entity=account.legal_entity,
            party=account.erp_party,
            amount=payment.moved,
            value_date=local_day(payment.at, zone),
        )
        for payment in sorted(due, key=lambda payment: (payment.at, payment.payment_id))
    )


def _kind(payment: Payment) -> EntryKind:
    match payment.state:
        case PaymentState.CONFIRMED | PaymentState.REINSTATED | PaymentState.FAILED:
            return EntryKind.RECEIPT
        case PaymentState.WRITTEN_OFF:
            return EntryKind.WRITE_OFF
        case PaymentState.REFUNDED:
            return EntryKind.REFUND
        case PaymentState.DISPUTED:
            return EntryKind.CHARGEBACK
