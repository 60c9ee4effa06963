"""The term of each subscription, and what its next renewal is foreseen to do."""

from datetime import datetime

from psycopg.types.json import Jsonb

from canonical_models.base import Canonical, Instant
from canonical_models.money import Money
from canonical_models.process import Process, ProcessKind
from canonical_models.states import Forecast
from canonical_models.term import Contract
from persistence import processes
from persistence.connection import Connection
from persistence.rows import fetch, select

_AGREED = """
with was as (
  select renews_at, ends_at from contracts where tenant = %(tenant)s and subscription_id = %(of)s
), agreed as (
  insert into contracts (tenant, subscription_id, customer_id, starts_at, ends_at, renews_at,
    time_zone, change_id)
  values (%(tenant)s, %(of)s, %(customer)s, %(starts)s, %(ends)s, %(renews)s, %(zone)s, %(change)s)
  on conflict (tenant, subscription_id) do update set customer_id = excluded.customer_id,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, renews_at = excluded.renews_at,
    time_zone = excluded.time_zone, change_id = excluded.change_id, updated_at = now()
  returning tenant, subscription_id, customer_id, renews_at, ends_at
)
"""
_PUT = "".join(
    (
        _AGREED,
        processes.NEWS_OF.format(
            kind="renewal",
            key="subscription_id",
            rows="agreed where not exists (select from was where (was.renews_at, was.ends_at) "
            "is not distinct from (agreed.renews_at, agreed.ends_at))",
        ),
    )
)

_OVER = "".join(
    (
        """
with agreed as (
  update contracts set ends_at = starts_at, renews_at = null, change_id = %(change)s,
    updated_at = now()
  where tenant = %(tenant)s and subscription_id = %(of)s and renews_at is not null
  returning tenant, subscription_id, customer_id
)
""",
        processes.NEWS_OF.format(kind="renewal", key="subscription_id", rows="agreed"),
    )
)


class ContractView(Canonical):
    """`renews_at` is the end of the period that is billed, None once it is over. `forecast`
    is about the renewal at `forecast_for`."""

    subscription_id: str
    customer_id: str
    starts_at: Instant
    ends_at: Instant | None
    renews_at: Instant | None
    time_zone: str
    forecast: Forecast
    forecast_for: Instant | None
    forecast_amount: Money | None
    forecast_problem: str | None
    change_id: str


_SELECT = select(ContractView, "contracts")


async def put(
    conn: Connection,
    tenant: str,
    contract: Contract,
    *,
    renews_at: datetime | None,
    change_id: str,
) -> None:
    """The term as it was agreed; its process hears when its dates have changed."""
    await conn.execute(
        _PUT.encode(),
        {
            "tenant": tenant,
            "of": contract.contract_id,
            "customer": contract.customer_id,
            "starts": contract.starts_at,
            "ends": contract.ends_at,
            "renews": renews_at,
            "zone": contract.time_zone,
            "change": change_id,
        },
    )


async def over(conn: Connection, tenant: str, subscription_id: str, *, change_id: str) -> None:
    """It ended as it began: there is no term, and nothing that was foreseen of it will be."""
    await conn.execute(
        _OVER.encode(), {"tenant": tenant, "of": subscription_id, "change": change_id}
    )


async def get(conn: Connection, tenant: str, subscription_id: str) -> ContractView | None:
    found = await _select(conn, "subscription_id = %s", (tenant, subscription_id))
    return found[0] if found else None


async def due(
    conn: Connection, tenant: str, *, before: datetime, limit: int = 50
) -> tuple[ContractView, ...]:
    """Renewals up to then, the earliest first."""
    return await _select(
        conn,
        "renews_at < %s order by renews_at, subscription_id limit %s",
        (tenant, before, limit),
    )


async def page(
    conn: Connection,
    tenant: str,
    *,
    before: datetime,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ContractView, ...]:
    """As `due`, behind the one of this renewal and subscription."""
    if after is None:
        return await due(conn, tenant, before=before, limit=limit)
    return await _select(
        conn,
        "renews_at < %s and (renews_at, subscription_id) > (%s, %s) "
        "order by renews_at, subscription_id limit %s",
        (tenant, before, *after, limit),
    )


async def foresee(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    *,
    renewal: datetime | None,
    forecast: Forecast,
    amount: Money | None = None,
    problem: str | None = None,
) -> None:
    await conn.execute(
        "update contracts set forecast = %s, forecast_for = %s, forecast_amount = %s, "
        "forecast_problem = %s, updated_at = now() where tenant = %s and subscription_id = %s",
        (
            forecast,
            renewal,
            Jsonb(amount.model_dump(mode="json")) if amount else None,
            problem,
            tenant,
            subscription_id,
        ),
    )


def process(tenant: str, subscription_id: str, customer_id: str) -> Process:
    return Process(
        kind=ProcessKind.RENEWAL,
        tenant=tenant,
        key=subscription_id,
        subscription_id=subscription_id,
        customer_id=customer_id,
    )


async def _select(
    conn: Connection, condition: str, values: tuple[object, ...]
) -> tuple[ContractView, ...]:
    return await fetch(conn, ContractView, f"{_SELECT} where tenant = %s and {condition}", values)
