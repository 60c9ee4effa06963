"""Batches that take customers over: which of them there are, and what they were begun with."""

from datetime import datetime
from typing import Any

from canonical_models.adoption import Adoption
from canonical_models.batch import BatchKind
from persistence import batches
from persistence.connection import Connection

_THESE = "tenant = %(tenant)s and kind = 'adopt'"


async def get(conn: Connection, tenant: str, adoption_id: str) -> Adoption | None:
    return await _one(conn, "id = %(id)s", {"tenant": tenant, "id": adoption_id})


async def newest(conn: Connection, tenant: str, *, unfinished: bool = False) -> Adoption | None:
    """The one that began last; with `unfinished`, of those that have not come to their end."""
    return await _one(
        conn,
        "(state in ('running', 'paused') or not %(unfinished)s)",
        {"tenant": tenant, "unfinished": unfinished},
    )


async def rehearsed(
    conn: Connection, tenant: str, *, cutover: datetime, customer: str | None
) -> Adoption | None:
    """The newest rehearsal of this cutover that came to its end, of the customer or of all."""
    return await _one(
        conn,
        "state = 'ended' and (given ->> 'rehearsal')::boolean "
        "and (given ->> 'cutover')::timestamptz = %(cutover)s "
        "and coalesce(given ->> 'customer' = %(customer)s, given ->> 'customer' is null)",
        {"tenant": tenant, "cutover": cutover, "customer": customer},
    )


async def _one(conn: Connection, condition: str, values: dict[str, Any]) -> Adoption | None:
    query = f"select id from batches where {_THESE} and {condition} order by begun_at desc limit 1"  # noqa: S608 - put together from constants
    row = await (await conn.execute(query.encode(), values)).fetchone()
    found = await batches.get(conn, values["tenant"], row[0]) if row else None
    return None if found is None or found.kind is not BatchKind.ADOPT else Adoption.of(found)
