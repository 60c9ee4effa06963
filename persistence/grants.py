"""Grants as they are held. A grant is never overwritten: it is withdrawn and another given."""

from collections.abc import Iterable

from psycopg.sql import SQL
from pydantic import TypeAdapter
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.entitlement import Grant, GrantSource
from persistence.raw import Transaction, driver
from persistence.tables import GrantRow

GRANTS = TypeAdapter(tuple[Grant, ...])

#: Of rows `g`, as JSON that GRANTS reads; by source and feature.
AS_JSON = SQL("""
coalesce(json_agg(json_build_object(
  'customer_id', g.customer_id, 'feature', g.feature, 'source', g.source,
  'source_id', g.source_id, 'subscription_id', g.subscription_id, 'quantity', g.quantity,
  'starts_at', g.starts_at, 'ends_at', g.ends_at) order by g.source_id, g.feature), '[]')::text
""")

_OF_SUBSCRIPTION = (
    SQL("""
select {} from grants g
where g.tenant = %s and g.subscription_id = %s and g.withdrawn_at is null
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
  quantity, starts_at, ends_at)
values (%(tenant)s, %(customer_id)s, %(feature)s, %(source)s, %(source_id)s, %(subscription_id)s,
  %(change_id)s, %(quantity)s, %(starts_at)s, %(ends_at)s)
"""


def _grant(row: GrantRow) -> Grant:
    return Grant(
        source=GrantSource(row.source),
        **row.model_dump(include=set(Grant.model_fields) - {"source"}),
    )


async def of_subscription(
    session: Transaction, tenant: str, subscription_id: str
) -> tuple[Grant, ...]:
    """What the subscription gives and has not withdrawn, by source and feature."""
    found = await (await driver(session)).execute(_OF_SUBSCRIPTION, (tenant, subscription_id))
    row = await found.fetchone()
    return GRANTS.validate_json(row[0] if row else "[]")


async def of_customer(
    session: AsyncSession, tenant: str, customer_id: str, feature: str | None = None
) -> tuple[Grant, ...]:
    query = select(GrantRow).where(
        GrantRow.tenant == tenant,
        GrantRow.customer_id == customer_id,
        col(GrantRow.withdrawn_at).is_(None),
    )
    if feature is not None:
        query = query.where(GrantRow.feature == feature)
    rows = await session.exec(query.order_by(GrantRow.feature, GrantRow.source_id))
    return tuple(map(_grant, rows))


async def replace(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    grants: Iterable[Grant],
    *,
    change_id: str,
) -> None:
    """Make `grants` all that the subscription gives. Those that stay are not touched."""
    held = await of_subscription(session, tenant, subscription_id)
    wanted = tuple(grants)
    raw = await driver(session)
    gone = [grant for grant in held if grant not in wanted]
    given = [grant for grant in wanted if grant not in held]
    if gone:
        await raw.execute(
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
        cursor = raw.cursor()
        await cursor.executemany(
            _GIVE,
            [
                {
                    "tenant": tenant,
                    "change_id": change_id,
                    **grant.model_dump(exclude={"source"}),
                    "source": grant.source.value,
                }
                for grant in given
            ],
        )
