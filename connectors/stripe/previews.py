"""What a subscription would be right after a change, by Stripe's own preview of its invoice.

Source: https://docs.stripe.com/api/invoices/create_preview,
https://docs.stripe.com/billing/subscriptions/prorations#preview-proration.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from canonical_models.commerce import BillingSnapshot
from canonical_models.documents import BillingDocument, Unbilled
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.proposal import Ending, ProposedChange, ProposedItem, Prorating
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import instant
from connectors.stripe.catalogue import CatalogueReader
from connectors.stripe.client import StripeClient
from connectors.stripe.documents import invoice_document
from connectors.stripe.errors import NothingUpcoming
from connectors.stripe.gathering import gathering
from connectors.stripe.lines import price_of
from connectors.stripe.mapping import subscription_of, sync_of
from connectors.stripe.taxes import Catalogue
from connectors.stripe.transport import Query
from connectors.stripe.unbilled import Draft, unbilled_of
from connectors.stripe.whole import Moved, WholeInvoice
from connectors.stripe.wire import Price
from connectors.stripe.wire_documents import Invoice, InvoiceLine
from connectors.stripe.wire_subscriptions import Subscription, SubscriptionItem

_BEHAVIOURS = {
    Prorating.AT_ONCE: "always_invoice",
    Prorating.NEXT_INVOICE: "create_prorations",
    Prorating.NONE: "none",
}
#: What becomes of an invoice that is owed while its subscription's collection is paused so: its
#: status, and which moment says when.
#: https://docs.stripe.com/billing/subscriptions/pause-payment
_GIVEN_UP = {
    "void": ("void", "voided_at"),
    "mark_uncollectible": ("uncollectible", "marked_uncollectible_at"),
}
_NOTHING_MOVED = Moved(taken=[], notes=[], movements=None, processing=False)


class PreviewReader:
    """The previews of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(
        self, reads: StripeClient, catalogue: CatalogueReader, now: Callable[[], datetime]
    ) -> None:
        self._reads = reads
        self._catalogue = catalogue
        self._now = now

    async def of(self, key: str, change: ProposedChange) -> BillingSnapshot:
        """See `BillingPort.preview`. Raises Rejection where Stripe does not show all lines."""
        async with gathering() as reads:
            asking = reads.create_task(self._asked(key, change))
            pricing = reads.create_task(
                self._catalogue.priced(item.price for item in change.items if item.price)
            )
        held, invoice = asking.result()
        self._catalogue.learn(rates=held.default_tax_rates or ())
        self._catalogue.learn_items(held.items.data)
        lines = _lines(invoice)
        async with gathering() as reads:
            having = reads.create_task(self._reads.items(held))
            knowing = reads.create_task(
                self._catalogue.known(invoices=[invoice] if invoice else [], lines=lines)
            )
        as_of = instant(held.test_clock.frozen_time) if held.test_clock else self._now()
        items, known = having.result(), knowing.result()
        issued = invoice if invoice is not None and _at_once(invoice, held, items) else None
        after = _items_after(change, held, items, pricing.result(), lines, restarted=bool(issued))
        ended = _ended(held, change, items, as_of)
        document, waiting = None, Unbilled()
        paused = held.pause_collection.behavior if held.pause_collection else None
        if issued is not None and paused == "keep_as_draft":
            waiting = unbilled_of(ended, after, (), [Draft(issued, lines)], known=known)
        elif issued is not None:
            document = _document(issued, lines, known, as_of, paused)
        elif invoice is not None:
            waiting = _waiting(ended, after, invoice, lines, known)
        return BillingSnapshot(
            subscription=subscription_of(ended, after, as_of=as_of),
            unbilled=waiting,
            documents=(document,) if document else (),
            sync=sync_of(held.metadata),
        )

    async def _asked(self, key: str, change: ProposedChange) -> tuple[Subscription, Invoice | None]:
        try:
            shown = await self._reads.preview(key, _form(change))
        except NothingUpcoming:
            return await self._reads.subscription(key), None
        return shown.subscription, shown.invoice


def _form(change: ProposedChange) -> Query:
    told: list[tuple[str, str]] = []
    for number, item in enumerate(change.items):
        told += [(f"[items][{number}][{name}]", value) for name, value in _fields(item)]
    if change.items or change.ending is Ending.NOW:
        told.append(("[proration_behavior]", _BEHAVIOURS[change.prorating]))
    if change.since is not None:
        told.append(("[proration_date]", str(int(change.since.timestamp()))))
    match change.ending:
        case Ending.NOW:
            told.append(("[cancel_now]", "true"))
        case Ending.PERIOD_END | Ending.NEVER:
            ends = str(change.ending is Ending.PERIOD_END).lower()
            told.append(("[cancel_at_period_end]", ends))
        case None:
            pass
    return [(f"subscription_details{name}", value) for name, value in told]


def _fields(item: ProposedItem) -> Iterable[tuple[str, str]]:
    if item.item_id is not None:
        yield "id", item.item_id
    if item.removed:
        yield "deleted", "true"
    if item.price is not None:
        yield "price", item.price
    if item.quantity is not None:
        yield "quantity", str(item.quantity)


def _lines(invoice: Invoice | None) -> list[InvoiceLine]:
    if invoice is None:
        return []
    if invoice.lines.has_more:
        raise Rejection(
            RejectionCode.BILLING_REFUSED,
            f"Stripe previews an invoice of more than {len(invoice.lines.data)} lines, and shows "
            "no others: look at the change in Stripe",
            system=SYSTEM,
            subject=invoice.of_subscription.subscription if invoice.of_subscription else None,
        )
    return invoice.lines.data


def _at_once(invoice: Invoice, held: Subscription, items: Sequence[SubscriptionItem]) -> bool:
    """Whether it would be made before the next one is due anyway."""
    due = [item.current_period_end for item in items]
    if held.next_pending_invoice_item_invoice is not None:
        due.append(held.next_pending_invoice_item_invoice)
    return invoice.created < min(due, default=0)


def _items_after(
    change: ProposedChange,
    held: Subscription,
    items: Sequence[SubscriptionItem],
    prices: Mapping[str, Price],
    lines: Sequence[InvoiceLine],
    *,
    restarted: bool,
) -> list[SubscriptionItem]:
    """With the periods of an invoice that would be made at once: it may begin new ones."""
    proposed = {item.item_id: item for item in change.items if item.item_id is not None}
    after = []
    for item in items:
        told = proposed.get(item.id)
        if told is None or not told.removed:
            after.append(item if told is None else item.model_copy(update=_update(told, prices)))
    own = {item.id for item in items}
    for number, told in enumerate(each for each in change.items if each.item_id is None):
        if told.price is None or not items:
            continue
        named = (
            line.source.subscription_item
            for line in lines
            if line.source and price_of(line.pricing) == told.price
        )
        key = next((name for name in named if name and name not in own), None)
        after.append(
            items[0].model_copy(
                update={
                    "id": key or f"{held.id}/new/{number + 1}",
                    "price": prices[told.price],
                    "quantity": 1 if told.quantity is None else told.quantity,
                }
            )
        )
    if not restarted:
        return after
    periods = {
        line.source.subscription_item: line.period
        for line in lines
        if line.source and line.source.invoice_item is None and not line.source.proration
    }
    return [
        item.model_copy(
            update={"current_period_start": period.start, "current_period_end": period.end}
        )
        if (period := periods.get(item.id)) is not None
        else item
        for item in after
    ]


def _update(told: ProposedItem, prices: Mapping[str, Price]) -> dict[str, object]:
    found: dict[str, object] = {}
    if told.price is not None:
        found["price"] = prices[told.price]
    if told.quantity is not None:
        found["quantity"] = told.quantity
    return found


def _ended(
    held: Subscription,
    change: ProposedChange,
    items: Sequence[SubscriptionItem],
    as_of: datetime,
) -> Subscription:
    match change.ending:
        case None:
            return held
        case Ending.NOW:
            return held.model_copy(
                update={"status": "canceled", "ended_at": int(as_of.timestamp())}
            )
        case Ending.NEVER:
            return held.model_copy(update={"cancel_at": None, "cancel_at_period_end": False})
        case Ending.PERIOD_END:
            last = max((item.current_period_end for item in items), default=None)
            return held.model_copy(update={"cancel_at": last, "cancel_at_period_end": True})


def _document(
    invoice: Invoice,
    lines: list[InvoiceLine],
    known: Catalogue,
    as_of: datetime,
    paused: str | None,
) -> BillingDocument:
    """As it would be final, and before anybody has paid anything."""
    # What it would use of the customer's balance, or give to it, has not moved.
    update: dict[str, object] = {"status": "open", "amount_remaining": invoice.total}
    if paused in _GIVEN_UP and invoice.total > 0:
        update["status"], moment = _GIVEN_UP[paused]
        now = {moment: int(as_of.timestamp())}
        update["status_transitions"] = invoice.status_transitions.model_copy(update=now)
    final = invoice.model_copy(update=update)
    return invoice_document(WholeInvoice(final, lines, _NOTHING_MOVED, known), as_of=as_of)


def _waiting(
    held: Subscription,
    items: Sequence[SubscriptionItem],
    invoice: Invoice,
    lines: list[InvoiceLine],
    known: Catalogue,
) -> Unbilled:
    """What waits for the next invoice, and not what that charges of its own accord."""
    pending = [line for line in lines if line.source and line.source.invoice_item is not None]
    found = unbilled_of(held, items, (), [Draft(invoice, pending)], known=known)
    on = instant(invoice.created).date() if found.lines else None
    return found.model_copy(update={"expected_on": on})
