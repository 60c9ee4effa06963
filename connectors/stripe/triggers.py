"""What an event triggers: the change that it says happened, from the event alone. The plan decides
later what it really is. Pure.

Each names the document or payment to read. Whose it is says the subscription where the event names
one; else the account of the customer, unless our tables know better.
"""

from typing import Any

from pydantic import ValidationError

from canonical_models.amendment import ChangeKind, ChangeTrigger
from connectors.stripe.amounts import instant
from connectors.stripe.wire_events import (
    ChargeInEvent,
    CreditNoteInEvent,
    CustomerInEvent,
    Event,
    InvoiceInEvent,
    InvoiceItemInEvent,
    ItemInEvent,
    ItemsInEvent,
    OfChargeInEvent,
    ShareInEvent,
    SubscriptionInEvent,
    TaxIdInEvent,
)

_CANCEL_MEMBERS = frozenset({"cancel_at", "cancel_at_period_end"})

#: The kinds that the type of an event of a subscription says; an update is looked into.
_KINDS = {
    "customer.subscription.created": ChangeKind.ACTIVATION,
    "customer.subscription.deleted": ChangeKind.CANCELLATION,
    "customer.subscription.paused": ChangeKind.OTHER,
    "customer.subscription.resumed": ChangeKind.OTHER,
}

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


def subscription_trigger(event: Event[SubscriptionInEvent]) -> ChangeTrigger | None:
    subscription = event.data.object
    kind = _KINDS.get(event.type) or _kind_of_update(
        subscription, event.data.previous_attributes or {}
    )
    if kind is None:
        return None
    return ChangeTrigger(
        event_id=event.id,
        subscription_id=subscription.id,
        customer_id=subscription.customer,
        kind=kind,
        occurred_at=instant(event.created),
    )


def _kind_of_update(now: SubscriptionInEvent, before: dict[str, Any]) -> ChangeKind | None:
    """The kind of `customer.subscription.updated`; `before` is its `previous_attributes`.

    None for an update of metadata only: what we wrote there, or a note of people.
    """
    if before.keys() == {"metadata"}:
        return None
    kind = _kind_of_items(now.items, before["items"]) if "items" in before else ChangeKind.OTHER
    if kind is ChangeKind.OTHER and before.keys() & _CANCEL_MEMBERS:
        ending = now.cancel_at_period_end or now.cancel_at is not None
        return ChangeKind.CANCELLATION_SCHEDULED if ending else ChangeKind.REINSTATEMENT
    return kind


def _kind_of_items(now: object, before: object) -> ChangeKind:
    new, old = _items(now), _items(before)
    if new is None or old is None:
        return ChangeKind.OTHER
    if new.keys() - old.keys():
        # A plan that is exchanged by a new item in place of the old one is no add-on.
        return ChangeKind.OTHER if old.keys() - new.keys() else ChangeKind.ADD_ON
    if old.keys() - new.keys():
        # An add-on or a plan was given up.
        return ChangeKind.DOWNGRADE
    pairs = [(old[key], new[key]) for key in new]
    if any(was.price.id != is_.price.id for was, is_ in pairs):
        return _kind_of_prices(pairs)
    if any(was.quantity != is_.quantity for was, is_ in pairs):
        return ChangeKind.QUANTITY
    if any(was.current_period_start != is_.current_period_start for was, is_ in pairs):
        return ChangeKind.RENEWAL
    return ChangeKind.OTHER


def _kind_of_prices(pairs: list[tuple[ItemInEvent, ItemInEvent]]) -> ChangeKind:
    """Dearer or cheaper, where the prices are of one currency and interval."""
    difference = 0
    for was, is_ in pairs:
        if was.price.id == is_.price.id:
            continue
        if was.price.unit_amount is None or is_.price.unit_amount is None:
            return ChangeKind.OTHER
        if _measure(was) != _measure(is_):
            return ChangeKind.OTHER
        difference += is_.price.unit_amount - was.price.unit_amount
    if difference == 0:
        return ChangeKind.OTHER
    return ChangeKind.UPGRADE if difference > 0 else ChangeKind.DOWNGRADE


def _measure(item: ItemInEvent) -> tuple[object, ...]:
    recurring = item.price.recurring or {}
    return item.price.currency, recurring.get("interval"), recurring.get("interval_count")


def _items(found: object) -> dict[str, ItemInEvent] | None:
    """Items by id; None where the event does not show them as we know them."""
    try:
        return {item.id: item for item in ItemsInEvent.model_validate(found).data}
    except ValidationError:
        return None


def invoice_trigger(event: Event[InvoiceInEvent]) -> ChangeTrigger | None:
    """A draft is no document: what changes on it is what its subscription has not billed yet."""
    invoice = event.data.object
    subscription = invoice.parent.subscription if invoice.parent else None
    if invoice.status == "draft" or event.type == "invoice.deleted":
        if subscription is None or _only_noted(event):
            return None
        return _trigger(
            event, ChangeKind.OTHER, subscription=subscription, customer=invoice.customer
        )
    if event.type == "invoice.created":
        # It became final with its making, which `invoice.finalized` says.
        return None
    if event.type == "invoice.updated" and not _tells(event):
        return None
    return _trigger(
        event,
        _kind_of_invoice(invoice) if event.type == "invoice.finalized" else ChangeKind.PAYMENT,
        subscription=subscription,
        customer=invoice.customer,
        document=invoice.id,
    )


def item_trigger(event: Event[InvoiceItemInEvent]) -> ChangeTrigger | None:
    """None for an item that waits for no subscription: it is shown nowhere until it is billed."""
    item = event.data.object
    subscription = item.parent.subscription if item.parent else None
    if subscription is None:
        return None
    return _trigger(event, ChangeKind.OTHER, subscription=subscription, customer=item.customer)


def share_trigger(event: Event[ShareInEvent]) -> ChangeTrigger:
    share = event.data.object
    payment = share.payment.at_stripe or share.id
    return _trigger(event, ChangeKind.PAYMENT, document=share.invoice, payment=payment)


def charge_trigger(event: Event[ChargeInEvent]) -> ChangeTrigger:
    charge = event.data.object
    payment = charge.payment_intent or charge.id
    return _trigger(event, ChangeKind.PAYMENT, customer=charge.customer, payment=payment)


def of_charge_trigger(event: Event[OfChargeInEvent]) -> ChangeTrigger | None:
    """None for a refund of what was never charged, such as of a payment made elsewhere."""
    found = event.data.object
    payment = found.payment_intent or found.charge
    if payment is None or _only_noted(event):
        return None
    return _trigger(event, ChangeKind.PAYMENT, customer=found.customer, payment=payment)


def credit_note_trigger(event: Event[CreditNoteInEvent]) -> ChangeTrigger | None:
    """None for what was noted on it, which may be our own note."""
    note = event.data.object
    if _only_noted(event):
        return None
    return _trigger(
        event,
        ChangeKind.BILLED,
        customer=note.customer,
        document=note.id,
        corrects=note.invoice,
    )


def customer_trigger(event: Event[CustomerInEvent]) -> ChangeTrigger | None:
    """None for an update of what nobody else is told."""
    if event.type == "customer.updated" and not event.changed & _OF_ACCOUNT:
        return None
    return _trigger(event, ChangeKind.ACCOUNT, customer=event.data.object.id)


def tax_id_trigger(event: Event[TaxIdInEvent]) -> ChangeTrigger | None:
    """None for a tax id of the account itself."""
    customer = event.data.object.customer
    return None if customer is None else _trigger(event, ChangeKind.ACCOUNT, customer=customer)


def _trigger(
    event: Event[Any],
    kind: ChangeKind,
    *,
    subscription: str | None = None,
    customer: str | None = None,
    document: str | None = None,
    payment: str | None = None,
    corrects: str | None = None,
) -> ChangeTrigger:
    return ChangeTrigger(
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
