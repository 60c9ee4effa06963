"""From the inbox to changes, and to cases of support: what an event means is asked of the vendor's
pure translator."""

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from types import MappingProxyType

import structlog

from canonical_models.amendment import ChangeTrigger, NamedOnly, customer_of
from canonical_models.cash import PayoutTrigger
from canonical_models.events import CaseEscalated, event
from canonical_models.process import payout_process
from canonical_models.states import InboxStatus
from canonical_models.support import CaseTold, CaseWord
from connectors.contracts import Contract
from connectors.noting import Noted, noted
from connectors.ports import UnfitEvent, UnreadableEvent, WebhookTranslator
from persistence import (
    change_queue,
    inbox,
    lookups,
    outbox,
    processes,
    settlements,
    support_desk,
)
from persistence.connection import Connection
from persistence.database import Database
from persistence.inbox import Arrival, Reading

log = structlog.get_logger()

#: One transaction: enough to be worth the commit, and little enough not to keep sagas waiting.
ROWS = 200
BYTES = 8 << 20

#: Faults of our own while an event is understood, and what is said of it then.
FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
OURS = "our translator failed at this event; replay it after the next release"

Translators = Mapping[tuple[str, str], WebhookTranslator]
Contracts = Mapping[tuple[str, str], Contract]


async def read_inbox(
    database: Database,
    translators: Translators,
    *,
    cash: Collection[str] = (),
    aside: Callable[[], None] = lambda: None,
    contracts: Contracts = MappingProxyType({}),
) -> bool:
    """Settle the oldest arrivals, all in one transaction. Whether there may be more. `cash` are the
    tenants whose payouts are booked. What billing has to be asked about is set aside, and `aside`
    is called. In `contracts` is noted what does not fit, and words that nobody knows.

    What the API has taken for a connection that is not configured here waits for a worker that has
    it: one that is started later, or runs beside this one.
    """
    async with database.transaction() as conn:
        arrivals = await inbox.take(conn, translators, rows=ROWS, size=BYTES)
        if not arrivals:
            return False
        readings: list[Reading] = []
        triggered: list[tuple[Arrival, ChangeTrigger]] = []
        unshown: list[int] = []
        for arrival in arrivals:
            contract = contracts.get((arrival.tenant, arrival.connection))
            with contract.reading() if contract else nullcontext():
                found = _read(arrival, translators)
            if isinstance(found, PayoutTrigger):
                found = await _payout(conn, arrival, found, booked=arrival.tenant in cash)
            if isinstance(found, ChangeTrigger) and found.subscription_id is None:
                found = await _whose(conn, arrival, found)
            if isinstance(found, CaseTold):
                found = await _case(conn, arrival, found)
            if isinstance(found, Reading):
                readings.append(found)
            elif isinstance(found, NamedOnly):
                unshown.append(arrival.inbox_id)
            else:
                triggered.append((arrival, found))
        if unshown:
            await inbox.set_aside(conn, unshown)
        change_ids = await change_queue.add(conn, triggered)
        readings += _dispatched(triggered, change_ids)
        await inbox.settle(conn, readings)
    if unshown:
        aside()
    _say(triggered, change_ids)
    log.info("inbox read", events=len(arrivals), changes=len(triggered))
    return len(arrivals) == ROWS or sum(len(arrival.body) for arrival in arrivals) >= BYTES


async def enter(conn: Connection, found: Collection[tuple[Arrival, ChangeTrigger]]) -> None:
    """Begin the changes that events speak of which were set aside, and settle these."""
    triggered: list[tuple[Arrival, ChangeTrigger]] = []
    readings: list[Reading] = []
    for arrival, trigger in found:
        known = trigger if trigger.subscription_id else await _whose(conn, arrival, trigger)
        if isinstance(known, Reading):
            readings.append(known)
        else:
            triggered.append((arrival, known))
    change_ids = await change_queue.add(conn, triggered)
    readings += _dispatched(triggered, change_ids)
    await inbox.settle(conn, readings)
    _say(triggered, change_ids)


def _dispatched(
    triggered: Collection[tuple[Arrival, ChangeTrigger]], change_ids: Collection[str]
) -> list[Reading]:
    return [
        Reading(arrival.inbox_id, InboxStatus.DISPATCHED, change_id)
        for (arrival, _), change_id in zip(triggered, change_ids, strict=True)
    ]


def _say(triggered: Collection[tuple[Arrival, ChangeTrigger]], change_ids: Collection[str]) -> None:
    for (arrival, trigger), change_id in zip(triggered, change_ids, strict=True):
        # From here on the change is named; what came in is known by its receipt.
        log.info(
            "webhook understood",
            tenant=arrival.tenant,
            connection=arrival.connection,
            receipt=arrival.receipt,
            event_id=arrival.event_id,
            change_id=change_id,
            kind=trigger.kind.value,
        )


async def warn_of_others(database: Database, translators: Translators) -> None:
    """Say what waits and no worker like this one reads: nobody else knows that it does."""
    async with database.statement() as conn:
        others = await inbox.unread_elsewhere(conn, translators)
    for tenant, connection in others:
        log.warning(
            "webhooks wait for a worker that is configured with their connection",
            tenant=tenant,
            connection=connection,
        )


async def _payout(
    conn: Connection, arrival: Arrival, trigger: PayoutTrigger, *, booked: bool
) -> Reading:
    """A payout is no change of anybody's: its own process hears of it."""
    if not booked:
        return Reading(
            arrival.inbox_id,
            InboxStatus.IGNORED,
            reason="payouts are not booked for this tenant: it is in shadow, or its policy has no "
            "books.cash. Mend that, and replay this",
        )
    process = payout_process(arrival.tenant, arrival.connection, trigger.payout_id)
    await processes.news(conn, [process])
    return Reading(
        arrival.inbox_id,
        InboxStatus.DISPATCHED,
        reason=f"told the process of payout {trigger.payout_id}",
    )


async def _whose(
    conn: Connection, arrival: Arrival, trigger: ChangeTrigger
) -> ChangeTrigger | Reading:
    """Whose document or payment it is we know from the document, or from the movement that was
    seen; of one that is not known yet the customer says it, whose account is then looked at."""
    tenant = arrival.tenant
    found = await settlements.subject_of(conn, tenant, trigger.payment_id, trigger.document_id)
    if found is None and trigger.corrects is not None:
        # A credit note belongs where the document that it corrects does.
        found = await settlements.subject_of(conn, tenant, None, trigger.corrects)
    if found is None and trigger.customer_id is None:
        return Reading(
            arrival.inbox_id,
            InboxStatus.IGNORED,
            reason="it is about a payment of no document that is known here: the document is read "
            "with all its movements when its own events arrive",
        )
    if found is None:
        return trigger
    subject, customer_id, document_id = found
    account_of = customer_of(subject)
    return trigger.model_copy(
        update={
            "subscription_id": None if account_of else subject,
            "customer_id": account_of or customer_id or trigger.customer_id,
            "document_id": trigger.document_id or document_id,
        }
    )


async def _case(conn: Connection, arrival: Arrival, told: CaseTold) -> Reading:
    """It is kept for whoever looks the customer up, and an escalation is told in the feed; no saga
    begins."""
    tenant = arrival.tenant
    await support_desk.told(conn, tenant, told)
    if told.word is CaseWord.ESCALATED:
        of = told.organization
        customers = await lookups.customers_of_organization(conn, tenant, of) if of else ()
        escalated = CaseEscalated(
            case_id=told.case_id,
            organization=of,
            customers=customers,
            priority=told.priority,
            escalated_at=told.at,
            url=told.url,
        )
        key, subject = f"case/{arrival.connection}/{told.event_id}", f"case:{told.case_id}"
        news = event(tenant, "case.escalated.v1", key=key, subject=subject, data=escalated)
        await outbox.publish(conn, tenant, [news])
    return Reading(arrival.inbox_id, InboxStatus.DISPATCHED)


def _note(arrival: Arrival, odd: UnfitEvent) -> None:
    """What is in it will not change; whoever looks at the connection sees how many there are."""
    change = f"{odd.change}: a dead letter, to be replayed once a version reads it"
    noted(Noted(f"webhook {arrival.event_type}"[:200], odd.path, change))


def _read(
    arrival: Arrival, translators: Translators
) -> ChangeTrigger | CaseTold | PayoutTrigger | NamedOnly | Reading:
    """Never raises for what an event holds: one that cannot be read must not stop the others."""
    known = log.bind(
        tenant=arrival.tenant, connection=arrival.connection, event_id=arrival.event_id
    )
    try:
        translator = translators[arrival.tenant, arrival.connection]
        trigger = translator.trigger(arrival.body)
        payout = None if trigger else translator.payout(arrival.body)
    except UnreadableEvent as unreadable:
        known.warning("dead letter: the event cannot be read")
        if isinstance(unreadable, UnfitEvent):
            _note(arrival, unreadable)
        return Reading(arrival.inbox_id, InboxStatus.DEAD_LETTERED, reason=str(unreadable))
    except FAULTS:
        # A fault of ours in the translator; the event is kept until it is mended and replayed.
        known.exception("dead letter: the translator failed")
        return Reading(
            arrival.inbox_id,
            InboxStatus.DEAD_LETTERED,
            reason=OURS,
        )
    return trigger or payout or Reading(arrival.inbox_id, InboxStatus.IGNORED)
