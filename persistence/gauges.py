"""Numbers for monitoring, over all tenants, straight from the tables."""

from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlmodel.ext.asyncio.session import AsyncSession

#: Upper bounds in seconds of the buckets for 'webhook received' to 'ERP document posted'.
POSTING_BUCKETS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

#: The window of the posting times: what an alert looks at, and cheap at any size of the tables.
POSTING_WINDOW = "24 hours"

_COUNTS = {
    "inbox": text("select status, count(*) from inbox group by status"),
    "changes": text("select state, count(*) from changes group by state"),
    "outcomes": text("select outcome, count(*) from changes where state = 'settled' group by 1"),
    "exceptions": text("select owner, count(*) from exceptions where state = 'open' group by 1"),
    "effects": text("select system || '/' || state, count(*) from effects group by 1"),
    "dunning": text("select stage, count(*) from dunning_cases where stage <> 'closed' group by 1"),
    # A forecast is of one renewal; that of the one before says nothing.
    "renewals": text(
        "select case when forecast_for = renews_at then forecast else 'none' end, count(*) "
        "from contracts where renews_at is not null group by 1"
    ),
    "documents": text("select state, count(*) from documents group by 1"),
    "invoices": text("select standing, count(*) from documents group by 1"),
    "targets": text("select target || '/' || state, count(*) from target_states group by 1"),
}

_OLDEST = text(
    "select coalesce(extract(epoch from now() - min(received_at)), 0) from changes "
    "where state = 'pending'"
)
_UNREAD = text(
    "select coalesce(extract(epoch from now() - min(received_at)), 0) from inbox "
    "where status = 'received'"
)
_LATE = text("select count(*) from exceptions where state = 'open' and due_at < now()")
_POSTING = text(
    "select extract(epoch from e.confirmed_at - c.received_at) from effects e "
    "join documents d on d.tenant = e.tenant and d.effect_key = e.key "
    "join changes c on c.id = d.change_id "
    "where e.confirmed_at > now() - cast(:window as interval)"
)


@dataclass(frozen=True)
class Gauges:
    """`counts` holds a table's rows by state; ages and posting times are in seconds."""

    counts: dict[str, dict[str, int]]
    oldest_pending: float
    oldest_unread: float
    late_exceptions: int
    posting_seconds: tuple[float, ...]


async def read(session: AsyncSession) -> Gauges:
    connection = await session.connection()

    async def number(query: TextClause) -> float:
        return float((await connection.execute(query)).scalar_one())

    counts = {}
    for name, query in _COUNTS.items():
        counts[name] = {key: int(count) for key, count in await connection.execute(query)}
    posted = await connection.execute(_POSTING, {"window": POSTING_WINDOW})
    return Gauges(
        counts=counts,
        oldest_pending=await number(_OLDEST),
        oldest_unread=await number(_UNREAD),
        late_exceptions=int(await number(_LATE)),
        posting_seconds=tuple(float(seconds) for seconds in posted.scalars()),
    )
