"""Invoices as Stripe holds them, in canonical words. Pure.

Source: https://docs.stripe.com/invoicing/overview.
"""

from collections.abc import Iterable
from datetime import datetime

from canonical_models.term import Invoice, InvoiceStatus
from connectors.stripe import wire_invoices as wire
from connectors.stripe.amounts import instant, money
from connectors.stripe.payments import Billed, Charged, oldest_first, payment_id
from connectors.stripe.wire import Subscription

_STATUS = {
    "draft": InvoiceStatus.DRAFT,
    "open": InvoiceStatus.OPEN,
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
}


def status_of(invoice: wire.Invoice | wire.InvoiceState) -> InvoiceStatus:
    return _STATUS[invoice.status]


def canonical_invoices(
    subscription: Subscription,
    billed: Iterable[Billed],
    charged: Iterable[Charged],
    *,
    as_of: datetime,
) -> tuple[Invoice, ...]:
    """All that have left the draft, oldest first."""
    processing = _processing(entry.charge for entry in charged)
    return tuple(
        _invoice(subscription, entry, processing, as_of)
        for entry in oldest_first(billed)
        if entry.invoice.status != "draft"
    )


def _invoice(
    subscription: Subscription, entry: Billed, processing: frozenset[str], as_of: datetime
) -> Invoice:
    found = entry.invoice
    subject = f"Invoice {found.id}"
    in_process = any(payment_id(share.payment, share.id) in processing for share in entry.payments)
    return Invoice(
        invoice_id=found.id,
        customer_id=subscription.customer.id,
        subscription_id=subscription.id,
        number=found.number,
        status=status_of(found),
        total=money(found.total, found.currency, subject=subject),
        paid=money(found.amount_paid, found.currency, subject=subject),
        created_at=instant(found.created),
        due_at=None if found.due_date is None else instant(found.due_date),
        overdue_since=_overdue_since(found, in_process, as_of),
    )


def _overdue_since(found: wire.Invoice, in_process: bool, as_of: datetime) -> datetime | None:
    """When the first charge was refused, or an invoice that was sent should have been paid."""
    if found.status != "open":
        return None
    if found.collection_method == "send_invoice":
        due = None if found.due_date is None else instant(found.due_date)
        return due if due is not None and due <= as_of else None
    if not found.attempted or in_process:
        return None
    finalized = found.status_transitions.finalized_at
    return instant(found.created if finalized is None else finalized)


def _processing(charges: Iterable[wire.Charge]) -> frozenset[str]:
    """Payments under way that nobody has refused yet, such as a direct debit in its first days:
    Stripe calls their invoices attempted as well."""
    waiting: set[str] = set()
    refused: set[str] = set()
    for charge in charges:
        names = {charge.id, charge.payment_intent or charge.id}
        match charge.status:
            case "pending":
                waiting |= names
            case "failed":
                refused |= names
            case "succeeded":
                pass
    return frozenset(waiting - refused)
