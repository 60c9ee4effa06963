"""Grants as they are held. A grant is never overwritten: it is withdrawn and another given."""

from collections.abc import Iterable

from psycopg.sql import SQL
from pydantic import TypeAdapter

from canonical_models.base import Canonical, Instant
from canonical_models.entitlement import Grant, GrantSource, GrantState
from persistence.connection import Connection

GRANTS = TypeAdapter(tuple[Grant, ...])

#: Of rows `g`, as JSON that GRANTS reads; by source and feature.
AS_JSON = SQL("""
coalesce(json_agg(json_build_object(
  'customer_id', g.customer_id, 'feature', g.feature, 'source', g.source,
  'source_id', g.source_id, 'subscription_id', g.subscription_id, 'quantity', g.quantity,
  'starts_at', g.starts_at, 'ends_at', g.ends_at, 'state', g.state, 'reason', g.reason)
  order by g.source_id, g.feature), '[]')::text
""")

_OF_SUBSCRIPTION = (
    SQL("""
select {} from grants g
where g.tenant = %s and g.subscription_id = %s and g.withdrawn_at is null
""")
    .format(AS_JSON)
    .as_bytes()
)

_OF_CUSTOMER = (
    SQL("""
select {} from grants g
where g.tenant = %(tenant)s and g.customer_id = %(customer)s and g.withdrawn_at is null
  and (%(feature)s::text is null or g.feature = %(feature)s)
""")
    .format(AS_JSON)
    .as_bytes()
)

_WITHDRAW = """
update grants set withdrawn_at = now(), withdrawn_by = %s
where tenant = %s and subscription_id = %s and withdrawn_at is null
  and (customer_id, feature, source, source_id) in
    (select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[]))
"""

_GIVE = """
insert into grants (tenant, customer_id, feature, source, source_id, subscription_id, change_id,
  quantity, starts_at, ends_at, state, reason)
values (%(tenant)s, %(customer_id)s, %(feature)s, %(source)s, %(source_id)s, %(subscription_id)s,
  %(change_id)s, %(quantity)s, %(starts_at)s, %(ends_at)s, %(state)s, %(reason)s)
"""

_WITHDRAW_ONE = """
update grants set withdrawn_at = now(), withdrawn_by = %s
where tenant = %s and customer_id = %s and feature = %s and source = %s and source_id = %s
  and withdrawn_at is null
"""

_KEPT = """
select customer_id, feature, source, source_id, subscription_id, quantity, starts_at, ends_at,
  state, reason, change_id, granted_at from grants where tenant = %s and
"""


class KeptGrant(Canonical):
    """A grant as it was made so by `by`, a person or a change, at `at`."""

    grant: Grant
    by: str
    at: Instant


async def of_subscription(conn: Connection, tenant: str, subscription_id: str) -> tuple[Grant, ...]:
    """What the subscription gives and has not withdrawn, by source and feature."""
    found = await conn.execute(_OF_SUBSCRIPTION, (tenant, subscription_id))
    row = await found.fetchone()
    return GRANTS.validate_json(row[0] if row else "[]")


async def of_customer(
    conn: Connection, tenant: str, customer_id: str, feature: str | None = None
) -> tuple[Grant, ...]:
    """What the customer holds by any source, suspended and future grants included."""
    found = await conn.execute(
        _OF_CUSTOMER, {"tenant": tenant, "customer": customer_id, "feature": feature}
    )
    row = await found.fetchone()
    return GRANTS.validate_json(row[0] if row else "[]")


async def replace(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    grants: Iterable[Grant],
    *,
    change_id: str,
) -> None:
    """Make `grants` all that the subscription gives. Those that stay are not touched."""
    held = await of_subscription(conn, tenant, subscription_id)
    wanted = tuple(grants)
    gone = [grant for grant in held if grant not in wanted]
    given = [grant for grant in wanted if grant not in held]
    if gone:
        await conn.execute(
            _WITHDRAW,
            (
                change_id,
                tenant,
                subscription_id,
                [grant.customer_id for grant in gone],
                [grant.feature for grant in gone],
                [grant.source.value for grant in gone],
                [grant.source_id for grant in gone],
            ),
        )
    if given:
        cursor = conn.cursor()
        await cursor.executemany(
            _GIVE,
            [
                {
                    "tenant": tenant,
                    "change_id": change_id,
                    **dict(grant),
                    "source": grant.source.value,
                    "state": grant.state.value,
                }
                for grant in given
            ],
        )


async def history(conn: Connection, tenant: str, source_id: str) -> tuple[KeptGrant, ...]:
    """All that this source has given, the oldest first; the last one holds. Until the commit
    nobody else changes what a person has given under it."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"grant/{tenant}/{source_id}",)
    )
    return await _kept(conn, "source_id = %s order by id", (tenant, source_id))


async def page(
    conn: Connection,
    tenant: str,
    customer_id: str,
    *,
    after: tuple[str, str, str] = ("", "", ""),
    limit: int = 50,
) -> tuple[KeptGrant, ...]:
    """What the customer holds by any source; `after` is feature, source id and source of the last
    one seen."""
    return await _kept(
        conn,
        "customer_id = %s and withdrawn_at is null and (feature, source_id, source) > (%s, %s, %s) "
        "order by feature, source_id, source limit %s",
        (tenant, customer_id, *after, limit),
    )


async def give(conn: Connection, tenant: str, grant: Grant, *, by: str) -> None:
    """One grant beside those of subscriptions."""
    await conn.execute(
        _GIVE,
        {
            "tenant": tenant,
            "change_id": by,
            **dict(grant),
            "source": grant.source.value,
            "state": grant.state.value,
        },
    )


async def exchange(conn: Connection, tenant: str, held: Grant, wanted: Grant, *, by: str) -> None:
    """`wanted` instead of `held`, which is of the same customer, feature and source."""
    await conn.execute(
        _WITHDRAW_ONE,
        (by, tenant, held.customer_id, held.feature, held.source.value, held.source_id),
    )
    await give(conn, tenant, wanted, by=by)


async def _kept(
    conn: Connection, condition: str, values: tuple[object, ...]
) -> tuple[KeptGrant, ...]:
    found = await conn.execute((_KEPT + condition).encode(), values)
    return tuple(
        KeptGrant(
            grant=Grant(
                customer_id=row[0],
                feature=row[1],
                source=GrantSource(row[2]),
                source_id=row[3],
                subscription_id=row[4],
                quantity=row[5],
                starts_at=row[6],
                ends_at=row[7],
                state=GrantState(row[8]),
                reason=row[9],
            ),
            by=row[10],
            at=row[11],
        )
        for row in await found.fetchall()
    )
