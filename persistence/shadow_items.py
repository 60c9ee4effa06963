"""What is looked for in other systems for a tenant in shadow, and what was found of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from canonical_models.documents import BillingDocument
from canonical_models.shadow import (
    Expected,
    ExpectedDocument,
    ExpectedFeatures,
    ShadowAbout,
    ShadowDifference,
    ShadowItem,
    ShadowKind,
    ShadowState,
)
from persistence.connection import Connection
from persistence.rows import all_of, columns, fetch

_SELECT = f"select {columns(ShadowItem)} from shadow_items"  # noqa: S608 - put together from constants

#: What is expected anew is looked for anew.
_PUT = """
insert into shadow_items (tenant, about, key, change_id, subject, customer_id, number, legal_entity,
  expected, differences, planned_at, since)
values (%(tenant)s, %(about)s, %(key)s, %(change)s, %(subject)s, %(customer)s, %(number)s,
  %(entity)s, %(expected)s, '[]', clock_timestamp(), clock_timestamp())
on conflict (tenant, about, key) do update set change_id = excluded.change_id,
  number = excluded.number, legal_entity = excluded.legal_entity, expected = excluded.expected,
  tried_at = null
where shadow_items.expected is distinct from excluded.expected
"""

#: What billing has moved since: the document is looked for again.
_MOVED = """
update shadow_items set tried_at = null,
  expected = jsonb_set(expected || jsonb_build_object('void', moved.void), '{remaining,minor}',
    to_jsonb(moved.minor))
from unnest(%(keys)s::text[], %(minor)s::bigint[], %(void)s::boolean[]) as moved (key, minor, void)
where tenant = %(tenant)s and about = 'document' and shadow_items.key = moved.key
  and expected is not null and (expected #>> '{remaining,minor}' <> moved.minor::text
    or (expected ->> 'void')::boolean <> moved.void)
"""

_DUE = """
select about, key, expected::text from shadow_items
where tenant = %(tenant)s and expected is not null
  and (tried_at is null or tried_at < %(before)s)
  and (%(keys)s::text[] = '{}' or about = 'document' and key = any(%(keys)s))
order by tried_at nulls first, about, key limit %(limit)s
"""

_LOOKED = """
update shadow_items set state = %(state)s, differences = %(differences)s, found = %(found)s,
  since = case when state = %(state)s and (state <> 'differs' or differences = %(differences)s)
    then since else clock_timestamp() end,
  compared_at = clock_timestamp(), tried_at = clock_timestamp()
where tenant = %(tenant)s and about = %(about)s and key = %(key)s
"""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be looked for: `expected` is JSON of what its kind expects."""

    about: ShadowAbout
    key: str
    expected: str


async def expect(
    conn: Connection,
    tenant: str,
    change_id: str,
    subject: str,
    customer_id: str,
    expected: Expected,
) -> None:
    """What this change would have made is looked for from now on; what is as it was stays."""
    rows: list[tuple[ShadowAbout, str, str | None, str | None, Any]] = [
        (ShadowAbout.DOCUMENT, each.document_id, each.number, each.legal_entity, each)
        for each in expected.documents
    ]
    if (support := expected.support) is not None:
        rows.append((ShadowAbout.SUPPORT, support.organization, None, None, support))
    rows += [(ShadowAbout.TARGET, key_of(each), None, None, each) for each in expected.targets]
    for about, key, number, entity, wanted in rows:
        await conn.execute(
            _PUT,
            {
                "tenant": tenant,
                "about": about,
                "key": key,
                "change": change_id,
                "subject": subject,
                "customer": customer_id,
                "number": number,
                "entity": entity,
                "expected": Jsonb(wanted.model_dump(mode="json")),
            },
        )


def key_of(features: ExpectedFeatures) -> str:
    return f"{features.target}/{features.customer_id}"


async def moved(conn: Connection, tenant: str, shown: Collection[BillingDocument]) -> None:
    """As billing shows documents now: what is open of those that are looked for, and which are
    void."""
    await conn.execute(
        _MOVED,
        {
            "tenant": tenant,
            "keys": [each.document_id for each in shown],
            "minor": [0 if each.void else each.remaining.minor for each in shown],
            "void": [each.void for each in shown],
        },
    )


async def due(
    conn: Connection, tenant: str, *, before: datetime, keys: Collection[str] = (), limit: int
) -> tuple[Due, ...]:
    """What was not looked for since then, the longest ago first; of these documents alone where
    any are named."""
    found = await conn.execute(
        _DUE, {"tenant": tenant, "before": before, "keys": list(keys), "limit": limit}
    )
    return tuple(
        Due(ShadowAbout(about), key, expected) for about, key, expected in await found.fetchall()
    )


async def looked(
    conn: Connection,
    tenant: str,
    about: ShadowAbout,
    key: str,
    *,
    state: ShadowState,
    differences: Collection[ShadowDifference],
    found: Collection[str],
) -> None:
    await conn.execute(
        _LOOKED,
        {
            "tenant": tenant,
            "about": about,
            "key": key,
            "state": state,
            "differences": Jsonb([each.model_dump(mode="json") for each in differences]),
            "found": list(found),
        },
    )


async def not_looked(conn: Connection, tenant: str, about: ShadowAbout, key: str) -> None:
    """It could not be read: what was seen before stays, and its turn comes after all others."""
    await conn.execute(
        "update shadow_items set tried_at = clock_timestamp() "
        "where tenant = %s and about = %s and key = %s",
        (tenant, about, key),
    )


async def page(
    conn: Connection,
    tenant: str,
    *,
    state: ShadowState | None = None,
    kind: ShadowKind | None = None,
    customer_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ShadowItem, ...]:
    """Oldest first; `after` is `planned_at` and `about/key` of the last one seen."""
    at, last = after or (None, None)
    which = all_of(
        {
            "state = %(state)s": state,
            "differences @> %(kind)s": kind,
            "customer_id = %(customer)s": customer_id,
            "(planned_at, about || '/' || key) > (%(at)s, %(last)s)": after,
        }
    )
    return await fetch(
        conn,
        ShadowItem,
        f"{_SELECT} where tenant = %(tenant)s and {which} "
        "order by planned_at, about || '/' || key limit %(limit)s",
        {
            "tenant": tenant,
            "state": state,
            "kind": Jsonb([{"kind": kind}]),
            "customer": customer_id,
            "at": at,
            "last": last,
            "limit": limit,
        },
    )


async def of_change(conn: Connection, tenant: str, change_id: str) -> tuple[ShadowItem, ...]:
    query = f"{_SELECT} where tenant = %s and change_id = %s order by about, key"
    return await fetch(conn, ShadowItem, query, (tenant, change_id))


async def expected_document(
    conn: Connection, tenant: str, document_id: str
) -> ExpectedDocument | None:
    found = await conn.execute(
        "select expected::text from shadow_items "
        "where tenant = %s and about = 'document' and key = %s and expected is not null",
        (tenant, document_id),
    )
    row = await found.fetchone()
    return ExpectedDocument.model_validate_json(row[0]) if row else None
