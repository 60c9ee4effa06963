"""Adoptions: how far each has come, and the customers that it has behind it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg
from pydantic import TypeAdapter

from canonical_models.adoption import (
    AdoptedCustomer,
    Adoption,
    AdoptionResult,
    Finding,
)
from persistence.connection import Connection

_FINDINGS = TypeAdapter(tuple[Finding, ...])

_JSON = """
json_build_object('adoption_id', a.id, 'rehearsal', a.rehearsal, 'customer', a.customer_id,
  'cutover', a.cutover, 'state', a.state, 'counts', a.counts, 'started_by', a.started_by,
  'error', a.error, 'started_at', a.started_at, 'ended_at', a.ended_at)::text
"""

_COUNTED = """
select coalesce(jsonb_object_agg(result, customers), '{}') from (
  select result, count(*) as customers from adoption_customers
  where tenant = %(tenant)s and adoption_id = %(id)s group by result) counted
"""

_ADVANCE = f"""
update adoptions set cursor = %(next)s, counts = ({_COUNTED}),
  state = case when %(next)s::text is null then 'ended' else state end,
  ended_at = case when %(next)s::text is null then clock_timestamp() end
where tenant = %(tenant)s and id = %(id)s and state = 'running'
  and cursor is not distinct from %(cursor)s
"""  # noqa: S608 - put together from constants

_STOP = f"""
update adoptions set state = 'stopped', error = %(error)s, counts = ({_COUNTED}),
  ended_at = clock_timestamp()
where tenant = %(tenant)s and id = %(id)s and state = 'running'
"""  # noqa: S608 - put together from constants


class AlreadyRuns(Exception):
    """Another adoption of the tenant has not ended."""


async def begin(
    conn: Connection,
    tenant: str,
    adoption_id: str,
    *,
    rehearsal: bool,
    cutover: datetime,
    customer: str | None,
    by: str,
) -> None:
    """Raises AlreadyRuns."""
    try:
        await conn.execute(
            "insert into adoptions (tenant, id, rehearsal, customer_id, cutover, started_by, "
            "started_at) values (%s, %s, %s, %s, %s, %s, clock_timestamp())",
            (tenant, adoption_id, rehearsal, customer, cutover, by),
        )
    except psycopg.errors.UniqueViolation as fault:
        raise AlreadyRuns from fault


async def resume(conn: Connection, tenant: str, adoption_id: str) -> None:
    """It runs again from where it was. Raises AlreadyRuns where another does."""
    try:
        await conn.execute(
            "update adoptions set state = 'running', error = null, ended_at = null "
            "where tenant = %s and id = %s and state = 'stopped'",
            (tenant, adoption_id),
        )
    except psycopg.errors.UniqueViolation as fault:
        raise AlreadyRuns from fault


async def get(conn: Connection, tenant: str, adoption_id: str) -> Adoption | None:
    return await _one(conn, "a.id = %(id)s", {"tenant": tenant, "id": adoption_id})


async def newest(conn: Connection, tenant: str, *, unfinished: bool = False) -> Adoption | None:
    """The one that began last; with `unfinished`, of those that have not come to their end."""
    return await _one(
        conn,
        "(a.state <> 'ended' or not %(unfinished)s)",
        {"tenant": tenant, "unfinished": unfinished},
    )


async def rehearsed(
    conn: Connection, tenant: str, *, cutover: datetime, customer: str | None
) -> Adoption | None:
    """The newest rehearsal of this cutover that came to its end, of the customer or of all."""
    return await _one(
        conn,
        "a.rehearsal and a.state = 'ended' and a.cutover = %(cutover)s "
        "and (a.customer_id is null or a.customer_id = %(customer)s)",
        {"tenant": tenant, "cutover": cutover, "customer": customer},
    )


async def cursor(conn: Connection, tenant: str, adoption_id: str) -> tuple[str | None, bool]:
    """(where the next page begins, whether it still runs)."""
    found = await conn.execute(
        "select cursor, state = 'running' from adoptions where tenant = %s and id = %s",
        (tenant, adoption_id),
    )
    return await found.fetchone() or (None, False)


async def advance(
    conn: Connection,
    tenant: str,
    adoption_id: str,
    *,
    cursor: str | None,
    following: str | None,
) -> None:
    """The page at `cursor` is done; without a following one the adoption has ended. Nothing where
    another attempt of the page was first."""
    await conn.execute(
        _ADVANCE.encode(),
        {"tenant": tenant, "id": adoption_id, "cursor": cursor, "next": following},
    )


async def stop(conn: Connection, tenant: str, adoption_id: str, *, error: str) -> None:
    await conn.execute(_STOP.encode(), {"tenant": tenant, "id": adoption_id, "error": error[:2000]})


async def counted(conn: Connection, tenant: str, adoption_id: str) -> dict[AdoptionResult, int]:
    """Customers by result, up to the last one that is done."""
    found = await conn.execute(_COUNTED, {"tenant": tenant, "id": adoption_id})
    row = await found.fetchone()
    return {AdoptionResult(result): count for result, count in (row[0] if row else {}).items()}


async def done(
    conn: Connection, tenant: str, adoption_id: str, customers: Collection[str]
) -> set[str]:
    """Which of them this adoption has behind it."""
    found = await conn.execute(
        "select customer_id from adoption_customers "
        "where tenant = %s and adoption_id = %s and customer_id = any(%s)",
        (tenant, adoption_id, list(customers)),
    )
    return {row[0] for row in await found.fetchall()}


async def record(conn: Connection, tenant: str, adoption_id: str, found: AdoptedCustomer) -> None:
    await conn.execute(
        "insert into adoption_customers (tenant, adoption_id, customer_id, result, causes, "
        "figures, at) values (%s, %s, %s, %s, %s::jsonb, %s::jsonb, clock_timestamp()) "
        "on conflict (tenant, adoption_id, customer_id) do update set result = excluded.result, "
        "causes = excluded.causes, figures = excluded.figures, at = excluded.at",
        (
            tenant,
            adoption_id,
            found.customer_id,
            found.result.value,
            _FINDINGS.dump_json(found.findings).decode(),
            found.figures.model_dump_json(),
        ),
    )


async def _one(conn: Connection, condition: str, values: dict[str, Any]) -> Adoption | None:
    query = f"select {_JSON} from adoptions a where a.tenant = %(tenant)s and {condition} "  # noqa: S608 - put together from constants
    found = await conn.execute((query + "order by a.started_at desc limit 1").encode(), values)
    row = await found.fetchone()
    return Adoption.model_validate_json(row[0]) if row else None
