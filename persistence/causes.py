"""Causes, as the trigger on exceptions keeps them; and who has a case or a cause, its tags, and its
history."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from canonical_models.base import Canonical
from canonical_models.mends import OF_CUSTOMERS, OF_ITEMS
from canonical_models.states import CauseState
from canonical_models.views import CauseView, HistoryLine
from persistence.connection import Connection
from persistence.rows import all_of, fetch, fetch_one, select

#: What can be assigned, tagged and commented: a case, which is an exception, or a cause.
Table = Literal["exceptions", "causes"]

_SELECT = select(
    CauseView,
    "causes",
    cause_id="id",
    at_risk="coalesce((select jsonb_agg(jsonb_build_object('minor', minor, 'currency', currency) "
    "order by currency) from cause_amounts a where a.tenant = causes.tenant "
    "and a.cause = causes.id), '[]')",
)
_HISTORY = select(HistoryLine, "case_history")


async def get(conn: Connection, tenant: str, cause_id: str) -> CauseView | None:
    one = f"{_SELECT} where tenant = %s and id = %s"
    return await fetch_one(conn, CauseView, one, (tenant, cause_id))


@dataclass(frozen=True, slots=True)
class Which:
    """What of a list of cases or causes is wanted. An empty `assignee` is for those that nobody
    has; `cause` is of cases alone."""

    owner: str | None = None
    code: str | None = None
    system: str | None = None
    cause: str | None = None
    assignee: str | None = None
    tag: str | None = None

    def conditions(self) -> dict[str, str | None]:
        nobody = self.assignee == ""
        return {
            "owner = %(owner)s": self.owner,
            "code = %(code)s": self.code,
            "system = %(system)s": self.system,
            "cause = %(cause)s": self.cause,
            "assignee is null" if nobody else "assignee = %(assignee)s": self.assignee,
            "tags @> array[%(tag)s::text]": self.tag,
        }


ALL = Which()


async def page(
    conn: Connection,
    tenant: str,
    *,
    state: CauseState = CauseState.OPEN,
    which: Which = ALL,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[CauseView, ...]:
    """Those that are due first; `after` is `due_at` and id of the last one seen."""
    wanted = all_of({**which.conditions(), "(due_at, id) > (%(at)s, %(id)s)": after})
    at, last = after or (None, None)
    return await fetch(
        conn,
        CauseView,
        f"{_SELECT} where tenant = %(tenant)s and state = %(state)s and {wanted} "
        "order by due_at, id limit %(limit)s",
        {
            **asdict(which),
            "tenant": tenant,
            "state": state,
            "at": at,
            "id": last,
            "limit": limit,
        },
    )


class Waiting(Canonical):
    """Open causes of a team, how many of them are late, and how many somebody has; how many are of
    customers and of items that are answered as a sheet."""

    owner: str
    causes: int
    cases: int
    late: int
    mine: int
    customers: int
    items: int


async def waiting(conn: Connection, tenant: str, who: str) -> tuple[Waiting, ...]:
    """By team; `mine` are those of `who`."""
    counted = (
        "select owner, count(*) as causes, sum(open_cases)::int as cases, "
        "count(*) filter (where due_at < now()) as late, "
        "count(*) filter (where assignee = %s) as mine, "
        "count(*) filter (where code = any(%s)) as customers, "
        "count(*) filter (where code = any(%s)) as items "
        "from causes where tenant = %s and state = 'open' group by owner order by owner"
    )
    return await fetch(conn, Waiting, counted, (who, list(OF_CUSTOMERS), list(OF_ITEMS), tenant))


class News(Canonical):
    """Causes that have come to wait since a time, and those of which others have changed something
    since: another case, who has it, an answer."""

    fresh: int
    changed: int


_NEWS = """
with touched as (
  select distinct coalesce(e.cause, h.about) as id from case_history h
  left join exceptions e on e.tenant = h.tenant and e.id = h.about
  where h.tenant = %(tenant)s and h.at > %(since)s and h.by <> %(who)s)
select count(*) filter (where c.opened_at > %(since)s and c.state = 'open') as fresh,
  count(*) filter (where c.opened_at <= %(since)s) as changed
from causes c join touched t on t.id = c.id
where c.tenant = %(tenant)s and c.owner = coalesce(%(owner)s, c.owner)
"""


_SAID = (
    f"{_HISTORY} where tenant = %(tenant)s and at > %(since)s and by <> %(who)s "  # noqa: S608 - constants
    "and (about = %(about)s or about in (select id from exceptions "
    "where tenant = %(tenant)s and cause = %(about)s)) order by seq desc limit 1"
)


async def news(
    conn: Connection, tenant: str, since: datetime, *, who: str, owner: str | None
) -> News:
    """What others than `who` have changed since; of one team, or of all."""
    given = {"tenant": tenant, "since": since, "who": who, "owner": owner}
    found = await fetch(conn, News, _NEWS, given)
    return found[0]


async def said_since(
    conn: Connection, tenant: str, about: str, since: datetime, *, who: str
) -> HistoryLine | None:
    """The last that others than `who` have done to a case or a cause, or to a case of it."""
    given = {"tenant": tenant, "about": about, "since": since, "who": who}
    return await fetch_one(conn, HistoryLine, _SAID, given)


async def assign(
    conn: Connection, table: Table, tenant: str, about: str, to: str | None, *, by: str, note: str
) -> bool:
    """Whether there is such a one. None: to nobody."""
    done = await conn.execute(
        f"update {table} set assignee = %s where tenant = %s and id = %s".encode(),  # noqa: S608 - one of two names
        (to, tenant, about),
    )
    if done.rowcount:
        said = f"to {to}" if to else "to nobody"
        await add(
            conn, tenant, about, by=by, what="assigned", note=f"{said}: {note}" if note else said
        )
    return done.rowcount > 0


async def tag(
    conn: Connection, table: Table, tenant: str, about: str, tags: Collection[str], *, by: str
) -> bool:
    """These, in place of those before. Whether there is such a one."""
    kept = sorted(set(tags))
    done = await conn.execute(
        f"update {table} set tags = %s where tenant = %s and id = %s".encode(),  # noqa: S608 - one of two names
        (kept, tenant, about),
    )
    if done.rowcount:
        await add(conn, tenant, about, by=by, what="tagged", note=", ".join(kept))
    return done.rowcount > 0


async def exists(conn: Connection, table: Table, tenant: str, about: str) -> bool:
    found = await conn.execute(
        f"select from {table} where tenant = %s and id = %s".encode(),
        (tenant, about),
    )
    return found.rowcount > 0


async def add(
    conn: Connection, tenant: str, about: str, *, by: str, what: str, note: str | None
) -> None:
    await conn.execute(
        "insert into case_history (tenant, about, by, what, note) values (%s, %s, %s, %s, %s)",
        (tenant, about, by, what, note),
    )


async def occasion(conn: Connection, tenant: str, exception_id: str) -> str:
    """What names this time that the exception is asked: its id, and which time where it has failed
    again."""
    found = await conn.execute(
        "select count(*) from case_history "
        "where tenant = %s and about = %s and what = 'failed_again'",
        (tenant, exception_id),
    )
    (failed,) = await found.fetchone() or (0,)
    return f"{exception_id}/{failed + 1}" if failed else exception_id


async def history(conn: Connection, tenant: str, about: str) -> tuple[HistoryLine, ...]:
    """Of a case or a cause, the oldest first."""
    of = f"{_HISTORY} where tenant = %s and about = %s order by seq"
    return await fetch(conn, HistoryLine, of, (tenant, about))
