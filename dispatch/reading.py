"""From the inbox to changes: what an event means is asked of the vendor's pure translator."""

from collections.abc import Mapping

import structlog

from canonical_models.amendment import ChangeHint, ChangeKind, PaymentHint
from connectors.ports import UnreadableEvent, WebhookTranslator
from persistence import change_queue, inbox, payments
from persistence.database import Database
from persistence.inbox import Arrival, Reading
from persistence.raw import Transaction

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
            if isinstance(found, PaymentHint):
                found = await _of_subscription(session, arrival, found)
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


async def _of_subscription(
    session: Transaction, arrival: Arrival, hint: PaymentHint
) -> ChangeHint | Reading:
    """Whose payment it is we know from the invoice, or from the payment that was entered. One that
    is not known yet is read with its subscription, whose own events are on their way."""
    found = await payments.subscription_of(
        session, arrival.tenant, hint.payment_id, hint.invoice_id
    )
    if found is None:
        return Reading(
            arrival.inbox_id,
            "ignored",
            reason="it is about a payment of no subscription that is known here",
        )
    subscription_id, customer_id = found
    return ChangeHint(
        event_id=hint.event_id,
        subscription_id=subscription_id,
        customer_id=customer_id or hint.customer_id,
        kind=ChangeKind.PAYMENT,
        occurred_at=hint.occurred_at,
    )


def _read(arrival: Arrival, translators: Translators) -> ChangeHint | PaymentHint | Reading:
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
