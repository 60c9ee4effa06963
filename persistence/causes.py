"""Causes, as the trigger on exceptions keeps them; and who has a case or a cause, its tags, and its
history."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

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
