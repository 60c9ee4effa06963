"""Erasing what is personal of a customer: the statements. Where it stands is in `personal`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from persistence.connection import Connection
from persistence.personal import KEPT, PLACES


@dataclass(frozen=True)
class Scope:
    """The customer, by the ids of what is theirs. `subjects` are those of changes, `names` are all
    ids that a webhook or an event may name."""

    tenant: str
    customer: str
    subjects: list[str]
    names: list[str]

    @property
    def values(self) -> dict[str, Any]:
        quoted = [f'"{name}"'.encode() for name in self.names]
        return {**vars(self), "quoted": quoted}


@dataclass(frozen=True)
class Erasure:
    """One that is begun: up to which webhook, and how many were erased by place."""

    id: int
    up_to: int
    counts: dict[str, int]
    begun_at: datetime


# A change's row need not name the customer: what does names the subscription as well.
_SCOPE = """
with theirs as (
  select subscription_id as id from changes
    where tenant = %(tenant)s and customer_id = %(customer)s
  union select subscription_id from documents
    where tenant = %(tenant)s and customer_id = %(customer)s
  union select subscription_id from contracts
    where tenant = %(tenant)s and customer_id = %(customer)s
  union select subscription_id from subscription_states
    where tenant = %(tenant)s and customer_id = %(customer)s
), subjects as (
  select id from theirs where id is not null union select 'account:' || %(customer)s
)
select array(select id from subjects order by 1), array(
  select id from subjects where id not like 'account:%%' union select %(customer)s
  union select document_id from documents
    where tenant = %(tenant)s and customer_id = %(customer)s
  union select settlement_id from settlements
    where tenant = %(tenant)s and customer_id = %(customer)s
  order by 1)
"""


async def scope(conn: Connection, tenant: str, customer: str) -> Scope:
    found = await conn.execute(_SCOPE, {"tenant": tenant, "customer": customer})
    subjects, names = await found.fetchone() or ([], [])
    return Scope(tenant, customer, subjects, names)


#: What has to end first, by what it is called: ids, some of them.
_OPEN = {
    "changes": "select id from changes where tenant = %(tenant)s and subject = any(%(subjects)s) "
    "and state <> 'settled' order by seq",
    "exceptions": "select id from exceptions where tenant = %(tenant)s and state = 'open' "
    "and (customer_id = %(customer)s or belongs_to = any(%(subjects)s)) order by opened_at",
    "overdue invoices": "select invoice_id from dunning_cases where tenant = %(tenant)s "
    "and customer_id = %(customer)s and stage <> 'closed' order by 1",
    "subscriptions": "select subscription_id from contracts where tenant = %(tenant)s "
    "and customer_id = %(customer)s and renews_at is not null order by 1",
    "webhooks": "select receipt from inbox where tenant = %(tenant)s and status = 'received' "
    "and exists (select from unnest(%(quoted)s::bytea[]) as name "
    "where position(name in body) > 0) order by id",
}
_SOME = 5


async def open_of(conn: Connection, theirs: Scope) -> dict[str, list[str]]:
    """What of the customer goes on, by what it is called: the first of each."""
    still = {}
    for what, query in _OPEN.items():
        found = await conn.execute(f"{query} limit {_SOME}".encode(), theirs.values)
        if ids := [row[0] for row in await found.fetchall()]:
            still[what] = ids
    return still


async def begin(conn: Connection, tenant: str, customer: str, *, by: str) -> Erasure:
    """A new one, or the one that was broken off."""
    await conn.execute(
        "insert into erasures (tenant, customer_id, asked_by) values (%s, %s, %s) "
        "on conflict (tenant, customer_id) where ended_at is null do nothing",
        (tenant, customer, by),
    )
    found = await conn.execute(
        "select id, inbox_up_to, counts, begun_at from erasures "
        "where tenant = %s and customer_id = %s and ended_at is null for update",
        (tenant, customer),
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("an erasure that was just begun is not there")
    return Erasure(*row)


_BATCH = 200

# What belongs to a change of somebody else is not looked through.
_BODIES = """
with batch as materialized (
  select id, change_id, status, body from inbox where tenant = %(tenant)s and id > %(up_to)s
  order by id limit {batch}
), found as materialized (
  select id, status from batch where octet_length(body) > 0 and case
    when change_id is null then
      exists (select from unnest(%(quoted)s::bytea[]) as name where position(name in body) > 0)
    else change_id in (
      select id from changes where tenant = %(tenant)s and subject = any(%(subjects)s))
    end
){erased}
select (select max(id) from batch), (select count(*) from found),
  (select count(*) from found where status = 'received')
"""
_ERASED = """, erased as (
  update inbox set body = '', reason = 'its body was erased with what is personal of its customer'
  from found where inbox.id = found.id and found.status <> 'received'
)"""


async def bodies(
    conn: Connection, theirs: Scope, *, after: int, erase: bool
) -> tuple[int | None, int, int]:
    """Of the next webhooks behind `after` (an inbox id): the last that was looked at, None at the
    end; how many bodies are of the customer; and how many of these still wait to be read, which
    stay."""
    statement = _BODIES.format(batch=_BATCH, erased=_ERASED if erase else "")
    found = await conn.execute(statement.encode(), {**theirs.values, "up_to": after})
    return await found.fetchone() or (None, 0, 0)


async def reached(conn: Connection, erasure: Erasure) -> None:
    await conn.execute(
        "update erasures set inbox_up_to = %s, counts = %s where id = %s",
        (erasure.up_to, Jsonb(erasure.counts), erasure.id),
    )


async def places(conn: Connection, theirs: Scope, *, erase: bool) -> dict[str, int]:
    """How many rows hold something, by the name of the place; erased, if that is wanted."""
    counts = {}
    for place in PLACES:
        which = f"tenant = %(tenant)s and {place.of} and {place.holds}"
        if erase:
            update = f"update {place.table} set {place.erase} where {which}"  # noqa: S608 - from constants
            done = await conn.execute(update.encode(), theirs.values)
            counts[place.name] = done.rowcount
        else:
            counts[place.name] = await _count(conn, place.table, which, theirs)
    return counts


async def kept(conn: Connection, theirs: Scope) -> dict[str, int]:
    """How many rows stay, by table."""
    return {
        table: await _count(conn, table, f"tenant = %(tenant)s and {of}", theirs)
        for table, (of, _) in KEPT.items()
    }


async def ended(conn: Connection, erasure: Erasure) -> datetime:
    found = await conn.execute(
        "update erasures set counts = %s, ended_at = now() where id = %s returning ended_at",
        (Jsonb(erasure.counts), erasure.id),
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("an erasure that is under way is not there")
    at: datetime = row[0]
    return at


async def _count(conn: Connection, table: str, which: str, theirs: Scope) -> int:
    query = f"select count(*) from {table} where {which}"  # noqa: S608 - from constants
    found = await conn.execute(query.encode(), theirs.values)
    row = await found.fetchone()
    return row[0] if row else 0
