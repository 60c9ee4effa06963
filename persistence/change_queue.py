"""The queue of changes, as the dispatcher sees it: made, claimed, started.

A change goes pending -> starting -> running; the saga takes it from there (`changes`), watched by
`change_watch`. Claims are serialised by a lock, so the bound on sagas in flight holds over all
dispatchers.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.amendment import ChangeHint, ChangeKind, account_subject, customer_of
from persistence.changes import CHANNEL
from persistence.inbox import Arrival
from persistence.raw import Transaction, driver
from persistence.tables import ChangeRow

_CLAIM_LOCK = 7_716_357

#: The connection of changes that no vendor's event has asked for.
OURS = "trueup"

LIVE, RENEWAL, RECONCILIATION, BULK = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Claim:
    """A change whose saga is to be started by whoever holds this. `subject` is the subscription,
    or the account: `subscription_id` is None then. `documents` are billing's that it names."""

    change_id: str
    seq: int
    tenant: str
    connection: str
    subject: str
    subscription_id: str | None
    customer_id: str | None
    documents: tuple[str, ...]
    event_id: str
    kind: str
    lane: int
    received_at: datetime


def change_id(tenant: str, connection: str, event_id: str) -> str:
    """The same for the same event, so that a change cannot be made twice."""
    digest = hashlib.sha256(f"{tenant}\0{connection}\0{event_id}".encode()).hexdigest()
    return f"chg_{digest[:20]}"


async def add(
    session: AsyncSession, hinted: Sequence[tuple[Arrival, ChangeHint]]
) -> tuple[str, ...]:
    """The changes of these events, in the same order; made where there is none yet. Raises
    ValueError for a hint that names neither a subscription nor a customer."""
    made, ids = [], []
    for arrival, hint in hinted:
        event_id = hint.event_id
        if arrival.replays:
            found = await _of_event(session, arrival, event_id)
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
                "subject": _subject(hint),
                "subscription_id": hint.subscription_id,
                "customer_id": hint.customer_id,
                "documents": [hint.document_id] if hint.document_id else [],
                "event_id": event_id,
                "kind": hint.kind.value,
                "lane": _lane(hint),
                "occurred_at": hint.occurred_at,
                "received_at": arrival.received_at,
            }
        )
    if made:
        await session.exec(insert(ChangeRow).values(made).on_conflict_do_nothing())
    return tuple(ids)


async def follow(  # noqa: PLR0913 - each is a word on the one change, most left out
    session: Transaction,
    tenant: str,
    subject: str,
    *,
    why: str,
    kind: ChangeKind,
    customer_id: str | None = None,
    documents: Iterable[str] = (),
    whole: bool = False,
    lane: int = LIVE,
) -> str:
    """A change that no event of billing asks for but we do; `why` names the occasion, and the same
    occasion makes one change. `subject` is a subscription or an account. A `whole` one reads all
    that billing has issued since the cutover. Its id."""
    made = change_id(tenant, OURS, why)
    account_of = customer_of(subject)
    raw = await driver(session)
    await raw.execute(
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
            why,
            kind.value,
            lane,
        ),
    )
    await raw.execute(f"notify {CHANNEL}".encode())
    return made


async def _of_event(
    session: AsyncSession, arrival: Arrival, event_id: str
) -> list[tuple[str, str]]:
    """(id, state) of the event's own change and of those that its replays have made."""
    names = [event_id, *(f"{event_id}#r{number}" for number in range(1, arrival.replays + 1))]
    query = select(ChangeRow.id, ChangeRow.state).where(
        ChangeRow.tenant == arrival.tenant,
        ChangeRow.connection == arrival.connection,
        col(ChangeRow.event_id).in_(names),
    )
    return [(id_, state) for id_, state in await session.exec(query)]


def _subject(hint: ChangeHint) -> str:
    if hint.subscription_id is not None:
        return hint.subscription_id
    if hint.customer_id is None:
        raise ValueError(f"event {hint.event_id} names no one whose change it could be")
    return account_subject(hint.customer_id)


def _lane(hint: ChangeHint) -> int:
    if hint.bulk:
        return BULK
    return RENEWAL if hint.kind is ChangeKind.RENEWAL else LIVE


_CLAIMED = """
returning changes.id as change_id, changes.seq, changes.tenant, changes.connection, changes.subject,
  changes.subscription_id, changes.customer_id, changes.documents, changes.event_id, changes.kind,
  changes.lane, changes.received_at
"""

# The oldest of each subject is the one before which there is no other; younger ones wait for
# it even while it is held back, so that nothing overtakes.
# The limit is written into the text: the plan for one that is not known reads the whole queue.
_CLAIM = f"""
with chosen as (
  select id from changes as this
  where state = 'pending'
    and (attempts = 0
      or claimed_at < now() - least(30, 0.25 * 2 ^ least(attempts, 10)) * interval '1 second')
    and not exists (select from changes as open where open.tenant = this.tenant
      and open.subject = this.subject
      and open.state in ('starting', 'running', 'waiting'))
    and not exists (select from changes as older where older.tenant = this.tenant
      and older.subject = this.subject
      and older.state = 'pending' and older.seq < this.seq)
  order by lane, seq
  limit {{places}}
  for update skip locked
)
update changes set state = 'starting', claimed_at = now(), attempts = attempts + 1
from chosen where changes.id = chosen.id
{_CLAIMED}
"""  # noqa: S608 - put together from constants


_IN_FLIGHT = text("select count(*) from changes where state in ('starting', 'running')")


async def claim(session: AsyncSession, *, in_flight: int, most: int) -> tuple[Claim, ...]:
    """The next changes to start, live lanes first, while fewer than `in_flight` are at work."""
    connection = await session.connection()
    await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _CLAIM_LOCK})
    taken = await connection.execute(_IN_FLIGHT)
    places = min(most, in_flight - taken.scalar_one())
    if places <= 0:
        return ()
    rows = await connection.execute(text(_CLAIM.format(places=int(places))))
    return tuple(sorted(map(_claim, rows), key=lambda claim: (claim.lane, claim.seq)))


_RECLAIM = text(f"""
update changes set claimed_at = now()
where state = 'starting' and claimed_at < now() - :lease and id <> all(cast(:mine as text[]))
{_CLAIMED}
""")  # noqa: S608 - put together from constants


async def reclaim(
    session: AsyncSession, *, lease: timedelta, mine: Collection[str]
) -> tuple[Claim, ...]:
    """Claims that nobody has renewed for as long as `lease`: whoever made them has died."""
    connection = await session.connection()
    rows = await connection.execute(_RECLAIM, {"lease": lease, "mine": list(mine)})
    return tuple(map(_claim, rows))


def _claim(row: Row[Any]) -> Claim:
    return Claim(**{**row._mapping, "documents": tuple(row.documents)})


async def renew(session: AsyncSession, change_ids: Collection[str]) -> None:
    """They are still being started."""
    await session.exec(
        update(ChangeRow)
        .where(col(ChangeRow.id).in_(change_ids), col(ChangeRow.state) == "starting")
        .values(claimed_at=func.now())
    )


async def started(session: AsyncSession, change_id: str, run_id: str) -> None:
    """The saga is open as `run_id`. It may have gone on, or ended, before we heard of it."""
    await (await session.connection()).execute(
        text(
            "update changes set run_id = :run_id, started_at = coalesce(started_at, now()), "
            "state = case when state in ('pending', 'starting') then 'running' else state end "
            "where id = :id"
        ),
        {"id": change_id, "run_id": run_id},
    )


async def put_back(session: AsyncSession, change_ids: Collection[str], *, blameless: bool) -> None:
    """Not started. A `blameless` change may be claimed again at once, others after a while that
    doubles with every attempt up to 30 s."""
    values: dict[str, Any] = {"state": "pending", "claimed_at": func.now()}
    if blameless:
        values["attempts"] = 0
    await session.exec(
        update(ChangeRow)
        .where(col(ChangeRow.id).in_(change_ids), col(ChangeRow.state) == "starting")
        .values(**values)
    )
