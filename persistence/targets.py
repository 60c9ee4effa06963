"""How far each entitlement target follows."""

from canonical_models.base import Canonical, Instant
from persistence.raw import Transaction, driver

_PUT = """
insert into target_states (tenant, target, customer_id, wanted, confirmed, state, error)
values (%(tenant)s, %(target)s, %(customer)s, %(wanted)s, %(confirmed)s, %(state)s, %(error)s)
on conflict (tenant, target, customer_id) do update set
  wanted = greatest(target_states.wanted, excluded.wanted),
  confirmed = greatest(target_states.confirmed, excluded.confirmed),
  state = excluded.state, error = excluded.error, updated_at = now()
"""


class TargetView(Canonical):
    """`behind` until it has confirmed the revision that is wanted; `refused` with its reason."""

    target: str
    customer_id: str
    wanted: int
    confirmed: int
    state: str
    error: str | None
    updated_at: Instant


async def put(
    session: Transaction,
    tenant: str,
    target: str,
    customer_id: str,
    *,
    wanted: int,
    confirmed: int = 0,
    error: str | None = None,
) -> None:
    """`confirmed` is the revision that the target says it holds."""
    state = "current" if confirmed >= wanted else "refused" if error else "behind"
    await (await driver(session)).execute(
        _PUT,
        {
            "tenant": tenant,
            "target": target,
            "customer": customer_id,
            "wanted": wanted,
            "confirmed": confirmed,
            "state": state,
            "error": error,
        },
    )


async def of_customer(
    session: Transaction, tenant: str, customer_id: str
) -> tuple[TargetView, ...]:
    found = await (await driver(session)).execute(
        "select target, customer_id, wanted, confirmed, state, error, updated_at "
        "from target_states where tenant = %s and customer_id = %s order by target",
        (tenant, customer_id),
    )
    return tuple(
        TargetView(
            target=target,
            customer_id=customer,
            wanted=wanted,
            confirmed=confirmed,
            state=state,
            error=error,
            updated_at=at,
        )
        for target, customer, wanted, confirmed, state, error, at in await found.fetchall()
    )
