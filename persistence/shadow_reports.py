"""How far what others do agrees with what a tenant in shadow would have done, counted."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from canonical_models.shadow import (
    ShadowAsked,
    ShadowItem,
    ShadowKind,
    ShadowState,
    ShadowWeek,
)
from persistence.connection import Connection
from persistence.rows import columns, fetch, fetch_one
from persistence.together import together

_CHANGES = "select count(*), min(planned_at) from shadow_changes where tenant = %s"

#: What was erased is looked for no more.
_ITEMS = """
select state, count(*), count(*) filter (where about = 'document'), max(since), min(compared_at),
  count(*) filter (where planned_at < clock_timestamp() - %s), count(*) filter
  (where compared_at is null)
from shadow_items where tenant = %s and expected is not null group by state
"""

_KINDS = """
select difference ->> 'kind', count(distinct (about, key))
from shadow_items, jsonb_array_elements(differences) difference
where tenant = %s and state = 'differs' and expected is not null group by 1 order by 2 desc, 1
"""

#: Of the newest change of each subject.
_ASKED = """
select code, count(*) as subjects, min(change_id) as change_id, min(asked_about) as about from (
  select distinct on (subject) change_id, code, asked_about from shadow_changes
  where tenant = %s and foreseen is not null order by subject, seq desc) newest
where code is not null group by code order by count(*) desc, code
"""

#: When what the newest one goes through had last been a question before it.
_ANSWERED = """
select max(planned_at) from shadow_changes c where tenant = %s and code is null and exists (
  select from shadow_changes before where before.tenant = c.tenant and before.subject = c.subject
    and before.seq < c.seq and before.code is not null)
"""

_OLDEST = f"""
select {columns(ShadowItem)} from shadow_items
where tenant = %s and state = 'waiting' and expected is not null
order by planned_at, about, key limit 1
"""  # noqa: S608 - put together from constants

_WEEKS = """
select date_trunc('week', planned_at at time zone 'utc')::date as begins,
  count(*) filter (where state = 'agrees') as agree,
  count(*) filter (where state = 'differs') as differ,
  count(*) filter (where state = 'waiting') as waiting,
  count(*) filter (where state = 'agrees')::float
    / nullif(count(*) filter (where state <> 'waiting'), 0) as rate
from shadow_items where tenant = %s and expected is not null
group by 1 order by 1 desc limit %s
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Of what is looked for: how many, how many documents, since when the newest is so, and when
    the one was read that was read the longest ago. `late` were planned before what is allowed."""

    items: int = 0
    documents: int = 0
    since: datetime | None = None
    compared_at: datetime | None = None
    late: int = 0
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    changes: int
    first_planned_at: datetime | None
    items: dict[ShadowState, Counted] = field(default_factory=dict)
    differ_by: dict[ShadowKind, int] = field(default_factory=dict)
    asked: tuple[ShadowAsked, ...] = ()
    answered_at: datetime | None = None
    oldest: ShadowItem | None = None
    weeks: tuple[ShadowWeek, ...] = ()

    def of(self, state: ShadowState) -> Counted:
        return self.items.get(state, Counted())


async def figures(conn: Connection, tenant: str, *, late: timedelta, weeks: int) -> Figures:
    """Over all that is looked for; `weeks` of them at most."""
    row = await (await conn.execute(_CHANGES, (tenant,))).fetchone()
    changes, first = row or (0, None)
    found = await conn.execute(_ITEMS, (late, tenant))
    items = {ShadowState(row[0]): Counted(*row[1:]) for row in await found.fetchall()}
    kinds, asked, oldest, passed = await together(
        conn,
        lambda on: _kinds(on, tenant),
        lambda on: fetch(on, ShadowAsked, _ASKED, (tenant,)),
        lambda on: fetch_one(on, ShadowItem, _OLDEST, (tenant,)),
        lambda on: fetch(on, ShadowWeek, _WEEKS, (tenant, weeks)),
    )
    answered = await (await conn.execute(_ANSWERED, (tenant,))).fetchone()
    return Figures(
        changes=changes,
        first_planned_at=first,
        items=items,
        differ_by=kinds,
        asked=asked,
        answered_at=answered[0] if answered else None,
        oldest=oldest,
        weeks=passed,
    )


async def _kinds(conn: Connection, tenant: str) -> dict[ShadowKind, int]:
    found = await conn.execute(_KINDS, (tenant,))
    return {ShadowKind(kind): count for kind, count in await found.fetchall()}
