"""What an unpaid invoice takes away: it follows the debt, not what the debtor or the calendar makes
new. Pure."""

from collections.abc import Collection, Iterable

from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.documents import (
    BillingDocument,
    BillingLine,
    DocumentStatus,
    SettlementKind,
)
from canonical_models.entitlement import Grant, GrantState

#: What is set off or given up is not paid.
_NOT_PAID = (SettlementKind.CREDIT_NOTE, SettlementKind.WRITE_OFF, SettlementKind.GOODWILL)


def suspended_items(
    subscription: Subscription,
    documents: Iterable[BillingDocument],
    unpaid: Collection[str],
    grants: Iterable[Grant] = (),
) -> tuple[str, ...]:
    """The items that give nothing until it is paid, by id.

    `unpaid` are the invoices whose grace is over; one counts as long as billing waits for its
    money. Held back is what it charged, whatever came after, and what is new since: what nobody had
    been charged for by then, and either stands for an item that is gone or is not given by
    `grants`, those of now. What another invoice really paid for the present stays given.
    """
    documents = tuple(documents)
    held: set[str] = set()
    present = {item.item_id for item in subscription.items}
    given = {grant.source_id for grant in grants if grant.state is GrantState.ACTIVE}
    for document in documents:
        charged = _charged(document, subscription)
        if document.document_id not in unpaid or not document.owed or not charged:
            continue
        new = present - _known(documents, document)
        held |= charged & present
        held |= new if charged - present else new - given
    paid = {item.item_id for item in subscription.items if _paid(item, subscription, documents)}
    return tuple(sorted(held - paid))


def _charged(document: BillingDocument, subscription: Subscription) -> set[str]:
    return {
        line.item_id
        for line in document.lines
        if line.item_id is not None
        and line.net.minor > 0
        and line.subscription_id == subscription.subscription_id
    }


def _known(documents: Iterable[BillingDocument], until: BillingDocument) -> set[str | None]:
    """The items that some document named by then."""
    return {
        line.item_id
        for document in documents
        if document.issued_at <= until.issued_at
        for line in document.lines
    }


def _paid(
    item: SubscriptionItem, subscription: Subscription, documents: Iterable[BillingDocument]
) -> bool:
    """Whether money came for a period of the item that runs now."""
    return any(
        _charges_now(line, item, subscription)
        for document in documents
        if document.status is DocumentStatus.PAID and _money(document) > 0
        for line in document.lines
    )


def _charges_now(line: BillingLine, item: SubscriptionItem, subscription: Subscription) -> bool:
    """A period that began before the item's own was given up, such as the year before a change to
    months: what was paid for it has been credited."""
    if line.item_id != item.item_id or line.period_start is None or line.period_end is None:
        return False
    running = item.period_start <= line.period_start <= subscription.as_of < line.period_end
    return running and line.net.minor > 0


def _money(document: BillingDocument) -> int:
    """What was paid for it and has not gone back, in minor units."""
    return sum(
        movement.amount.minor for movement in document.settlements if movement.kind not in _NOT_PAID
    )
