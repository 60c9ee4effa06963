"""The money that moved on Stripe's invoices, in canonical words. Pure.

Source: https://docs.stripe.com/api/invoice-payment, https://docs.stripe.com/refunds,
https://docs.stripe.com/disputes/how-disputes-work.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from canonical_models.term import Payment, PaymentState
from connectors.stripe import wire_invoices as wire
from connectors.stripe.amounts import instant, money

#: Of movements in the same second, money comes in before it goes out again.
_ORDER = (
    PaymentState.CONFIRMED,
    PaymentState.REFUNDED,
    PaymentState.DISPUTED,
    PaymentState.REINSTATED,
)

#: Money that was given back or is on its way; None is what refunds of long ago say. What still
#: asks the customer for an account, or came back to us, is not.
_GIVEN_BACK = frozenset({"succeeded", "pending", None})

#: Disputes that are no mere inquiry, and that nothing prevented.
_FORMAL = frozenset(
    {
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
        "won",
        "lost",
    }
)


class Billed(NamedTuple):
    """An invoice with all its lines and payments."""

    invoice: wire.Invoice
    lines: list[wire.InvoiceLine]
    payments: list[wire.InvoicePayment]


class Charged(NamedTuple):
    """A charge with all its refunds and disputes."""

    charge: wire.Charge
    refunds: list[wire.Refund]
    disputes: list[wire.Dispute]


def oldest_first(billed: Iterable[Billed]) -> list[Billed]:
    return sorted(billed, key=lambda entry: (entry.invoice.created, entry.invoice.id))


def payment_id(source: wire.PaymentSource, own: str) -> str:
    """What names a payment for good; `own` where no payment at Stripe stands behind it."""
    return source.payment_intent or source.charge or own


def by_payment(billed: Iterable[Billed]) -> dict[str, str]:
    """The invoice that each payment went to; of several the oldest."""
    found: dict[str, str] = {}
    for invoice, _, shares in oldest_first(billed):
        for share in shares:
            found.setdefault(payment_id(share.payment, share.id), invoice.id)
    return found


def invoice_of(charge: wire.Charge, invoices: Mapping[str, str]) -> str | None:
    """The invoice of `by_payment` that a charge was for; None for a charge of something else."""
    return invoices.get(charge.payment_intent or "") or invoices.get(charge.id)


def movements(billed: Iterable[Billed], charged: Iterable[Charged]) -> tuple[Payment, ...]:
    """All that was received for the invoices, given back and taken away, by time."""
    entries = list(billed)
    invoices = by_payment(entries)
    found = [*_received(entries)]
    for entry in charged:
        if (invoice := invoice_of(entry.charge, invoices)) is not None:
            found += _given_back(invoice, entry)
            found += _disputed(invoice, entry)
    return tuple(
        sorted(found, key=lambda moved: (moved.at, _ORDER.index(moved.state), moved.payment_id))
    )


def _received(billed: Iterable[Billed]) -> Iterable[Payment]:
    named: set[str] = set()
    for invoice, _, shares in oldest_first(billed):
        for share in shares:
            if share.status != "paid" or not share.amount_paid:
                continue
            name = payment_id(share.payment, share.id)
            if name in named:
                # A payment of several invoices: each movement has an id of its own.
                name = share.id
            named.add(name)
            paid_at = share.status_transitions.paid_at
            yield Payment(
                payment_id=name,
                invoice_id=invoice.id,
                amount=money(share.amount_paid, share.currency, subject=f"Payment {name}"),
                state=PaymentState.CONFIRMED,
                at=instant(share.created if paid_at is None else paid_at),
            )


def _given_back(invoice: str, entry: Charged) -> Iterable[Payment]:
    for refund in entry.refunds:
        if refund.status in _GIVEN_BACK and refund.amount:
            yield Payment(
                payment_id=refund.id,
                invoice_id=invoice,
                amount=money(refund.amount, refund.currency, subject=f"Refund {refund.id}"),
                state=PaymentState.REFUNDED,
                at=instant(refund.created),
            )


def _disputed(invoice: str, entry: Charged) -> Iterable[Payment]:
    for dispute in entry.disputes:
        amount = money(dispute.amount, dispute.currency, subject=f"Dispute {dispute.id}")
        taken, returned = _taken_and_returned(dispute, entry)
        if taken is not None:
            yield Payment(
                payment_id=dispute.id,
                invoice_id=invoice,
                amount=amount,
                state=PaymentState.DISPUTED,
                at=taken,
            )
        if returned is not None:
            yield Payment(
                payment_id=f"{dispute.id}-won",
                invoice_id=invoice,
                amount=amount,
                state=PaymentState.REINSTATED,
                at=returned,
            )


def _taken_and_returned(
    dispute: wire.Dispute, entry: Charged
) -> tuple[datetime | None, datetime | None]:
    """When a dispute took its money and when it gave it back; None where it did not.

    The movements on the balance say so. Where none is shown the status does, unless the money had
    been refunded before: Stripe takes nothing for what the customer has already.
    """
    if moved := sorted(dispute.balance_transactions, key=lambda movement: movement.created):
        taken = next((movement.created for movement in moved if movement.amount < 0), None)
        returned = next((movement.created for movement in moved if movement.amount > 0), None)
        return (
            None if taken is None else instant(taken),
            None if returned is None else instant(returned),
        )
    refunded = sum(
        refund.amount
        for refund in entry.refunds
        if refund.status in _GIVEN_BACK and refund.created < dispute.created
    )
    if dispute.status not in _FORMAL or refunded + dispute.amount > entry.charge.amount:
        return None, None
    opened = instant(dispute.created)
    return opened, opened if dispute.status == "won" else None
