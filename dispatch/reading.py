"""From the inbox to changes: what an event means is asked of the vendor's pure translator."""

from collections.abc import Mapping

import structlog

from canonical_models.amendment import ChangeTrigger, customer_of
from canonical_models.states import InboxStatus
from connectors.ports import UnreadableEvent, WebhookTranslator
from persistence import change_queue, inbox, settlements
from persistence.connection import Connection
from persistence.database import Database
from persistence.inbox import Arrival, Reading

log = structlog.get_logger()

#: One transaction: enough to be worth the commit, and little enough not to keep sagas waiting.
ROWS = 200
BYTES = 8 << 20

Translators = Mapping[tuple[str, str], WebhookTranslator]


async def read_inbox(database: Database, translators: Translators) -> bool:
    """Settle the oldest arrivals, all in one transaction. Whether there may be more.

    What the API has taken for a connection that is not configured here waits for a worker that has
    it: one that is started later, or runs beside this one.
    """
    async with database.transaction() as conn:
        arrivals = await inbox.take(conn, translators, rows=ROWS, size=BYTES)
        if not arrivals:
            return False
        readings: list[Reading] = []
        triggered: list[tuple[Arrival, ChangeTrigger]] = []
        for arrival in arrivals:
            found = _read(arrival, translators)
            if isinstance(found, ChangeTrigger) and found.subscription_id is None:
                found = await _whose(conn, arrival, found)
            if isinstance(found, Reading):
                readings.append(found)
            else:
                triggered.append((arrival, found))
        change_ids = await change_queue.add(conn, triggered)
        readings += [
            Reading(arrival.inbox_id, InboxStatus.DISPATCHED, change_id)
            for (arrival, _), change_id in zip(triggered, change_ids, strict=True)
        ]
        await inbox.settle(conn, readings)
    log.info("inbox read", events=len(arrivals), changes=len(triggered))
    return len(arrivals) == ROWS or sum(len(arrival.body) for arrival in arrivals) >= BYTES


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


def _read(arrival: Arrival, translators: Translators) -> ChangeTrigger | Reading:
    """Never raises for what an event holds: one that cannot be read must not stop the others."""
    known = log.bind(
        tenant=arrival.tenant, connection=arrival.connection, event_id=arrival.event_id
    )
    try:
        trigger = translators[arrival.tenant, arrival.connection].trigger(arrival.body)
    except UnreadableEvent as unreadable:
        known.warning("dead letter: the event cannot be read")
        return Reading(arrival.inbox_id, InboxStatus.DEAD_LETTERED, reason=str(unreadable))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # A fault of ours in the translator; the event is kept until it is mended and replayed.
        known.exception("dead letter: the translator failed")
        return Reading(
            arrival.inbox_id,
            InboxStatus.DEAD_LETTERED,
            reason="our translator failed at this event; replay it after the next release",
        )
    if trigger is None:
        return Reading(arrival.inbox_id, InboxStatus.IGNORED)
    return trigger
