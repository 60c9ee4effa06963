"""What the events of documents, money and customers hint at. Pure.

Each names the document or payment to read. Whose it is says the subscription where the event names
one; else the account of the customer, unless our tables know better.
"""

from typing import Any

from canonical_models.amendment import ChangeHint, ChangeKind
from connectors.stripe.amounts import instant
from connectors.stripe.wire_events import (
    ChargeInEvent,
    CreditNoteInEvent,
    CustomerInEvent,
    Event,
    InvoiceInEvent,
    InvoiceItemInEvent,
    OfChargeInEvent,
    ShareInEvent,
    TaxIdInEvent,
)

#: Of an update of a final invoice: what no event of its own tells.
_TOLD_BY_UPDATE = frozenset(
    {
        "amount_remaining",
        "custom_fields",
        "customer_address",
        "customer_name",
        "customer_tax_ids",
        "due_date",
        "effective_at",
        "number",
        "total",
    }
)

#: Of an update of a customer: what other systems are told of it, and what it has on account.
_OF_ACCOUNT = frozenset(
    {
        "address",
        "balance",
        "business_name",
        "currency",
        "email",
        "invoice_credit_balance",
        "name",
        "tax_exempt",
    }
)


def invoice_hint(event: Event[InvoiceInEvent]) -> ChangeHint | None:
    """A draft is no document: what changes on it is what its subscription has not billed yet."""
    invoice = event.data.object
    subscription = invoice.parent.subscription if invoice.parent else None
    if invoice.status == "draft" or event.type == "invoice.deleted":
        if subscription is None or _only_noted(event):
            return None
        return _hint(event, ChangeKind.OTHER, subscription=subscription, customer=invoice.customer)
    if event.type == "invoice.created":
        # It became final with its making, which `invoice.finalized` says.
        return None
    if event.type == "invoice.updated" and not _tells(event):
        return None
    return _hint(
        event,
        _kind_of_invoice(invoice) if event.type == "invoice.finalized" else ChangeKind.PAYMENT,
        subscription=subscription,
        customer=invoice.customer,
        document=invoice.id,
    )


def item_hint(event: Event[InvoiceItemInEvent]) -> ChangeHint | None:
    """None for an item that waits for no subscription: it is shown nowhere until it is billed."""
    item = event.data.object
    subscription = item.parent.subscription if item.parent else None
    if subscription is None:
        return None
    return _hint(event, ChangeKind.OTHER, subscription=subscription, customer=item.customer)


def share_hint(event: Event[ShareInEvent]) -> ChangeHint:
    share = event.data.object
    payment = share.payment.at_stripe or share.id
    return _hint(event, ChangeKind.PAYMENT, document=share.invoice, payment=payment)


def charge_hint(event: Event[ChargeInEvent]) -> ChangeHint:
    charge = event.data.object
    payment = charge.payment_intent or charge.id
    return _hint(event, ChangeKind.PAYMENT, customer=charge.customer, payment=payment)


def of_charge_hint(event: Event[OfChargeInEvent]) -> ChangeHint | None:
    """None for a refund of what was never charged, such as of a payment made elsewhere."""
    found = event.data.object
    payment = found.payment_intent or found.charge
    if payment is None or _only_noted(event):
        return None
    return _hint(event, ChangeKind.PAYMENT, customer=found.customer, payment=payment)


def credit_note_hint(event: Event[CreditNoteInEvent]) -> ChangeHint | None:
    """None for what was noted on it, which may be our own note."""
    note = event.data.object
    if _only_noted(event):
        return None
    return _hint(
        event,
        ChangeKind.BILLED,
        customer=note.customer,
        document=note.id,
        corrects=note.invoice,
    )


def customer_hint(event: Event[CustomerInEvent]) -> ChangeHint | None:
    """None for an update of what nobody else is told."""
    if event.type == "customer.updated" and not event.changed & _OF_ACCOUNT:
        return None
    return _hint(event, ChangeKind.ACCOUNT, customer=event.data.object.id)


def tax_id_hint(event: Event[TaxIdInEvent]) -> ChangeHint | None:
    """None for a tax id of the account itself."""
    customer = event.data.object.customer
    return None if customer is None else _hint(event, ChangeKind.ACCOUNT, customer=customer)


def _hint(
    event: Event[Any],
    kind: ChangeKind,
    *,
    subscription: str | None = None,
    customer: str | None = None,
    document: str | None = None,
    payment: str | None = None,
    corrects: str | None = None,
) -> ChangeHint:
    return ChangeHint(
        event_id=event.id,
        subscription_id=subscription,
        customer_id=customer,
        kind=kind,
        occurred_at=instant(event.created),
        document_id=document,
        corrects=corrects,
        payment_id=payment,
    )


def _kind_of_invoice(invoice: InvoiceInEvent) -> ChangeKind:
    """The invoice that opens a new period is its renewal."""
    renews = invoice.billing_reason == "subscription_cycle"
    return ChangeKind.RENEWAL if renews else ChangeKind.BILLED


def _only_noted(event: Event[Any]) -> bool:
    """Whether nothing but metadata changed: our own note coming back, or one of people."""
    return event.changed == {"metadata"}


def _tells(event: Event[InvoiceInEvent]) -> bool:
    """A change of status has an event of its own."""
    return "status" not in event.changed and bool(event.changed & _TOLD_BY_UPDATE)
