"""Where customers' accounts stand among others: what is above, who pays, and what other programs
call them."""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from canonical_models.base import Canonical, Instant
from canonical_models.mapping import AccountMapping, AccountPlace
from persistence.connection import Connection
from persistence.rows import all_of, fetch, fetch_one

#: Deeper than any company's tree; what is deeper is not followed.
DEEPEST = 50
_MOST = 100

_COLUMNS = "customer_id, parent, payer, external_ids"
_GET = f"select {_COLUMNS} from account_places where tenant = %s and customer_id = %s"  # noqa: S608 - constants

_PUT = """
insert into account_places (tenant, customer_id, parent, payer, external_ids, wanted, set_by)
values (%(tenant)s, %(customer_id)s, %(parent)s, %(payer)s, %(external_ids)s, %(wanted)s, %(by)s)
on conflict (tenant, customer_id) do update set parent = excluded.parent, payer = excluded.payer,
  external_ids = excluded.external_ids, wanted = account_places.wanted or excluded.wanted,
  set_by = excluded.set_by, set_at = clock_timestamp()
"""

_ABOVE = """
with recursive above as (
  select %(customer)s::text as customer_id, 0 as height
  union all
  select p.parent, a.height + 1 from above a join account_places p
    on p.tenant = %(tenant)s and p.customer_id = a.customer_id
  where p.parent is not null and a.height < %(deepest)s)
select customer_id from above order by height
"""

#: All that are mapped or have a place.
_PAGE = """
select c.customer_id, p.parent, p.payer, coalesce(p.external_ids, '{}') as external_ids,
  p.set_at, m.target as account
from (select source as customer_id from mappings where tenant = %(tenant)s and kind = 'account'
    and valid_from <= now() and (valid_to is null or valid_to > now())
  union select customer_id from account_places where tenant = %(tenant)s) c
left join account_places p on p.tenant = %(tenant)s and p.customer_id = c.customer_id
left join mappings m on m.tenant = %(tenant)s and m.kind = 'account' and m.source = c.customer_id
  and m.valid_from <= now() and (m.valid_to is null or m.valid_to > now())
"""


class AccountRow(Canonical):
    """An account with its place, and who it is elsewhere; None where it is mapped to nobody."""

    customer_id: str
    parent: str | None
    payer: str | None
    external_ids: dict[str, str]
    set_at: Instant | None
    account: AccountMapping | None


async def lock(conn: Connection, tenant: str) -> None:
    """Until the commit nobody else moves an account: who looks whether one stands under another
    sees what the other has set."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"account_places/{tenant}",)
    )


async def get(conn: Connection, tenant: str, customer_id: str) -> AccountPlace | None:
    """None where nothing was said of it."""
    return await fetch_one(conn, AccountPlace, _GET, (tenant, customer_id))


async def put(
    conn: Connection, tenant: str, place: AccountPlace, *, by: str, wanted: bool = False
) -> None:
    """From now on it stands there. What was `wanted` once stays so."""
    values = place.model_dump() | {"external_ids": Jsonb(place.external_ids)}
    await conn.execute(_PUT, {**values, "tenant": tenant, "by": by, "wanted": wanted})


async def wanted(conn: Connection, tenant: str, customer_id: str) -> bool:
    """Whether somebody has asked for the account itself."""
    found = await conn.execute(
        "select wanted from account_places where tenant = %s and customer_id = %s",
        (tenant, customer_id),
    )
    row = await found.fetchone()
    return bool(row and row[0])


async def above(conn: Connection, tenant: str, customer_id: str) -> tuple[str, ...]:
    """The account itself, then its parent, and so on to the top."""
    found = await conn.execute(
        _ABOVE, {"tenant": tenant, "customer": customer_id, "deepest": DEEPEST}
    )
    return tuple(row[0] for row in await found.fetchall())


async def children(conn: Connection, tenant: str, customer_id: str) -> tuple[str, ...]:
    """Directly below it, by id, at most a hundred."""
    return await _ids(conn, "parent", tenant, customer_id)


async def paid_by(conn: Connection, tenant: str, customer_id: str) -> tuple[str, ...]:
    """Those for which it pays, by id, at most a hundred."""
    return await _ids(conn, "payer", tenant, customer_id)


async def called(
    conn: Connection, tenant: str, external_ids: Mapping[str, str], *, besides: str
) -> dict[str, str]:
    """By program, which other customer has the name that is given here."""
    taken: dict[str, str] = {}
    for program, name in external_ids.items():
        found = await conn.execute(
            "select customer_id from account_places where tenant = %s and external_ids @> %s "
            "and customer_id <> %s limit 1",
            (tenant, Jsonb({program: name}), besides),
        )
        if (row := await found.fetchone()) is not None:
            taken[program] = row[0]
    return taken


async def page(
    conn: Connection,
    tenant: str,
    *,
    parent: str | None = None,
    payer: str | None = None,
    external: Mapping[str, str] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[AccountRow, ...]:
    """By customer; `after` is that of the last one seen."""
    which = all_of(
        {
            "p.parent = %(parent)s": parent,
            "p.payer = %(payer)s": payer,
            "p.external_ids @> %(external)s": external,
            "c.customer_id > %(after)s": after,
        }
    )
    return await fetch(
        conn,
        AccountRow,
        f"{_PAGE} where {which} order by c.customer_id limit %(limit)s",
        {
            "tenant": tenant,
            "parent": parent,
            "payer": payer,
            "external": None if external is None else Jsonb(dict(external)),
            "after": after,
            "limit": limit,
        },
    )


async def _ids(conn: Connection, column: str, tenant: str, customer_id: str) -> tuple[str, ...]:
    found = await conn.execute(
        f"select customer_id from account_places where tenant = %s and {column} = %s "  # noqa: S608 - a constant
        f"order by customer_id limit {_MOST}".encode(),
        (tenant, customer_id),
    )
    return tuple(row[0] for row in await found.fetchall())
