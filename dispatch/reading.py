"""From the inbox to changes: what an event means is asked of the vendor's pure translator."""

from collections.abc import Mapping

import structlog

from canonical_models.amendment import ChangeHint, customer_of
from canonical_models.states import InboxStatus
from connectors.ports import UnreadableEvent, WebhookTranslator
from persistence import change_queue, inbox, settlements
from persistence.connection import Transaction
from persistence.database import Database
from persistence.inbox import Arrival, Reading

log = structlog.get_logger()

#: One transaction: enough to be worth the commit, and little enough not to keep sagas waiting.
ROWS = 200
BYTES = 8 << 20

Translators = Mapping[tuple[str, str], WebhookTranslator]


async def read_inbox(database: Database, translators: Translators) -> bool:
    """Settle the oldest arrivals, all in one transaction. Whether there may be more."""
    async with database.transaction() as session:
        arrivals = await inbox.take(session, rows=ROWS, size=BYTES)
        if not arrivals:
            return False
        readings: list[Reading] = []
        hinted: list[tuple[Arrival, ChangeHint]] = []
        for arrival in arrivals:
            found = _read(arrival, translators)
            if isinstance(found, ChangeHint) and found.subscription_id is None:
                found = await _whose(session, arrival, found)
            if isinstance(found, Reading):
                readings.append(found)
            else:
                hinted.append((arrival, found))
        change_ids = await change_queue.add(session, hinted)
        readings += [
            Reading(arrival.inbox_id, InboxStatus.DISPATCHED, change_id)
            for (arrival, _), change_id in zip(hinted, change_ids, strict=True)
        ]
        await inbox.settle(session, readings)
    log.info("inbox read", events=len(arrivals), changes=len(hinted))
    return len(arrivals) == ROWS or sum(len(arrival.body) for arrival in arrivals) >= BYTES


async def _whose(session: Transaction, arrival: Arrival, hint: ChangeHint) -> ChangeHint | Reading:
    """Whose document or payment it is we know from the document, or from the movement that was
    seen; of one that is not known yet the customer says it, whose account is then looked at."""
    tenant = arrival.tenant
    found = await settlements.subject_of(session, tenant, hint.payment_id, hint.document_id)
    if found is None and hint.corrects is not None:
        # A credit note belongs where the document that it corrects does.
        found = await settlements.subject_of(session, tenant, None, hint.corrects)
    if found is None and hint.customer_id is None:
        return Reading(
            arrival.inbox_id,
            InboxStatus.IGNORED,
            reason="it is about a payment of no document that is known here: the document is read "
            "with all its movements when its own events arrive",
        )
    if found is None:
        return hint
    subject, customer_id, document_id = found
    account_of = customer_of(subject)
    return hint.model_copy(
        update={
            "subscription_id": None if account_of else subject,
            "customer_id": account_of or customer_id or hint.customer_id,
            "document_id": hint.document_id or document_id,
        }
    )


def _read(arrival: Arrival, translators: Translators) -> ChangeHint | Reading:
    """Never raises for what an event holds: one that cannot be read must not stop the others."""
    known = log.bind(
        tenant=arrival.tenant, connection=arrival.connection, event_id=arrival.event_id
    )
    translator = translators.get((arrival.tenant, arrival.connection))
    if translator is None:
        known.warning("dead letter: its connection is not configured any more")
        return Reading(
            arrival.inbox_id,
            InboxStatus.DEAD_LETTERED,
            reason="its connection is not configured any more: restore it and replay the event",
        )
    try:
        hint = translator.hint(arrival.body)
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
    if hint is None:
        return Reading(arrival.inbox_id, InboxStatus.IGNORED)
    return hint
