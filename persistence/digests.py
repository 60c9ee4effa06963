"""What a team has not been told yet by mail, and how far it was told: the stream of a team.

Whoever looks claims the team for a while and holds no lock meanwhile: what it then sends is told
once it has said so. A crash between the two has the next one send the same again, and lose nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from canonical_models.base import Canonical, Instant
from canonical_models.failures import Team
from canonical_models.money import Money
from canonical_models.streams import MAIL_PREFIX, MAIL_TYPES
from persistence.connection import Connection
from persistence.rows import fetch

#: Ids that are told of one cause.
EXAMPLES = 5


@dataclass(frozen=True)
class Claim:
    """`until` names it: who is late and finds another one has nothing to say."""

    tenant: str
    team: Team
    told_to: datetime | None
    until: datetime
    failures: int


class Told(Canonical):
    """Open questions of one cause of which the same has come about: `new`, `late`, or `escalated`.
    `amounts` hold one sum a currency; of `unknown` nobody knows what is at risk."""

    what: str
    code: str
    count: int
    unknown: int
    amounts: tuple[Money, ...]
    #: The oldest few.
    exception_ids: tuple[str, ...]


@dataclass(frozen=True)
class News:
    """All that came about until `up_to`; `open` and `late` are those of the team now."""

    up_to: datetime
    told: tuple[Told, ...]
    open: int
    late: int


class Digest(Canonical):
    """How far a team was told. `failing_since` while the mail server does not take it."""

    tenant: str
    team: str
    told_to: Instant | None
    sent_at: Instant | None
    failures: int
    failing_since: Instant | None
    error: str | None


_CLAIM = """
update streams set claimed_until = now() + %(patience)s
where id = %(id)s and due_at <= now()
  and (claimed_until is null or claimed_until <= now())
returning told_to, claimed_until, failures
"""

# What a transaction that is still open writes is as old as its beginning: nothing newer than the
# oldest of ours is told yet, so that nothing comes about behind what was told.
_UP_TO = """
select least(now(), (
  select min(xact_start) from pg_stat_activity
  where datname = current_database() and application_name = 'trueup'
)) - interval '1 second'
"""

_NEWS = """
with asked as (
  select id, code, cause, change_id, track, at_risk_minor, at_risk_currency, opened_at, what
  from exceptions, lateral (
    values ('new', opened_at), ('late', due_at), ('escalated', escalated_at)
  ) as came(what, at)
  where tenant = %(tenant)s and owner = %(team)s and state = 'open'
    and at <= %(up_to)s and (%(told_to)s::timestamptz is null or at > %(told_to)s)
  union all
  -- A yes that is late may be theirs, too, from then on.
  select e.id, e.code, e.cause, e.change_id, e.track, at_risk_minor, at_risk_currency, opened_at,
    'escalated'
  from approval_requests r join exceptions e on e.tenant = r.tenant and e.subject = r.document_id
  where r.tenant = %(tenant)s and r.needs @> %(in_line)s and e.state = 'open'
    and e.code = 'approval_needed' and e.owner <> %(team)s and e.escalated_at <= %(up_to)s
    and (%(told_to)s::timestamptz is null or e.escalated_at > %(told_to)s)
), once as (
  -- As causes count it: of a change that asks the same twice, what its books say is at risk.
  select distinct on (what, cause, change_id) what, code, at_risk_currency as currency,
    at_risk_minor as minor, count(*) over (partition by what, cause, change_id) as cases
  from asked order by what, cause, change_id, at_risk_currency is null, track desc
), sums as (
  select what, code, currency, sum(minor)::bigint as minor
  from once where currency is not null group by 1, 2, 3
)
select what, code, count(*) as count,
  (select coalesce(sum(cases), 0)::bigint from once
   where (once.what, once.code) = (asked.what, asked.code) and currency is null) as unknown,
  (select coalesce(jsonb_agg(jsonb_build_object('minor', minor, 'currency', currency)
                             order by currency), '[]')
   from sums where (sums.what, sums.code) = (asked.what, asked.code)) as amounts,
  (array_agg(id order by opened_at, id))[:%(examples)s] as exception_ids
from asked group by what, code
order by array_position(array['new', 'late', 'escalated'], what), count(*) desc, code
"""

_STANDING = """
select count(*), count(*) filter (where due_at < now()) from exceptions
where tenant = %s and owner = %s and state = 'open'
"""


async def claim(conn: Connection, tenant: str, team: Team, *, patience: timedelta) -> Claim | None:
    """None where nobody is to look yet, or somebody does."""
    whose = {"id": _id(tenant, team), "tenant": tenant, "team": team.value}
    await conn.execute(
        "insert into streams (id, tenant, name, transport, types, team, added_by) "
        "values (%(id)s, %(tenant)s, %(name)s, 'mail', %(types)s, %(team)s, 'settings') "
        "on conflict do nothing",
        whose | {"name": f"{MAIL_PREFIX}{team.value}", "types": list(MAIL_TYPES)},
    )
    found = await conn.execute(_CLAIM, whose | {"patience": patience})
    row = await found.fetchone()
    return None if row is None else Claim(tenant, team, row[0], row[1], row[2])


async def news(conn: Connection, claimed: Claim) -> News:
    """Read on a connection where each statement is a transaction of its own."""
    (up_to,) = await (await conn.execute(_UP_TO)).fetchone() or (None,)
    if up_to is None:
        raise AssertionError("the database always has a time")
    whose = {
        "tenant": claimed.tenant,
        "team": claimed.team.value,
        "in_line": Jsonb([{"then": [claimed.team.value]}]),
    }
    told = await fetch(
        conn,
        Told,
        _NEWS,
        whose | {"told_to": claimed.told_to, "up_to": up_to, "examples": EXAMPLES},
    )
    standing = await conn.execute(_STANDING, (claimed.tenant, claimed.team.value))
    open_, late = await standing.fetchone() or (0, 0)
    return News(up_to=up_to, told=told, open=open_, late=late)


async def told(
    conn: Connection,
    claimed: Claim,
    *,
    to: datetime,
    sent: bool,
    every: timedelta,
    error: str | None,
) -> None:
    """The team knows all until then; `error` is of addresses that did not take it."""
    await conn.execute(
        "update streams set told_to = %(to)s, due_at = now() + %(every)s, claimed_until = null, "
        "sent_at = case when %(sent)s then now() else sent_at end, "
        "error = case when %(sent)s then %(error)s else error end, "
        "failures = 0, failing_since = null "
        "where id = %(id)s and claimed_until = %(until)s",
        {"to": to, "every": every, "sent": sent, "error": error} | _which(claimed),
    )


async def failed(conn: Connection, claimed: Claim, *, error: str, again_in: timedelta) -> None:
    await conn.execute(
        "update streams set failures = failures + 1, due_at = now() + %(again_in)s, "
        "claimed_until = null, error = %(error)s, failing_since = coalesce(failing_since, now()) "
        "where id = %(id)s and claimed_until = %(until)s",
        {"error": error, "again_in": again_in} | _which(claimed),
    )


async def all_of(conn: Connection) -> tuple[Digest, ...]:
    return await fetch(
        conn,
        Digest,
        "select tenant, team, told_to, sent_at, failures, failing_since, error from streams "
        "where transport = 'mail' order by tenant, team",
        (),
    )


def _which(claimed: Claim) -> dict[str, object]:
    return {"id": _id(claimed.tenant, claimed.team), "until": claimed.until}


def _id(tenant: str, team: Team) -> str:
    return f"mail/{tenant}/{team.value}"
