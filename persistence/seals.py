"""The chain of seals of each tenant: rows that wait are linked to it, and it is read again.

See canonical_models/seal.py for what a seal is, and persistence/sealed.py for which rows have one.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from canonical_models import seal
from persistence.connection import Connection
from persistence.database import Database
from persistence.rows import all_of
from persistence.sealed import SOURCES, Row

#: Rows of one transaction of the sealer.
ROWS = 500

#: One sealer at a time, so that a chain has one order.
_LOCK = 7_716_358
_SALT_BYTES = 16

# What waits twice, or has its seal, is not sealed again. It is looked at once the lock is held: one
# statement for both would see what stood there before another sealer has sealed it.
_TAKE = """
select id, tenant, source, place, part, now(),
  exists (select from seals where seals.tenant = unsealed.tenant and seals.source = unsealed.source
    and seals.place = unsealed.place and seals.part = unsealed.part)
from unsealed order by id limit %(rows)s
"""

_HEADS = """
select tenant, head.number, head.link from unnest(%s::text[]) as tenant,
  lateral (select number, link from seals where seals.tenant = tenant.tenant
    order by number desc limit 1) as head
"""

_LINK = """
insert into seals (tenant, number, source, place, part, objects, at, sealed_at, kept, salts, digest,
  link)
select tenant, number, source, place, part, objects, at, sealed_at, kept, salts,
  decode(digest, 'hex'), decode(link, 'hex')
from jsonb_to_recordset(%s) as made (tenant text, number bigint, source text, place text, part text,
  objects text[], at timestamptz, sealed_at timestamptz, kept jsonb, salts jsonb, digest text,
  link text)
"""

_READ = """
select tenant, number, source, place, part, objects, at, sealed_at, kept, salts, digest, link
from seals where tenant = %(tenant)s and {which} order by number {order} limit %(limit)s
"""


class Seal(NamedTuple):
    """One link. `kept` are salted digests of what may be gone from the row, by column."""

    tenant: str
    number: int
    source: str
    place: str
    part: str
    objects: list[str]
    at: datetime
    sealed_at: datetime
    kept: dict[str, str]
    salts: dict[str, str]
    digest: bytes
    link: bytes

    def values(self) -> dict[str, Any]:
        """As JSON."""
        times = {"at": self.at.isoformat(), "sealed_at": self.sealed_at.isoformat()}
        return {**self._asdict(), **times, "digest": self.digest.hex(), "link": self.link.hex()}

    def linked(self, before: bytes) -> bytes:
        """Its link, as it follows from the seal before."""
        return seal.link(
            before,
            {
                "tenant": self.tenant,
                "number": self.number,
                "source": self.source,
                "place": self.place,
                "part": self.part,
                "objects": self.objects,
                "at": self.at,
                "sealed_at": self.sealed_at,
                "digest": self.digest,
            },
        )


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Rows of a source without a seal. What is `waiting` has its place in the queue of the sealer;
    what is not never gets one, such as `lost`, the key of the oldest of these."""

    source: str
    rows: int
    waiting: int
    oldest: datetime | None
    lost: str | None


async def seal_waiting(database: Database) -> int:
    """How many rows wait no longer, of the oldest; none while another sealer is at work. In one
    transaction: a sealer that dies has sealed nothing, and leaves nothing half done."""
    async with database.transaction() as conn:
        async with conn.pipeline():
            mine = await conn.execute("select pg_try_advisory_xact_lock(%s)", (_LOCK,))
            found = await conn.execute(_TAKE, {"rows": ROWS})
        got, waiting = await mine.fetchone(), await found.fetchall()
        if got != (True,) or not waiting:
            return 0
        fresh: dict[tuple[str, str, str, str], datetime] = {}
        for _, tenant, source, place, part, now, sealed in waiting:
            if not sealed:
                fresh[tenant, source, place, part] = now
        rows = await _rows(conn, ((source, place) for _, source, place, _ in fresh))
        heads = await _heads(conn, {tenant for tenant, *_ in fresh})
        made = []
        for (tenant, source, place, part), now in fresh.items():
            row = rows[source].get(place)
            if row is not None and SOURCES[source].stands(row, part) == "stands":
                one = _seal(heads.get(tenant), tenant, source, place, part, row, now)
                heads[tenant] = one.number, one.link
                made.append(one)
        if made:
            await conn.execute(_LINK, (Jsonb([one.values() for one in made]),))
        await conn.execute(
            "delete from unsealed where id = any(%s)", ([row[0] for row in waiting],)
        )
    return len(waiting)


def _seal(
    head: tuple[int, bytes] | None,
    tenant: str,
    source: str,
    place: str,
    part: str,
    row: Row,
    now: datetime,
) -> Seal:
    of = SOURCES[source]
    number, before = head or (0, seal.GENESIS)
    there = of.erasables(row, part)
    salts = {name: secrets.token_hex(_SALT_BYTES) for name in there}
    kept = {name: seal.salted(salts[name], value) for name, value in there.items()}
    one = Seal(
        tenant=tenant,
        number=number + 1,
        source=source,
        place=place,
        part=part,
        objects=of.about(row),
        at=row[of.at[of.kind(part)]],
        sealed_at=now,
        kept=kept,
        salts=salts,
        digest=seal.digest({**of.content(row, part), "kept": kept}),
        link=b"",
    )
    return one._replace(link=one.linked(before))


async def _rows(conn: Connection, wanted: Iterable[tuple[str, str]]) -> dict[str, dict[str, Row]]:
    """By source and key."""
    places: dict[str, list[str]] = {source: [] for source in SOURCES}
    for source, place in wanted:
        if source in SOURCES and (place.isdecimal() or not SOURCES[source].numbered):
            places[source].append(place)
    return {
        source: await SOURCES[source].rows(conn, keys) if keys else {}
        for source, keys in places.items()
    }


async def _heads(conn: Connection, tenants: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    found = await conn.execute(_HEADS, (sorted(tenants),))
    return {tenant: (number, link) for tenant, number, link in await found.fetchall()}


@dataclass(frozen=True, slots=True)
class Which:
    """What happened from `since` on and before `until`, to the business object that it is `about`;
    None where it is all the same."""

    about: str | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL = Which()


async def read(
    conn: Connection,
    tenant: str,
    which: Which = ALL,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = ROWS,
) -> list[tuple[Seal, Row | None]]:
    """Seals with the rows that they are of, None where there is none any more: the first `after` a
    number, or the last `before` one, the newest first."""
    conditions = {
        "number > %(after)s": after,
        "number < %(before)s": before,
        "at >= %(since)s": which.since,
        "at < %(until)s": which.until,
        "objects @> array[%(about)s]::text[]": which.about,
    }
    order = "asc" if before is None else "desc"
    statement = _READ.format(which=all_of(conditions), order=order)
    found = await conn.execute(
        statement.encode(),
        {
            "tenant": tenant,
            "after": after,
            "before": before,
            "since": which.since,
            "until": which.until,
            "about": which.about,
            "limit": limit,
        },
    )
    seals = [Seal(*row) for row in await found.fetchall()]
    rows = await _rows(conn, ((one.source, one.place) for one in seals))
    return [(one, rows.get(one.source, {}).get(one.place)) for one in seals]


_UNSEALED = """
with bare as (
  select due.place, due.part, due.at from ({all_of}) as due (tenant, place, part, at)
  where tenant = %(tenant)s and not exists (select from seals where seals.tenant = due.tenant
    and seals.source = %(source)s and seals.place = due.place and seals.part = due.part)
)
select count(*), count(waits.id), min(at),
  (array_agg(bare.place order by at) filter (where waits.id is null))[1]
from bare left join unsealed as waits on waits.tenant = %(tenant)s and waits.source = %(source)s
  and waits.place = bare.place and waits.part = bare.part
"""


async def unsealed(conn: Connection, tenant: str) -> list[Unsealed]:
    """By source; as long as the tables are, so without the usual bound on a statement."""
    await conn.execute("set local statement_timeout = 0")
    found = []
    for name, source in SOURCES.items():
        statement = _UNSEALED.format(all_of=source.all_of).encode()
        answer = await conn.execute(statement, {"tenant": tenant, "source": name})
        rows, waiting, oldest, lost = await answer.fetchone() or (0, 0, None, None)
        found.append(Unsealed(name, rows, waiting, oldest, lost))
    return found


def wrong(one: Seal, row: Row) -> str | None:
    """What is wrong with the row of this seal, in words; None where it is what was sealed, or where
    another of its set has taken its place. What was dropped or erased is not wrong."""
    of = SOURCES[one.source]
    match of.stands(row, one.part):
        case "impossible":
            return f"the row is {row['state']} at attempt {row['attempt']}, where it cannot come to"
        case "superseded":
            return None
    for name, value in of.erasables(row, one.part).items():
        if name not in one.kept:
            return f"{name} has been added to it"
        if name not in one.salts:
            return f"{name} is there, and what it was sealed with is erased"
        if seal.salted(one.salts[name], value) != one.kept[name]:
            return f"{name} is not what was sealed"
    if seal.digest({**of.content(row, one.part), "kept": one.kept}) != one.digest:
        return "the row is not what was sealed"
    return None


def superseded(one: Seal, row: Row) -> bool:
    return SOURCES[one.source].stands(row, one.part) == "superseded"


def gone(one: Seal, row: Row) -> bool:
    """Whether something that may be dropped or erased is there no more."""
    there = SOURCES[one.source].erasables(row, one.part)
    return not one.kept.keys() <= there.keys()
