"""What open causes are to be mended with, in force nowhere, and what is proposed for them."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from canonical_models.base import Canonical, Instant
from canonical_models.money import Money
from canonical_models.preview import Mend
from persistence import batches
from persistence.connection import Connection
from persistence.rows import fetch, fetch_one


class DraftRow(Canonical):
    """An open cause with its draft: `mend` by whom and when, None as long as nobody said anything;
    `version` counts what was said. `proposed` is what other systems say, as its operation keeps
    it."""

    cause_id: str
    code: str
    subject: str | None
    open_cases: int
    at_risk: tuple[Money, ...]
    unknown_cases: int
    due_at: Instant
    mend: Mend | None
    said_by: str | None
    said_at: Instant | None
    version: int
    proposed: dict[str, Any] | None
    proposed_at: Instant | None


class Drafted(Canonical):
    """Open causes of a kind: how many, for how many of them something is said, for how many of the
    others something certain is proposed, and how many nobody has looked up yet."""

    total: int
    filled: int
    proposed: int
    unseen: int


_SELECT = """
select c.id as cause_id, c.code, c.subject, c.open_cases, c.unknown_cases, c.due_at,
  coalesce((select jsonb_agg(jsonb_build_object('minor', minor, 'currency', currency)
    order by currency) from cause_amounts a where a.tenant = c.tenant and a.cause = c.id), '[]')
    as at_risk,
  d.mend, d.said_by, d.said_at, coalesce(d.version, 0) as version, d.proposed, d.proposed_at
from causes c left join mend_drafts d on d.tenant = c.tenant and d.cause = c.id
where c.tenant = %(tenant)s and c.state = 'open'
"""
#: Something that a person may take as it stands.
_CERTAIN = "d.mend is null and d.proposed -> 'mend' <> 'null'"


async def page(
    conn: Connection,
    tenant: str,
    codes: Collection[str],
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[DraftRow, ...]:
    """Those that are due first; `after` is `due_at` and id of the last one seen."""
    at, last = after or (None, None)
    # What a row holds is summed up for those of the page alone.
    query = (
        f"{_SELECT} and c.id in (select id from causes where tenant = %(tenant)s "  # noqa: S608 - of constants
        "and state = 'open' and code = any(%(codes)s) "
        f"and {'(due_at, id) > (%(at)s, %(last)s)' if after else 'true'} "
        "order by due_at, id limit %(limit)s) order by c.due_at, c.id"
    )
    given = {"tenant": tenant, "codes": list(codes), "at": at, "last": last, "limit": limit}
    return await fetch(conn, DraftRow, query, given)


async def of_subjects(
    conn: Connection, tenant: str, codes: Collection[str], subjects: Collection[str]
) -> tuple[DraftRow, ...]:
    """Those that are about one of these."""
    query = f"{_SELECT} and c.code = any(%(codes)s) and c.subject = any(%(subjects)s)"
    given = {"tenant": tenant, "codes": list(codes), "subjects": list(subjects)}
    return await fetch(conn, DraftRow, query, given)


async def of_causes(
    conn: Connection, tenant: str, codes: Collection[str], causes: Collection[str]
) -> tuple[DraftRow, ...]:
    """Those of them that are open."""
    query = f"{_SELECT} and c.code = any(%(codes)s) and c.id = any(%(causes)s)"
    given = {"tenant": tenant, "codes": list(codes), "causes": list(causes)}
    return await fetch(conn, DraftRow, query, given)


async def of_cause(conn: Connection, tenant: str, cause_id: str) -> DraftRow | None:
    """None where it is not open."""
    query = f"{_SELECT} and c.id = %(cause)s"
    return await fetch_one(conn, DraftRow, query, {"tenant": tenant, "cause": cause_id})


async def counted(conn: Connection, tenant: str, codes: Collection[str]) -> Drafted:
    query = (
        "select count(*) as total, count(*) filter (where d.mend is not null) as filled, "  # noqa: S608 - of constants
        f"count(*) filter (where {_CERTAIN}) as proposed, "
        "count(*) filter (where d.mend is null and d.proposed is null) as unseen "
        "from causes c left join mend_drafts d on d.tenant = c.tenant and d.cause = c.id "
        "where c.tenant = %s and c.state = 'open' and c.code = any(%s)"
    )
    found = await fetch(conn, Drafted, query, (tenant, list(codes)))
    return found[0]


async def say(
    conn: Connection, tenant: str, cause_id: str, mend: Mend | None, *, by: str, version: int
) -> bool:
    """What it is to be mended with, None to take back what was said. Whether nobody has said
    anything since the `version` that was looked at."""
    said = None if mend is None else Jsonb(mend.model_dump(mode="json", exclude_none=True))
    done = await conn.execute(
        "insert into mend_drafts as d (tenant, cause, mend, said_by, said_at, version) "
        "select %(tenant)s, %(cause)s, %(mend)s, %(by)s, now(), 1 where %(version)s = 0 or exists "
        "(select from mend_drafts where tenant = %(tenant)s and cause = %(cause)s) "
        "on conflict (tenant, cause) do update set mend = excluded.mend, "
        "said_by = excluded.said_by, said_at = excluded.said_at, version = d.version + 1 "
        "where d.version = %(version)s",
        {"tenant": tenant, "cause": cause_id, "mend": said, "by": by, "version": version},
    )
    return done.rowcount > 0


async def propose(
    conn: Connection, tenant: str, cause_id: str, proposed: Mapping[str, Any]
) -> None:
    """What other systems say of it now. One that has closed meanwhile is left alone."""
    await conn.execute(
        "insert into mend_drafts as d (tenant, cause, proposed, proposed_at) "
        "select tenant, id, %(proposed)s, now() from causes "
        "where tenant = %(tenant)s and id = %(cause)s and state = 'open' "
        "on conflict (tenant, cause) do update set proposed = excluded.proposed, "
        "proposed_at = excluded.proposed_at",
        {"tenant": tenant, "cause": cause_id, "proposed": Jsonb(dict(proposed))},
    )


async def to_look_up(
    conn: Connection, tenant: str, codes: Collection[str], *, old: timedelta, limit: int
) -> tuple[DraftRow, ...]:
    """Those for which nothing is said, and nothing was looked up for so long."""
    query = (
        f"{_SELECT} and c.code = any(%(codes)s) and d.mend is null "
        "and (d.proposed_at is null or d.proposed_at < now() - %(old)s) "
        "order by d.proposed_at nulls first, c.due_at, c.id limit %(limit)s"
    )
    given = {"tenant": tenant, "codes": list(codes), "old": old, "limit": limit}
    return await fetch(conn, DraftRow, query, given)


async def take_all(conn: Connection, tenant: str, codes: Collection[str], *, by: str) -> int:
    """All that is certain and that nobody has said anything against is said; how many."""
    done = await conn.execute(
        (
            "update mend_drafts d set mend = proposed -> 'mend', said_by = %(by)s, "  # noqa: S608 - of constants
            "said_at = now(), version = version + 1 from causes c "
            "where c.tenant = %(tenant)s and c.state = 'open' and c.code = any(%(codes)s) "
            f"and d.tenant = c.tenant and d.cause = c.id and {_CERTAIN}"
        ).encode(),
        {"tenant": tenant, "codes": list(codes), "by": by},
    )
    return done.rowcount


#: Open cases of the causes for which something is said; of a change that asks twice, one.
_FILLED = """
select id as key, given from (
  select distinct on (e.change_id) e.id, e.opened_at, c.due_at, c.id as cause,
    jsonb_build_object('mend', d.mend, 'cause', c.id, 'said_by', d.said_by) as given
  from causes c
    join mend_drafts d on d.tenant = c.tenant and d.cause = c.id and d.mend is not null
    join exceptions e on e.tenant = c.tenant and e.cause = c.id and e.state = 'open'
  where c.tenant = %(tenant)s and c.state = 'open' and c.code = any(%(codes)s)
  order by e.change_id, e.track desc, e.opened_at) cases
order by due_at, cause, opened_at, id
"""


async def freeze(conn: Connection, tenant: str, batch_id: str, codes: Collection[str]) -> int:
    """The cases of all for which something is said onto the list, each with that; how many."""
    return await batches.add_found(conn, tenant, batch_id, _FILLED, {"codes": list(codes)})
