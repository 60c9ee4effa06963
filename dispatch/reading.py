"""From the inbox to changes: what an event means is asked of the vendor's pure translator."""

from collections.abc import Mapping

import structlog

from canonical_models.amendment import ChangeHint
from connectors.ports import UnreadableEvent, WebhookTranslator
from persistence import change_queue, inbox
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
            if isinstance(found, Reading):
                readings.append(found)
            else:
                hinted.append((arrival, found))
        change_ids = await change_queue.add(session, hinted)
        readings += [
            Reading(arrival.inbox_id, "dispatched", change_id)
            for (arrival, _), change_id in zip(hinted, change_ids, strict=True)
        ]
        await inbox.settle(session, readings)
    log.info("inbox read", events=len(arrivals), changes=len(hinted))
    return len(arrivals) == ROWS or sum(len(arrival.body) for arrival in arrivals) >= BYTES


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
            "dead_lettered",
            reason="its connection is not configured any more: restore it and replay the event",
        )
    try:
        hint = translator.hint(arrival.body)
    except UnreadableEvent as unreadable:
        known.warning("dead letter: the event cannot be read")
        return Reading(arrival.inbox_id, "dead_lettered", reason=str(unreadable))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # A fault of ours in the translator; the event is kept until it is mended and replayed.
        known.exception("dead letter: the translator failed")
        return Reading(
            arrival.inbox_id,
            "dead_lettered",
            reason="our translator failed at this event; replay it after the next release",
        )
    if hint is None:
        return Reading(arrival.inbox_id, "ignored")
    return hint
