"""What an unpaid invoice takes away: it follows the debt, not what the debtor or the calendar makes
new. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.documents import (
    BillingDocument,
    BillingLine,
    DocumentKind,
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
    money. Held back is what it charged, whatever came after, and what is new since, which either
    stands for an item that is gone or is not given by `grants`, those of now. What another invoice
    really paid for the present stays given.
    """
    documents, grants = tuple(documents), tuple(grants)
    held: set[str] = set()
    present = {item.item_id for item in subscription.items}
    given = {grant.source_id for grant in grants if grant.state is GrantState.ACTIVE}
    for debt in documents:
        charged = _charged(debt, subscription)
        if debt.document_id not in unpaid or not debt.owed or not charged:
            continue
        new = {i.item_id for i in subscription.items if _is_new(i, documents, debt, grants)}
        held |= charged & present
        held |= new if charged - present else new - given
    money = _money(documents)
    paid = {i.item_id for i in subscription.items if _paid(i, subscription, documents, money)}
    return tuple(sorted(held - paid))


def _charged(document: BillingDocument, subscription: Subscription) -> set[str]:
    return {
        line.item_id
        for line in document.lines
        if line.item_id is not None
        and line.net.minor > 0
        and line.subscription_id == subscription.subscription_id
    }


def _is_new(
    item: SubscriptionItem,
    documents: Iterable[BillingDocument],
    debt: BillingDocument,
    grants: Iterable[Grant],
) -> bool:
    """Whether it was not sold yet when the debt was made. An item that sells another product is
    another one; of one that no document named, as before the cutover, its grants tell."""
    until = debt.issued_at
    earlier = (document for document in documents if document.issued_at <= until)
    lines = (line for document in earlier for line in document.lines)
    if products := {line.item for line in lines if line.item_id == item.item_id}:
        return item.plan.item not in products
    return all(grant.source_id != item.item_id or grant.starts_at > until for grant in grants)


def _paid(
    item: SubscriptionItem,
    subscription: Subscription,
    documents: Iterable[BillingDocument],
    money: Mapping[str, int],
) -> bool:
    """Whether money came for a period of the item that runs now."""
    return any(
        _charges_now(line, item, subscription)
        for document in documents
        if document.status is DocumentStatus.PAID and money.get(document.document_id, 0) > 0
        for line in document.lines
    )


def _charges_now(line: BillingLine, item: SubscriptionItem, subscription: Subscription) -> bool:
    """A period that began before the item's own was given up, such as the year before a change to
    months: what was paid for it has been credited."""
    if line.item_id != item.item_id or line.period_start is None or line.period_end is None:
        return False
    running = item.period_start <= line.period_start <= subscription.as_of < line.period_end
    return running and line.net.minor > 0


def _money(documents: Iterable[BillingDocument]) -> dict[str, int]:
    """What was really paid for each invoice, by id and in minor units; it may be less than nothing.
    Billing credits what is left of a period also where nobody has paid for it: such a credit is no
    money, neither on the invoice that gives it nor from the balance."""
    money: dict[str, int] = {}
    lacking: dict[str, int] = {}
    #: What stands on the balance and was never paid.
    kept = 0
    earlier: list[BillingDocument] = []
    documents = sorted(documents, key=lambda each: (each.issued_at, each.document_id))
    for document in (each for each in documents if each.kind is DocumentKind.INVOICE):
        given = _given_back(document, earlier)
        lent = sum(min(minor, lacking[source]) for source, minor in given.items())
        used = min(max(_moved(document, SettlementKind.BALANCE), 0), kept)
        kept += min(lent, max(-document.gross.minor, 0)) - used
        real = _received(document, documents) - lent - used
        money[document.document_id] = real
        lacking[document.document_id] = max(document.gross.minor - real, 0)
        earlier.append(document)
    return money


def _received(document: BillingDocument, documents: Iterable[BillingDocument]) -> int:
    """What came for it and has not gone back, be it with a credit note."""
    came = _moved(document, *(kind for kind in SettlementKind if kind not in _NOT_PAID))
    notes = (each for each in documents if each.corrects == document.document_id)
    back = -sum(note.gross.minor for note in notes if not note.void)
    return came - max(back - _moved(document, SettlementKind.CREDIT_NOTE), 0)


def _moved(document: BillingDocument, *kinds: SettlementKind) -> int:
    return sum(each.amount.minor for each in document.settlements if each.kind in kinds)


def _given_back(document: BillingDocument, earlier: Sequence[BillingDocument]) -> Counter[str]:
    """What an invoice credits, with tax, by the invoice that charged it last."""
    given: Counter[str] = Counter()
    for line in document.lines:
        source = _source(line, earlier) if line.net.minor < 0 else None
        if source is not None:
            taxes = sum(tax.amount.minor for tax in line.taxes or ())
            given[source.document_id] -= line.net.minor + taxes
    return given


def _source(credit: BillingLine, earlier: Sequence[BillingDocument]) -> BillingDocument | None:
    return next(
        (
            document
            for document in reversed(earlier)
            if any(_gives_up(credit, line) for line in document.lines)
        ),
        None,
    )


def _gives_up(credit: BillingLine, charge: BillingLine) -> bool:
    """Whether it is for the rest of the period that was charged."""
    begins, ends = charge.period_start, charge.period_end
    if credit.item_id is None or not (credit.period_start and begins and ends):
        return False
    running = begins <= credit.period_start < ends
    return credit.item_id == charge.item_id and running and charge.net.minor > 0
