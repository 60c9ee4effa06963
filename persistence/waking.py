"""Cases that may have answered themselves: their sagas are told to look again.

A saga that waits hears of it as of a newer change (`dispatch/watching.py`), a process as of any
news. What is asked stays asked, with its id and its clock, until the saga finds that it is mended.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from canonical_models.failures import RejectionCode
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.states import WokenBy
from persistence.changes import CHANNEL
from persistence.connection import Connection

_WAKE = f"""
with woken as (
  update exceptions set woken = %(why)s, news = case when workflow_id is null then now() end
  where tenant = %(tenant)s and state = 'open' and {{which}}
  returning workflow_id
), processes_told as (
  update processes set news = processes.news + 1, changed_at = now()
  from (select distinct workflow_id from woken) as those
  where processes.workflow_id = those.workflow_id
)
select count(*), pg_notify('{CHANNEL}', '') from woken having count(*) > 0
"""  # noqa: S608 - put together from constants


async def wake_cause(
    conn: Connection,
    tenant: str,
    cause: str,
    *,
    but: str | None = None,
    why: WokenBy = WokenBy.CAUSE,
) -> int:
    """All that is open of the cause; how many. `but` is the case that it was mended by."""
    which = "cause = %(cause)s and id is distinct from %(but)s"
    return await _wake(conn, which, tenant=tenant, why=why, cause=cause, but=but)


async def wake_mapped(conn: Connection, tenant: str, mapping: AccountMapping | ItemMapping) -> int:
    """All that the mapping may mend."""
    match mapping:
        case AccountMapping():
            which = "(subject = %(of)s or customer_id = %(of)s)"
            return await _wake(
                conn, which, tenant=tenant, why=WokenBy.CAUSE, of=mapping.billing_customer
            )
        case ItemMapping():
            # A line is named by its price, metadata, product or the default as well: whether that
            # is so of an open question only its saga finds out.
            which = (
                "code = %(code)s and (subject = %(of)s or not exists (select from exceptions named "
                "where named.tenant = %(tenant)s and named.state = 'open' "
                "and named.code = %(code)s and named.subject = %(of)s))"
            )
            code = RejectionCode.ITEM_UNMAPPED.value
            return await _wake(
                conn, which, tenant=tenant, why=WokenBy.CAUSE, code=code, of=mapping.item
            )


async def wake_cases(conn: Connection, tenant: str, ids: Collection[str], *, why: WokenBy) -> int:
    """Those of them that are open; how many."""
    return await _wake(conn, "id = any(%(ids)s)", tenant=tenant, why=why, ids=list(ids))


async def _wake(conn: Connection, which: str, **values: Any) -> int:
    found = await conn.execute(_WAKE.format(which=which).encode(), values)
    row = await found.fetchone()
    return int(row[0]) if row else 0


# One case of each cause: the oldest, whose saga waits for nothing newer anyway.
_LOOK = """
with due as (
  select tenant, id from causes
  where tenant = %(tenant)s and state = 'open' and code <> all(%(but)s)
    and newest_at < now() - %(since)s and coalesce(looked_at, opened_at) < now() - %(since)s
  order by looked_at nulls first, due_at limit %(limit)s
  for update skip locked
), looked as (
  update causes set looked_at = now() from due
  where causes.tenant = due.tenant and causes.id = due.id
)
select (select e.id from exceptions e where e.tenant = due.tenant and e.cause = due.id
  and e.state = 'open' order by e.opened_at, e.id limit 1) from due
"""


async def look_again(
    conn: Connection, tenant: str, *, but: tuple[str, ...], since: timedelta, limit: int
) -> int:
    """One case of each cause that was not looked at for as long as `since` is tried, of `limit`
    causes at most, the longest first; how many were. `but` are codes that a look cannot mend."""
    found = await conn.execute(
        _LOOK, {"tenant": tenant, "but": list(but), "since": since, "limit": limit}
    )
    cases = [row[0] for row in await found.fetchall() if row[0] is not None]
    return await wake_cases(conn, tenant, cases, why=WokenBy.LOOK)


@dataclass(frozen=True, slots=True)
class Woken:
    """A change whose saga waits and is to look again, since `news`."""

    change_id: str
    tenant: str
    subject: str
    run_id: str | None
    news: datetime


_WOKEN = """
select c.id, c.tenant, c.subject, c.run_id, max(e.news)
from exceptions e join changes c on c.id = e.change_id and c.state = 'waiting'
where e.news is not null and e.state = 'open'
group by c.id order by max(e.news) limit %(limit)s
"""


async def woken(conn: Connection, *, limit: int = 100) -> tuple[Woken, ...]:
    """Those that were woken first."""
    found = await conn.execute(_WOKEN, {"limit": limit})
    return tuple(Woken(*row) for row in await found.fetchall())


async def told(conn: Connection, waiting: Woken) -> None:
    """Its saga has heard of it."""
    await conn.execute(
        "update exceptions set news = null where change_id = %s and news <= %s",
        (waiting.change_id, waiting.news),
    )
