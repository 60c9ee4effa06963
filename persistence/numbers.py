"""The cases behind each number, and what they come to over a stretch of time.

A case has begun, is done or not yet, and is due at some time. It is judged when it is done or when
it is due, whichever is first, and so counts once, and at once where it is late. What is judged in
the stretch of time is what a number is about; what is neither done nor due is not counted yet.
Each query finds a few of these by an index of their end, and all that is still open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from canonical_models.process import SUPPORT_TARGET, ProcessKind
from persistence.connection import Connection
from persistence.tables.documents import DIFFERS


class Number(StrEnum):
    POSTING = "posting"
    ACTIVATION = "activation"
    MAPPINGS = "mappings"
    INVOICES = "invoices"
    FRESHNESS = "freshness"
    REPLAYS = "replays"
    RESOLUTION = "resolution"
    RENEWALS = "renewals"


@dataclass(frozen=True, slots=True)
class Measured:
    """`good` of the `cases` kept what is promised, `open` are not done. Times are in seconds, of
    what is open up to now; None where the number is of no time, or there is no case."""

    cases: int
    good: int
    open: int
    median: float | None
    p95: float | None


#: What stands in the queries below for what is the same in all of them.
_WORDS = {
    ":promised": "%(seconds)s::float * interval '1 second'",
    ":since": "now() - %(window)s::interval",
    ":process": ProcessKind.ENTITLEMENT.value,
    ":support": SUPPORT_TARGET,
    ":differs": DIFFERS,
}

#: From the webhook to the effect of its change; one by one, for else all changes that there ever
#: were are read for those of a month.
_EFFECT = """
select c.received_at as began, e.confirmed_at as done, c.received_at + :promised as due
from effects e, lateral (
  select received_at from changes where tenant = e.tenant and id = e.change_id offset 0) as c
where e.tenant = %(tenant)s and e.system = ':system' and e.operation like ':operation'
  and e.confirmed_at > :since
"""

#: A track of a change that waits for a person: nobody knows yet what else it will do.
_ASKED = """
select c.received_at, null, c.received_at + :promised
from exceptions x join changes c on c.tenant = x.tenant and c.id = x.change_id
where x.tenant = %(tenant)s and x.state = 'open' and x.track = ':track'
"""

#: What somebody was to be told of a customer, since when there is news.
_BEHIND = """
select p.changed_at, null, p.changed_at + :promised
from target_states t join processes p on p.workflow_id =
  ':process/' || t.tenant || '/' || t.customer_id || '/' || t.target
where t.tenant = %(tenant)s and t.state <> 'current' and t.target :which ':support'
"""


def _with(query: str, **words: str) -> str:
    for name, word in words.items():
        query = query.replace(f":{name}", word)
    return query


_TIMED = {
    Number.POSTING: (
        _with(_EFFECT, system="erp", operation="post %%"),
        _with(_ASKED, track="books"),
    ),
    Number.ACTIVATION: (
        _with(_EFFECT, system="entitlements", operation="%%"),
        _with(_ASKED, track="access"),
        _with(_BEHIND, which="<>"),
    ),
    Number.FRESHNESS: (
        _with(_EFFECT, system="support", operation="publish entitlement"),
        _with(_ASKED, track="access"),
        _with(_BEHIND, which="="),
    ),
    Number.RESOLUTION: (
        """
select opened_at as began, resolved_at as done, coalesce(opened_at + :promised, due_at) as due
from exceptions where tenant = %(tenant)s and state = 'resolved' and resolved_at > :since
""",
        """
select opened_at, null, coalesce(opened_at + :promised, due_at)
from exceptions where tenant = %(tenant)s and state = 'open'
""",
    ),
    Number.RENEWALS: (
        """
select occurred_at as began, settled_at as done, occurred_at + :promised as due
from changes where tenant = %(tenant)s and kind = 'renewal' and state = 'settled'
  and outcome in ('completed', 'no_change') and settled_at > :since
""",
        """
select renews_at, null, renews_at + :promised
from contracts where tenant = %(tenant)s and renews_at < now()
  -- Of a tenant in shadow a renewal is planned, and agreed by nobody.
  and not exists (select from changes c where c.tenant = contracts.tenant
    and c.subject = contracts.subscription_id and c.outcome = 'shadowed'
    and c.settled_at >= contracts.renews_at)
""",
    ),
}

#: The same of what is no time: when it was judged, and how.
_JUDGED = {
    # By customer: one that was asked about and mapped then has failed.
    Number.MAPPINGS: """
select max(at) as at, bool_and(good) as good from (
  select source as customer_id, set_at as at, true as good
  from mappings where tenant = %(tenant)s and kind = 'account' and set_at > :since
  union all
  select customer_id, opened_at, false from exceptions
  where tenant = %(tenant)s and state in ('open', 'resolved') and opened_at > :since
    and code in ('account_unmapped', 'account_ambiguous') and customer_id is not null
) as found group by customer_id
""",
    Number.INVOICES: """
select issued_at + :promised as at, not :differs as good from documents
where tenant = %(tenant)s and issued_at > :since - :promised
  and issued_at <= now() - :promised and state <> 'before_cutover' and hold is null
""",
    Number.REPLAYS: """
select settled_at as at, replays = 0 as good from inbox
where tenant = %(tenant)s and settled_at > :since
""",
}


def _of_time(cases: tuple[str, ...]) -> str:
    return f"""
with cases as ({"union all".join(cases)}),
judged as (
  select extract(epoch from coalesce(done, now()) - began)::float as seconds,
    coalesce(done <= due, false) as good, done is null as open
  from cases where least(done, due) > :since and least(done, due) <= now()
)
select count(*), count(*) filter (where good), count(*) filter (where open),
  percentile_cont(0.5) within group (order by seconds),
  percentile_cont(0.95) within group (order by seconds)
from judged
"""  # noqa: S608 - put together from constants


def _of_share(judged: str) -> str:
    return f"""
select count(*), count(*) filter (where good), 0::bigint, null::float8, null::float8
from ({judged}) as judged
"""  # noqa: S608 - put together from constants


def _said(statement: str) -> str:
    for name, words in _WORDS.items():
        statement = statement.replace(name, words)
    return statement


STATEMENTS = {
    number: _said(statement)
    for number, statement in (
        *((number, _of_time(cases)) for number, cases in _TIMED.items()),
        *((number, _of_share(judged)) for number, judged in _JUDGED.items()),
    )
}


def _daily(timed: tuple[str, ...] | None, judged: str | None) -> str:
    of = (
        judged
        or f"""
select least(done, due) as at, coalesce(done <= due, false) as good
from ({"union all".join(timed or ())}) as cases
where least(done, due) > :since and least(done, due) <= now()
"""  # noqa: S608 - put together from constants
    )
    return _said(f"""
select floor(extract(epoch from now() - at) / 86400)::int as day, count(*) as cases,
  count(*) filter (where good) as good
from ({of}) as judged group by 1
""")  # noqa: S608 - put together from constants


_DAILY = {
    **{number: _daily(cases, None) for number, cases in _TIMED.items()},
    **{number: _daily(None, judged) for number, judged in _JUDGED.items()},
}


@dataclass(frozen=True, slots=True)
class DayCounted:
    """Of what was judged in the 24 hours that ended `day` times 24 hours ago."""

    day: int
    cases: int
    good: int


async def daily(
    conn: Connection, tenant: str, seconds: Mapping[Number, float | None], *, days: int
) -> dict[Number, tuple[DayCounted, ...]]:
    """Of these numbers, each with what is promised, the days on which something was judged, the
    newest first; in one statement."""
    given: dict[str, Any] = {"tenant": tenant, "window": timedelta(days=days)}
    parts = []
    for number, promised in seconds.items():
        given[f"seconds_{number.value}"] = promised
        named = _DAILY[number].replace("%(seconds)s", f"%(seconds_{number.value})s")
        parts.append(f"select '{number.value}' as number, d.* from ({named}) as d")  # noqa: S608 - put together from constants
    found = await conn.execute(f"{' union all '.join(parts)} order by 1, 2".encode(), given)
    told: dict[Number, list[DayCounted]] = {number: [] for number in seconds}
    for number, day, cases, good in await found.fetchall():
        told[Number(number)].append(DayCounted(day, cases, good))
    return {number: tuple(each) for number, each in told.items()}


async def measures(
    conn: Connection,
    tenant: str,
    seconds: Mapping[Number, float | None],
    windows: Sequence[timedelta],
) -> tuple[dict[Number, Measured], ...]:
    """As `measure`, of all of these over each window, in one statement."""
    given: dict[str, Any] = {"tenant": tenant}
    parts = []
    for place, window in enumerate(windows):
        given[f"window_{place}"] = window
        for number, promised in seconds.items():
            given[f"seconds_{number.value}"] = promised
            named = STATEMENTS[number].replace("%(seconds)s", f"%(seconds_{number.value})s")
            named = named.replace("%(window)s", f"%(window_{place})s")
            parts.append(
                f"select {place}, '{number.value}', m.* from ({named}) as m (c, g, o, m, p)"  # noqa: S608 - put together from constants
            )
    found = await conn.execute(" union all ".join(parts).encode(), given)
    told: list[dict[Number, Measured]] = [{} for _ in windows]
    for place, number, *measured in await found.fetchall():
        told[place][Number(number)] = Measured(*measured)
    return tuple(told)


async def measure(
    conn: Connection, tenant: str, number: Number, *, seconds: float | None, window: timedelta
) -> Measured:
    """Of what was judged within the `window` up to now; `seconds` are promised."""
    found = await conn.execute(
        STATEMENTS[number].encode(), {"tenant": tenant, "seconds": seconds, "window": window}
    )
    row = await found.fetchone()
    if row is None:
        raise AssertionError("an aggregate has a row")
    return Measured(*row)
