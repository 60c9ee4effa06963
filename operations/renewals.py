"""Renewals that are to come, and whether they will post."""

from datetime import UTC, datetime, timedelta

from canonical_models.base import Canonical
from canonical_models.states import Forecast
from operations.context import AppContext
from operations.paging import Page, cursor, cut, moment
from persistence import contracts, exceptions
from persistence.contracts import ContractView

LONGEST_DAYS = 3660


class RenewalView(Canonical):
    """`exception_id` is what people are asked about it, `workflow_url` leads to its process."""

    contract: ContractView
    exception_id: str | None
    workflow_url: str | None


async def list_(
    context: AppContext,
    tenant: str,
    *,
    within_days: int = 30,
    after: str | None = None,
    limit: int = 50,
) -> Page[RenewalView]:
    """The earliest first; those that are late come before all."""
    async with context.database.transaction() as conn:
        found = await contracts.page(
            conn,
            tenant,
            before=datetime.now(UTC) + timedelta(days=within_days),
            after=moment(after),
            limit=limit + 1,
        )
        items, more = cut(found, limit)
        named = [_workflow_id(tenant, contract) for contract in items]
        asked = await exceptions.asked_by(conn, tenant, named)
    last = items[-1] if more else None
    following = (
        cursor(last.renews_at.isoformat(), last.subscription_id)
        if last is not None and last.renews_at is not None
        else None
    )
    return Page[RenewalView](
        items=tuple(
            RenewalView(
                contract=foreseen(contract),
                exception_id=asked.get(workflow_id),
                workflow_url=context.engine.link(workflow_id),
            )
            for contract, workflow_id in zip(items, named, strict=True)
        ),
        next=following,
    )


def foreseen(contract: ContractView) -> ContractView:
    """With the forecast of its next renewal alone: that of the one before says nothing."""
    if contract.forecast_for == contract.renews_at:
        return contract
    nothing = {
        "forecast": Forecast.NONE,
        "forecast_for": None,
        "forecast_amount": None,
        "forecast_problem": None,
    }
    return contract.model_copy(update=nothing)


def _workflow_id(tenant: str, contract: ContractView) -> str:
    of = contracts.process(tenant, contract.subscription_id, contract.customer_id)
    return of.workflow_id
