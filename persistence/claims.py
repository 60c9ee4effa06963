"""Claims of changes: which may be started next, by whose turn it is, and what became of the start.

What may be claimed is marked `ready`: a trigger keeps the mark up (see the schema), so that a claim
does not look at what waits behind. Whose turn it is `turns` says.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from persistence.connection import Connection
from persistence.turns import SHARES, Turns

#: What one claim does again when some tenants have less ready than others have places for.
_ROUNDS = 4
#: Tenants of a lane that a claim looks at, at least, beside those that have something at work.
_NEXT = 8
#: For so many seconds a saga takes a place. It is done within one or two, or waits for a vendor.
PLACE_S = 10


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
    #: Counts the claims: the saga that is started for this one is the owner until the next.
    epoch: int
    #: Whether what its event tells may have been read and agreed since (acknowledged.py).
    told: bool


_NAMES = tuple(Claim.__dataclass_fields__)


_CLAIMED = """
returning changes.id as change_id, changes.seq, changes.tenant, changes.connection, changes.subject,
  changes.subscription_id, changes.customer_id, changes.documents, changes.event_id, changes.kind,
  changes.lane, changes.received_at, changes.epoch,
  (select last.read_at >= changes.occurred_at from changes last
   where last.tenant = changes.tenant and last.subject = changes.subject
     and last.state = 'settled' and last.read_at is not null
   order by last.seq desc limit 1) is true as told
"""

#: One that was refused waits longer each time.
_DUE = """(attempts = 0
  or claimed_at < now() - least(30, 0.25 * 2 ^ least(attempts, 10)) * interval '1 second')"""

#: From 1 on: their tenants' turns are handed over as an array.
_LANES = range(1, len(SHARES) + 1)

# The places that are taken, then what is ready. Each lane is walked from tenant to tenant,
# beginning behind the one that was served last, by one look into the index for each: what waits
# behind the first of a tenant is not read. So many are looked at that those without a place are
# among them; the next round finds the others.
_FOUND = f"""
with recursive places as materialized (
  select lane, tenant, count(*) as count from changes
  where state in ('starting', 'running') and claimed_by = %(by)s
    and claimed_at > now() - %(seconds)s * interval '1 second'
  group by lane, tenant
), bounds as materialized (
  select free, tenants + greatest(%(next)s, free / 2) as most from (
    select greatest(0, least(%(most)s, %(in_flight)s - coalesce(sum(count), 0)))::int as free,
      count(distinct tenant) as tenants from places) as taken
), walk (lane, begun, tenant, place) as (
  select lanes.lane, first.tenant, first.tenant, 1
  from (values {", ".join(f"({lane})" for lane in _LANES)}) as lanes (lane),
    lateral (select coalesce(
      (select tenant from changes where ready and lane = lanes.lane
        and tenant > (%(behind)s::text[])[lanes.lane] order by tenant limit 1),
      (select tenant from changes where ready and lane = lanes.lane order by tenant limit 1)
    ) as tenant offset 0) as first
  where first.tenant is not null and (select free from bounds) > 0
  union all
  select walk.lane, walk.begun, next.tenant, walk.place + 1
  from walk, lateral (select coalesce(
      (select tenant from changes where ready and lane = walk.lane and tenant > walk.tenant
        order by tenant limit 1),
      (select tenant from changes where ready and lane = walk.lane order by tenant limit 1)
    ) as tenant offset 0) as next
  where next.tenant <> walk.begun and walk.place < (select most from bounds)
)
select lane, tenant, count, null, 0 from places
union all
select walk.lane, walk.tenant, (
  select count(*) from (select from changes
    where ready and lane = walk.lane and tenant = walk.tenant and {_DUE}
    limit (select ceil(2.0 * (select free from bounds) / count(*)) from walk)) as counted),
  walk.place >= (select most from bounds), walk.place
from walk order by 5, 1
""".encode()  # noqa: S608 - put together from constants

_CLAIM = f"""
with chosen as (
  select this.id from unnest(%(lanes)s::int[], %(tenants)s::text[], %(counts)s::int[])
      as given (lane, tenant, count),
    lateral (select id from changes
      where ready and lane = given.lane and tenant = given.tenant and {_DUE}
      order by seq limit given.count for update skip locked) as this
)
update changes set state = 'starting', ready = false, claimed_by = %(by)s, claimed_at = now(),
  attempts = attempts + 1, epoch = epoch + 1
from chosen where changes.id = chosen.id and ready
{_CLAIMED}
"""  # noqa: S608 - put together from constants


async def claim(
    conn: Connection, *, in_flight: int, most: int, turns: Turns | None = None
) -> tuple[Claim, ...]:
    """The next changes to start, at most `most`, while fewer than `in_flight` that the same
    dispatcher has claimed are at work: whose `turns` it keeps in mind.

    A saga that waits takes no place, nor does one after `PLACE_S` seconds: what it does then is to
    wait for a vendor. Dispatchers do not wait for each other, and no change is claimed twice.
    """
    turns = turns or Turns("")
    claims: list[Claim] = []
    for _ in range(_ROUNDS):
        wanted = most - len(claims)
        found = await _found(conn, turns, in_flight, wanted)
        free = in_flight - found.places.total()
        given = turns.give(free, wanted, found.places, found.ready)
        fresh = await _claimed(conn, turns, given) if given else []
        claims += fresh
        if not fresh or len(fresh) >= min(free, wanted) or (found.whole and given == found.ready):
            break
    return tuple(sorted(claims, key=lambda claim: (claim.lane, claim.seq)))


@dataclass(frozen=True, slots=True)
class _Found:
    """By lane and tenant: the places that are taken; what may be claimed, up to twice as much as
    can be, the tenants in their turn; whether that is all there is."""

    places: Counter[tuple[int, str]]
    ready: dict[tuple[int, str], int]
    whole: bool


async def _found(conn: Connection, turns: Turns, in_flight: int, most: int) -> _Found:
    asked = await conn.execute(
        _FOUND,
        {
            "by": turns.dispatcher,
            "seconds": PLACE_S,
            "next": _NEXT,
            "most": most,
            "in_flight": in_flight,
            "behind": [turns.served.get(lane, "") for lane in _LANES],
        },
    )
    rows = await asked.fetchall()
    places = Counter({(lane, of): count for lane, of, count, more, _ in rows if more is None})
    walked = [row for row in rows if row[3] is not None]
    free = min(in_flight - places.total(), most)
    return _Found(
        places=places,
        ready={(lane, of): count for lane, of, count, _, _ in walked if count},
        whole=not any(more or count * len(walked) >= 2 * free for _, _, count, more, _ in walked),
    )


async def _claimed(
    conn: Connection, turns: Turns, given: Mapping[tuple[int, str], int]
) -> list[Claim]:
    found = await conn.execute(
        _CLAIM,
        {
            "lanes": [lane for lane, _ in given],
            "tenants": [tenant for _, tenant in given],
            "counts": [*given.values()],
            "by": turns.dispatcher,
        },
    )
    return [_claim(row) for row in await found.fetchall()]


_RECLAIM = f"""
update changes set claimed_at = now(), claimed_by = %(by)s
where state = 'starting' and claimed_at < now() - %(lease)s and id <> all(%(mine)s)
{_CLAIMED}
"""  # noqa: S608 - put together from constants


async def reclaim(
    conn: Connection, *, lease: timedelta, mine: Collection[str], by: str = ""
) -> tuple[Claim, ...]:
    """Claims that nobody has renewed for as long as `lease`: whoever made them has died. The epoch
    stays: the saga may have been started."""
    found = await conn.execute(_RECLAIM, {"by": by, "lease": lease, "mine": list(mine)})
    return tuple(map(_claim, await found.fetchall()))


def _claim(row: tuple[Any, ...]) -> Claim:
    named = dict(zip(_NAMES, row, strict=True))
    return Claim(**{**named, "documents": tuple(named["documents"])})


async def renew(conn: Connection, change_ids: Collection[str]) -> None:
    """They are still being started."""
    await conn.execute(
        "update changes set claimed_at = now() where id = any(%s) and state = 'starting'",
        (list(change_ids),),
    )


# One that was put back is pending, and is locked in the order that the schema names.
_STARTED = """
with pending as materialized (
  select lock_subject(tenant, subject) from changes where id = %(id)s and state = 'pending'
)
update changes set run_id = %(run_id)s, started_at = coalesce(started_at, now()),
  state = case when state in ('pending', 'starting') then 'running' else state end
where id = %(id)s and (select count(*) from pending) >= 0 and not (held and state = 'pending')
"""


async def open_as(conn: Connection, runs: Mapping[str, str]) -> None:
    """These sagas, by their changes, were started, and may not have begun: each says so itself
    when it does (briefing.begin)."""
    await conn.execute(
        "update changes set run_id = runs.id, started_at = coalesce(started_at, now()), "
        "state = 'running' from unnest(%s::text[], %s::text[]) as runs (of, id) "
        "where changes.id = runs.of and changes.state = 'starting'",
        (list(runs), list(runs.values())),
    )


async def started(conn: Connection, change_id: str, run_id: str) -> None:
    """The saga is open as `run_id`. It may have gone on, or ended, before we heard of it."""
    await conn.execute(_STARTED, {"id": change_id, "run_id": run_id})


#: Ids and state: their subjects are locked in the order that the schema names.
LOCK = """
select lock_subject(tenant, subject) from (
  select distinct tenant, subject from changes where id = any(%s) and state = %s
  order by 1, 2) as of_these
"""


async def put_back(conn: Connection, change_ids: Collection[str], *, reset_attempts: bool) -> None:
    """Not started. With `reset_attempts` it may be claimed again at once, others after a while that
    doubles with every attempt up to 30 s.

    The epoch is as before the claim: what was asked of the engine may have happened nevertheless,
    and that saga is then found by the next claim, whose owner it must still be."""
    await conn.execute(LOCK, (list(change_ids), "starting"))
    await conn.execute(
        "update changes set state = 'pending', claimed_at = now(), epoch = epoch - 1, "
        "attempts = case when %s then 0 else attempts end "
        "where id = any(%s) and state = 'starting'",
        (reset_attempts, list(change_ids)),
    )
