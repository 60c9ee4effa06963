"""Master data that people keep, effective-dated: a mapping ends where the next one begins."""

from collections.abc import Collection
from datetime import datetime

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.process import SUPPORT_TARGET, entitlement_process
from canonical_models.views import MappingView
from persistence import processes
from persistence.connection import Connection
from persistence.rows import all_of, fetch, fetch_one, select
from persistence.together import together

_ACCOUNTS = TypeAdapter(tuple[AccountMapping, ...])

_OF = "tenant = %(tenant)s and kind = %(kind)s and source = %(source)s"
_NOW = "valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp())"
_SELECT = select(MappingView, "mappings")

_ACCOUNTS_NOW = f"""
select coalesce(json_agg(target), '[]')::text from mappings
where tenant = %(tenant)s and kind = 'account' and source = any(%(customers)s) and {_NOW}
"""  # noqa: S608 - put together from constants

_NOTHING = (None,) * 5

#: From when a new one holds, the one that holds then, and when the next one begins.
_BEFORE = f"""
with new as materialized (select coalesce(%(at)s, clock_timestamp()) as begins)
select new.begins, held.id, held.valid_from, held.target,
  (select min(valid_from) from mappings where {_OF} and valid_from > new.begins)
from new left join mappings held on {_OF}
  and held.valid_from <= new.begins and (held.valid_to is null or held.valid_to > new.begins)
"""  # noqa: S608 - put together from constants


async def put(
    conn: Connection,
    tenant: str,
    mapping: AccountMapping | ItemMapping,
    *,
    by: str,
    valid_from: datetime | None = None,
) -> None:
    """From then on (None: from now on) this holds, until what was set for later begins. The
    mapping before it stays on record with its end; one that was to begin at the same time is
    replaced."""
    kind, source = _named(mapping)
    of = {"tenant": tenant, "kind": kind, "source": source}
    # Two that set the same must each see what the other has set.
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"mapping/{tenant}/{kind}/{source}",),
    )
    target = mapping.model_dump(mode="json")
    found = await conn.execute(_BEFORE.encode(), {**of, "at": valid_from})
    begins, held, held_since, held_target, ends = await found.fetchone() or _NOTHING
    if held_target == target:
        return
    if held is not None and held_since == begins:
        await conn.execute("delete from mappings where id = %s", (held,))
    elif held is not None:
        await conn.execute("update mappings set valid_to = %s where id = %s", (begins, held))
    await conn.execute(
        "insert into mappings (tenant, kind, source, target, valid_from, valid_to, set_by) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        (tenant, kind, source, Jsonb(target), begins, ends, by),
    )
    shown = "support_organization"
    if held is not None and held_target.get(shown) != target.get(shown):
        # What support shows at the organisation before is taken back there, when this begins.
        await processes.news(conn, [entitlement_process(tenant, source, SUPPORT_TARGET)])


async def replaced_by(
    conn: Connection, tenant: str, mapping: AccountMapping | ItemMapping
) -> tuple[bool, AccountMapping | ItemMapping | None]:
    """(whether it is what holds now, what held until it began)."""
    kind, source = _named(mapping)
    rows, now = await together(
        conn,
        lambda on: history(on, tenant, kind, source),
        lambda on: get(on, tenant, kind, source),
    )
    if now is None or now.target != mapping.model_dump(mode="json"):
        return False, None
    before = next((row for row in rows if row.valid_to == now.valid_from), None)
    return True, type(mapping).model_validate(before.target, strict=False) if before else None


async def end(conn: Connection, tenant: str, mapping: AccountMapping | ItemMapping) -> None:
    """From now on none holds of what this one is of, until what was set for later begins."""
    kind, source = _named(mapping)
    await conn.execute(
        f"update mappings set valid_to = clock_timestamp() where {_OF} and {_NOW}".encode(),  # noqa: S608 - put together from constants
        {"tenant": tenant, "kind": kind, "source": source},
    )
    if isinstance(mapping, AccountMapping) and mapping.support_organization is not None:
        await processes.news(conn, [entitlement_process(tenant, source, SUPPORT_TARGET)])


def _named(mapping: AccountMapping | ItemMapping) -> tuple[str, str]:
    match mapping:
        case AccountMapping():
            return "account", mapping.billing_customer
        case ItemMapping():
            return "item", mapping.item


async def get(
    conn: Connection, tenant: str, kind: str, source: str, *, locked: bool = False
) -> MappingView | None:
    """The mapping that holds now."""
    query = f"{_SELECT} where {_OF} and {_NOW}" + (" for update" if locked else "")
    return await fetch_one(
        conn, MappingView, query, {"tenant": tenant, "kind": kind, "source": source}
    )


async def accounts_now(
    conn: Connection, tenant: str, customers: Collection[str]
) -> dict[str, AccountMapping]:
    """By customer, those that hold now."""
    found = await conn.execute(
        _ACCOUNTS_NOW.encode(), {"tenant": tenant, "customers": list(customers)}
    )
    row = await found.fetchone()
    mapped = _ACCOUNTS.validate_json(row[0] if row else "[]")
    return {mapping.billing_customer: mapping for mapping in mapped}


async def account_begins(conn: Connection, tenant: str, customer_id: str) -> tuple[datetime, ...]:
    """When each account mapping of the customer begins to hold, or began."""
    found = await conn.execute(
        "select valid_from from mappings where tenant = %s and kind = 'account' and source = %s",
        (tenant, customer_id),
    )
    return tuple(row[0] for row in await found.fetchall())


async def page(
    conn: Connection,
    tenant: str,
    *,
    kind: str | None = None,
    after: tuple[str, str, datetime] | None = None,
    limit: int = 100,
) -> tuple[MappingView, ...]:
    """Those that hold now and those that are set for later, by kind, source and when they begin;
    `after` is that of the last one seen."""
    behind = "(kind, source, valid_from) > (%(last_kind)s, %(last_source)s, %(last_from)s)"
    which = all_of({"kind = %(kind)s": kind, behind: after})
    last_kind, last_source, last_from = after or (None, None, None)
    return await fetch(
        conn,
        MappingView,
        f"{_SELECT} where tenant = %(tenant)s and {which} "
        "and (valid_to is null or valid_to > clock_timestamp()) "
        "order by kind, source, valid_from limit %(limit)s",
        {
            "tenant": tenant,
            "kind": kind,
            "last_kind": last_kind,
            "last_source": last_source,
            "last_from": last_from,
            "limit": limit,
        },
    )


async def history(conn: Connection, tenant: str, kind: str, source: str) -> tuple[MappingView, ...]:
    """All that was set and is set for later, the oldest first."""
    return await fetch(
        conn,
        MappingView,
        f"{_SELECT} where {_OF} order by valid_from",
        {"tenant": tenant, "kind": kind, "source": source},
    )


async def legal_entities(conn: Connection, tenant: str) -> tuple[str, ...]:
    """Those that accounts are mapped to, by name."""
    found = await conn.execute(
        "select distinct target ->> 'legal_entity' from mappings "
        "where tenant = %s and kind = 'account' order by 1",
        (tenant,),
    )
    return tuple(row[0] for row in await found.fetchall())
