"""The queue of changes: made, claimed (`claims`), held, and queued anew.

A change goes pending -> starting -> running; the saga takes it from there (`changes`), watched by
`change_watch`.
"""

import hashlib
from collections.abc import Iterable, Sequence

from canonical_models.amendment import ChangeKind, ChangeTrigger, account_subject, customer_of
from canonical_models.occasion import Occasion
from persistence.changes import CHANNEL
from persistence.claims import LOCK, Claim, claim, open_as, put_back, reclaim, renew, started
from persistence.connection import Connection
from persistence.inbox import Arrival
from persistence.turns import BULK, LIVE, RECONCILIATION, RENEWAL, Turns

__all__ = [
    "BULK",
    "LIVE",
    "OURS",
    "RECONCILIATION",
    "RENEWAL",
    "Claim",
    "Turns",
    "add",
    "change_id",
    "claim",
    "follow",
    "hold",
    "open_as",
    "put_back",
    "reclaim",
    "renew",
    "requeue",
    "started",
]

#: The connection of changes that no vendor's event has asked for.
OURS = "trueup"


def change_id(tenant: str, connection: str, event_id: str) -> str:
    """The same for the same event, so that a change cannot be made twice."""
    digest = hashlib.sha256(f"{tenant}\0{connection}\0{event_id}".encode()).hexdigest()
    return f"chg_{digest[:20]}"


_LOCK_NEW = """
select lock_subject(tenant, subject) from (
  select distinct tenant, subject from unnest(%s::text[], %s::text[]) as new (tenant, subject)
  order by 1, 2) as of_these
"""

_ADD = """
insert into changes (id, tenant, connection, subject, subscription_id, customer_id, documents,
  event_id, kind, lane, occurred_at, received_at)
values (%(id)s, %(tenant)s, %(connection)s, %(subject)s, %(subscription_id)s, %(customer_id)s,
  %(documents)s::text[], %(event_id)s, %(kind)s, %(lane)s, %(occurred_at)s, %(received_at)s)
on conflict do nothing
"""


async def add(
    conn: Connection, triggered: Sequence[tuple[Arrival, ChangeTrigger]]
) -> tuple[str, ...]:
    """The changes of these events, in the same order; made where there is none yet. Raises
    ValueError for a trigger that names neither a subscription nor a customer."""
    made, ids = [], []
    for arrival, trigger in triggered:
        event_id = trigger.event_id
        if arrival.replays:
            found = await _of_event(conn, arrival, event_id)
            if (
                open_ := next((id_ for id_, state in found if state != "settled"), None)
            ) is not None:
                ids.append(open_)
                continue
            if found:
                event_id = f"{event_id}#r{arrival.replays}"
        ids.append(change_id(arrival.tenant, arrival.connection, event_id))
        made.append(
            {
                "id": ids[-1],
                "tenant": arrival.tenant,
                "connection": arrival.connection,
                "subject": _subject(trigger),
                "subscription_id": trigger.subscription_id,
                "customer_id": trigger.customer_id,
                "documents": [trigger.document_id] if trigger.document_id else [],
                "event_id": event_id,
                "kind": trigger.kind.value,
                "lane": _lane(trigger),
                "occurred_at": trigger.occurred_at,
                "received_at": arrival.received_at,
            }
        )
    if made:
        if len(made) > 1:
            # In the order that the schema names; of a single one its trigger does.
            await conn.execute(
                _LOCK_NEW, ([each["tenant"] for each in made], [each["subject"] for each in made])
            )
        async with conn.cursor() as cursor:
            await cursor.executemany(_ADD, made)
    return tuple(ids)


async def follow(  # noqa: PLR0913 - each is a word on the one change, most left out
    conn: Connection,
    tenant: str,
    subject: str,
    *,
    why: Occasion,
    kind: ChangeKind,
    customer_id: str | None = None,
    documents: Iterable[str] = (),
    whole: bool = False,
    lane: int = LIVE,
) -> str:
    """A change that no event of billing asks for but we do; the same occasion makes one change.
    `subject` is a subscription or an account. A `whole` one reads all
    that billing has issued since the cutover. Its id."""
    made = change_id(tenant, OURS, str(why))
    account_of = customer_of(subject)
    await conn.execute(
        "insert into changes (id, tenant, connection, subject, subscription_id, customer_id, "
        "documents, whole, event_id, kind, lane) "
        "values (%s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s, %s) on conflict do nothing",
        (
            made,
            tenant,
            OURS,
            subject,
            subject if account_of is None else None,
            account_of or customer_id,
            list(documents),
            whole,
            str(why),
            kind.value,
            lane,
        ),
    )
    await conn.execute(f"notify {CHANNEL}".encode())
    return made


async def _of_event(conn: Connection, arrival: Arrival, event_id: str) -> list[tuple[str, str]]:
    """(id, state) of the event's own change and of those that its replays have made."""
    names = [event_id, *(f"{event_id}#r{number}" for number in range(1, arrival.replays + 1))]
    found = await conn.execute(
        "select id, state from changes "
        "where tenant = %s and connection = %s and event_id = any(%s)",
        (arrival.tenant, arrival.connection, names),
    )
    return [(id_, state) for id_, state in await found.fetchall()]


def _subject(trigger: ChangeTrigger) -> str:
    if trigger.subscription_id is not None:
        return trigger.subscription_id
    if trigger.customer_id is None:
        raise ValueError(f"event {trigger.event_id} names no one whose change it could be")
    return account_subject(trigger.customer_id)


def _lane(trigger: ChangeTrigger) -> int:
    if trigger.bulk:
        return BULK
    return RENEWAL if trigger.kind is ChangeKind.RENEWAL else LIVE


_REQUEUE = """
update changes set state = 'pending', stage = null, summary = %(why)s, run_id = null,
  claimed_at = null, started_at = null, attempts = 0, requeued = requeued + %(lost)s::int
where id = %(id)s and state in ('starting', 'running', 'waiting') returning requeued
"""


async def requeue(conn: Connection, change_id: str, *, why: str, lost: bool = True) -> int | None:
    """The change's saga is gone without having settled it: it is carried out anew, and so is what
    that saga had taken in. It was `lost`, or a person has stopped it. `why` is shown as its summary
    until then. How often it was lost by now; None where the change is not open (any more)."""
    found = await conn.execute(_REQUEUE, {"id": change_id, "why": why, "lost": lost})
    row = await found.fetchone()
    if row is None:
        return None
    await conn.execute(
        "update changes set taken_in_by = null from changes as lost "
        "where lost.id = %s and changes.tenant = lost.tenant and changes.subject = lost.subject "
        "and changes.state = 'pending' and changes.taken_in_by = lost.id",
        (change_id,),
    )
    await conn.execute(f"notify {CHANNEL}".encode())
    return int(row[0])


async def hold(conn: Connection, tenant: str, change_id: str, *, held: bool) -> bool:
    """Keep the change, and what comes after it of its subject, from being claimed; or let it go.
    False where there is none, it has settled, or it is so already. One whose saga is open goes on,
    and is held once it comes back to the queue."""
    await conn.execute(LOCK, ([change_id], "pending"))
    changed = await conn.execute(
        "update changes set held = %s "
        "where tenant = %s and id = %s and state <> 'settled' and held <> %s",
        (held, tenant, change_id, held),
    )
    await conn.execute(f"notify {CHANNEL}".encode())
    return changed.rowcount > 0
