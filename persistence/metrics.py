"""Numbers for monitoring, over all tenants, straight from the tables."""

from dataclasses import dataclass

from persistence.connection import Connection

#: Upper bounds in seconds of the buckets for 'webhook received' to 'ERP document posted'.
POSTING_BUCKETS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

#: The window of the posting times: what an alert looks at, and cheap at any size of the tables.
POSTING_WINDOW = "24 hours"

#: From partial indexes, and small tables: as cheap as what is under way is small.
_COUNTS = {
    "changes": (
        "select 'pending', count(*) from changes where state = 'pending' "
        "union all select 'starting', count(*) from changes where state = 'starting' "
        "union all select 'waiting', count(*) from changes where state = 'waiting' "
        "and state in ('running', 'waiting') "
        "union all select 'running', count(*) from changes where state = 'running' "
        "and state in ('starting', 'running')"
    ),
    "exceptions": "select owner, count(*) from exceptions where state = 'open' group by 1",
    "drifts": "select tenant || '/' || connection, count(*) from drifts where waits group by 1",
    "dunning": "select stage, count(*) from dunning_cases where stage <> 'closed' group by 1",
}

#: Over whole tables: read now and then.
_WHOLE = {
    "inbox": "select status, count(*) from inbox group by status",
    "outcomes": "select outcome, count(*) from changes where state = 'settled' group by 1",
    "effects": "select system || '/' || state, count(*) from effects group by 1",
    # A forecast is of one renewal; that of the one before says nothing.
    "renewals": (
        "select case when forecast_for = renews_at then forecast else 'none' end, count(*) "
        "from contracts where renews_at is not null group by 1"
    ),
    "documents": "select state, count(*) from documents group by 1",
    "invoices": "select erp_status, count(*) from documents group by 1",
    "targets": "select target || '/' || state, count(*) from target_states group by 1",
}

_OLDEST = (
    "select coalesce(extract(epoch from now() - min(received_at)), 0) from changes "
    "where state = 'pending'"
)
_UNREAD = (
    "select coalesce(extract(epoch from now() - min(received_at)), 0) from inbox "
    "where status = 'received'"
)
_UNSEALED = "select count(*) from unsealed"
_LATE = "select count(*) from exceptions where state = 'open' and due_at < now()"
_POSTING = (
    "select extract(epoch from e.confirmed_at - c.received_at) from effects e "
    "join documents d on d.tenant = e.tenant and d.effect_key = e.key "
    "join changes c on c.id = d.change_id "
    "where e.confirmed_at > now() - %s::interval"
)


@dataclass(frozen=True)
class Whole:
    """Of whole tables: rows by state, and posting times in seconds."""

    counts: dict[str, dict[str, int]]
    posting_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Metrics:
    """`counts` holds a table's rows by state; ages and posting times are in seconds."""

    counts: dict[str, dict[str, int]]
    oldest_pending: float
    oldest_unread: float
    late_exceptions: int
    unsealed: int
    posting_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Standing:
    """What waits for a saga and for people, of all tenants; ages in seconds, 0 for nothing. `ready`
    changes wait for nothing but a place."""

    pending: int
    ready: int
    oldest_ready: float
    unread: int
    oldest_unread: float
    open: int
    late: int
    escalated: int


_STANDING = """
select
  (select count(*) from changes where state = 'pending'),
  (select count(*) from changes where ready),
  (select coalesce(extract(epoch from now() - min(received_at)), 0)::float from changes
   where ready),
  (select count(*) from inbox where status = 'received'),
  (select coalesce(extract(epoch from now() - min(received_at)), 0)::float from inbox
   where status = 'received'),
  count(*), count(*) filter (where due_at < now()), count(escalated_at)
from exceptions where state = 'open'
"""


async def standing(conn: Connection) -> Standing:
    row = await (await conn.execute(_STANDING)).fetchone()
    if row is None:
        raise AssertionError("an aggregate has a row")
    return Standing(*row)


async def whole(conn: Connection) -> Whole:
    """What takes as long as the tables are long: not to be read at every scrape."""
    posted = await conn.execute(_POSTING, (POSTING_WINDOW,))
    return Whole(
        counts=await _counts(conn, _WHOLE),
        posting_seconds=tuple(float(seconds) for (seconds,) in await posted.fetchall()),
    )


async def read(conn: Connection, *, of_whole: Whole | None = None) -> Metrics:
    """`of_whole` is what `whole` said lately; it is read now where that is None."""

    async def number(query: str) -> float:
        row = await (await conn.execute(query.encode())).fetchone()
        return float(row[0]) if row else 0.0

    seen = of_whole or await whole(conn)
    counts = seen.counts | await _counts(conn, _COUNTS)
    if settled := sum(counts["outcomes"].values()):
        counts["changes"]["settled"] = settled
    return Metrics(
        counts=counts,
        oldest_pending=await number(_OLDEST),
        oldest_unread=await number(_UNREAD),
        late_exceptions=int(await number(_LATE)),
        unsealed=int(await number(_UNSEALED)),
        posting_seconds=seen.posting_seconds,
    )


async def _counts(conn: Connection, queries: dict[str, str]) -> dict[str, dict[str, int]]:
    counts = {}
    for name, query in queries.items():
        found = await conn.execute(query.encode())
        counts[name] = {key: int(count) for key, count in await found.fetchall() if count}
    return counts
