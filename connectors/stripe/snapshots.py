"""What a subscription and an account are now, read with their documents.

A normal subscription takes two round trips: the subscription with its newest invoice, its drafts
and the documents that were named, then all beside them, as pending items are listed by customer.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from canonical_models.documents import BillingDocument, Settlement, SettlementKind, Untold
from canonical_models.money import Money
from connectors.stripe.amounts import instant, money, shown_money
from connectors.stripe.catalogue import CatalogueReader
from connectors.stripe.client import StripeClient
from connectors.stripe.client_documents import StripeDocuments
from connectors.stripe.errors import Kind
from connectors.stripe.gathering import gathering, if_there
from connectors.stripe.lines import only_subscription
from connectors.stripe.mapping import subscription_of, sync_of
from connectors.stripe.reading import DocumentReader, Found, corrected_by, found_of, in_order
from connectors.stripe.unbilled import Draft, unbilled_of
from connectors.stripe.wire_customers import Account, BalanceMovement
from connectors.stripe.wire_documents import CreditNote, Invoice, InvoiceLine
from connectors.stripe.wire_subscriptions import Subscription

#: How long a draft may wait until it becomes final: Stripe lists invoices by when they were made.
_DRAFT_LIFE = timedelta(days=60)

#: Movements of the balance that people make by hand.
#: https://docs.stripe.com/billing/customer/balance#types
_GIVEN = frozenset({"adjustment", "initial", "migration"})


class SnapshotReader:
    """The snapshots of one connection. Raises the failures of `errors.REFUSALS`; what cannot be
    verified is noted beside what can be told, for it holds up nothing else."""

    def __init__(
        self,
        reads: StripeClient,
        listed: StripeDocuments,
        documents: DocumentReader,
        catalogue: CatalogueReader,
        now: Callable[[], datetime],
    ) -> None:
        self._reads = reads
        self._listed = listed
        self._documents = documents
        self._catalogue = catalogue
        self._now = now

    async def subscription(
        self, key: str, *, named: Collection[str], since: datetime | None
    ) -> BillingSnapshot:
        async with gathering() as reads:
            holding = reads.create_task(self._reads.subscription(key))
            drafting = reads.create_task(self._listed.drafts(key))
            finding = reads.create_task(self._documents.find(named))
            listing = reads.create_task(self._issued(Kind.SUBSCRIPTION, key, since))
        held, asked = holding.result(), finding.result()
        as_of = instant(held.test_clock.frozen_time) if held.test_clock else self._now()
        refused: dict[str, Untold] = {}
        self._catalogue.learn(rates=held.default_tax_rates or ())
        self._catalogue.learn_items(held.items.data)
        async with gathering() as reads:
            items = reads.create_task(self._reads.items(held))
            pending = reads.create_task(if_there(self._reads.pending_items(held.customer.id)))
            drawn = reads.create_task(self._documents.lines_of(drafting.result()))
            whole = reads.create_task(
                self._of_subscription(held, asked, listing.result(), since, as_of, refused)
            )
        documents, waiting = whole.result(), pending.result() or []
        # What became final between two reads is a document, and no draft any more.
        final = {document.document_id for document in documents}
        drafts = [
            Draft(each, drawn.result()[each.id])
            for each in drafting.result()
            if each.id not in final
        ]
        known = await self._catalogue.known(
            invoices=[draft.invoice for draft in drafts],
            lines=[*waiting, *(line for draft in drafts for line in draft.lines)],
        )
        return BillingSnapshot(
            subscription=subscription_of(held, items.result(), as_of=as_of),
            unbilled=unbilled_of(held, items.result(), waiting, drafts, known=known),
            documents=tuple(documents),
            missing=_missing(named, asked),
            refused=refused,
            sync=sync_of(held.metadata),
        )

    async def account(
        self, customer: str, *, named: Collection[str], since: datetime | None
    ) -> AccountSnapshot:
        oldest = None if since is None else int(since.timestamp())
        async with gathering() as reads:
            holding = reads.create_task(self._reads.account(customer))
            moving = reads.create_task(if_there(self._reads.balance(customer, since=oldest)))
            finding = reads.create_task(self._documents.find(named))
            listing = reads.create_task(if_there(self._issued(Kind.CUSTOMER, customer, since)))
            noting = reads.create_task(self._notes(customer, since))
        held, asked = holding.result(), finding.result()
        recent = found_of(invoices=listing.result() or (), notes=noting.result())
        own = await self._standing_alone(recent)
        refused: dict[str, Untold] = {}
        async with gathering() as reads:
            clock = reads.create_task(self._as_of(held))
            whole = reads.create_task(self._documents.whole(own.joined(asked), refused=refused))
        return AccountSnapshot(
            customer_id=held.id,
            deleted=held.deleted,
            as_of=clock.result(),
            documents=tuple(whole.result()),
            missing=_missing(named, asked),
            refused=refused,
            movements=tuple(_undocumented(moving.result() or ())),
            balance=_balances(held),
        )

    async def _issued(self, kind: Kind, key: str, since: datetime | None) -> list[Invoice]:
        """The invoices that became final from `since` on, or that are dated so."""
        if since is None:
            return []
        oldest = max(0, int((since - _DRAFT_LIFE).timestamp()))
        made = await self._listed.invoices(kind, key, since=oldest)
        first = since.timestamp()
        return [
            each for each in made if each.final and max(each.became_final, each.issued) >= first
        ]

    async def _notes(self, customer: str, since: datetime | None) -> list[CreditNote]:
        """The customer's credit notes from `since` on; none of a customer that was deleted."""
        if since is None:
            return []
        found = self._listed.credit_notes(customer, since=int(since.timestamp()))
        return await if_there(found) or []

    async def _of_subscription(
        self,
        held: Subscription,
        asked: Found,
        issued: Sequence[Invoice],
        since: datetime | None,
        as_of: datetime,
        refused: dict[str, Untold],
    ) -> list[BillingDocument]:
        found = found_of(invoices=[*await self._newest(held), *issued]).joined(asked)
        async with gathering() as reads:
            whole = reads.create_task(self._documents.whole(found, as_of=as_of, refused=refused))
            noted = reads.create_task(self._credited(held, asked, since, as_of, refused))
        return in_order([*whole.result(), *noted.result()])

    async def _credited(
        self,
        held: Subscription,
        asked: Found,
        since: datetime | None,
        as_of: datetime,
        refused: dict[str, Untold],
    ) -> list[BillingDocument]:
        """The subscription's credit notes from `since` on, beside those that were asked for."""
        notes = [
            note
            for note in await self._notes(held.customer.id, since)
            if note.id not in asked.notes and _concerns(corrected_by(note), held.id)
        ]
        return await self._documents.whole(found_of(notes=notes), as_of=as_of, refused=refused)

    async def _newest(self, held: Subscription) -> list[Invoice]:
        """The newest invoice that is final. It came with the subscription, but for the hour in
        which the newest one is a draft."""
        latest = held.latest_invoice
        if latest is None or (isinstance(latest, Invoice) and latest.final):
            return [latest] if isinstance(latest, Invoice) else []
        newest = (each for each in await self._listed.newest(held.id) if each.final)
        return [first] if (first := next(newest, None)) else []

    async def _standing_alone(self, recent: Found) -> Found:
        """Those that belong to no subscription, which their lines decide."""
        corrected = {note.invoice_id: corrected_by(note) for note in recent.notes.values()}
        lines = await self._documents.lines_of(list((corrected | recent.invoices).values()))
        return Found(
            {key: each for key, each in recent.invoices.items() if _alone(lines[key])},
            {key: each for key, each in recent.notes.items() if _alone(lines[each.invoice_id])},
        )

    async def _as_of(self, held: Account) -> datetime:
        if held.test_clock is None:
            return self._now()
        clock = await if_there(self._reads.clock(held.test_clock))
        return instant(clock.frozen_time) if clock else self._now()


def _missing(named: Collection[str], asked: Found) -> tuple[str, ...]:
    return tuple(key for key in dict.fromkeys(named) if key not in asked.ids)


def _alone(lines: Sequence[InvoiceLine]) -> bool:
    return only_subscription(lines) is None


def _concerns(invoice: Invoice, subscription: str) -> bool:
    """Whether an invoice is of a subscription, by whom it was made for or by its first lines."""
    made_for = invoice.of_subscription
    return (made_for is not None and made_for.subscription == subscription) or any(
        line.of_subscription == subscription for line in invoice.lines.data
    )


def _undocumented(movements: Iterable[BalanceMovement]) -> Iterable[Settlement]:
    """What moved the balance without a document, the oldest first: credit that the customer was
    given is positive. What people gave is goodwill; anything else is money that came or went past
    the invoices, such as in a checkout."""
    for movement in sorted(movements, key=lambda each: (each.created, each.id)):
        if movement.invoice is None and movement.credit_note is None and movement.amount:
            given = movement.type in _GIVEN
            subject = f"Balance transaction {movement.id}"
            yield Settlement(
                settlement_id=movement.id,
                kind=SettlementKind.GOODWILL if given else SettlementKind.PAYMENT,
                amount=money(-movement.amount, movement.currency, subject=subject),
                at=instant(movement.created),
                note=(movement.description or ("" if given else movement.type))[:200] or None,
            )


def _balances(held: Account) -> tuple[Money, ...]:
    """By currency, positive where we owe the customer; what is nothing is left out."""
    found = held.invoice_credit_balance
    if found is None:
        found = {held.currency: -(held.balance or 0)} if held.currency else {}
    told = (shown_money(amount, currency) for currency, amount in sorted(found.items()))
    return tuple(amount for amount in told if amount)
