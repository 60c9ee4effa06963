"""One change and what becomes of it: the saga's side. Claiming is in `change_queue`."""

from typing import Any

from sqlalchemy import func, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import BillingSnapshot
from canonical_models.views import ChangeView
from persistence.tables import ChangeRow

#: Wakes the dispatcher: a place in flight is free, or the subscription's next change may start.
CHANNEL = "trueup_changes"


def _view(row: ChangeRow) -> ChangeView:
    fields = row.model_dump(include=set(ChangeView.model_fields) - {"kind"})
    return ChangeView(change_id=row.id, kind=ChangeKind(row.kind), **fields)


async def get(session: AsyncSession, tenant: str, change_id: str) -> ChangeView | None:
    row = (await session.exec(_one(tenant, change_id))).one_or_none()
    return _view(row) if row else None


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    before: int | None = None,
    limit: int = 50,
    state: str | None = None,
    subscription_id: str | None = None,
) -> tuple[ChangeView, ...]:
    """Newest first; `before` is the `seq` of the last one seen."""
    query = select(ChangeRow).where(ChangeRow.tenant == tenant)
    if before is not None:
        query = query.where(col(ChangeRow.seq) < before)
    if state is not None:
        query = query.where(ChangeRow.state == state)
    if subscription_id is not None:
        query = query.where(ChangeRow.subscription_id == subscription_id)
    rows = await session.exec(query.order_by(col(ChangeRow.seq).desc()).limit(limit))
    return tuple(map(_view, rows))


async def unsettled(
    session: AsyncSession, tenant: str, subscription_id: str
) -> tuple[ChangeView, ...]:
    """The subscription's changes that are still to be made, in their order."""
    rows = await session.exec(
        select(ChangeRow)
        .where(
            ChangeRow.tenant == tenant,
            ChangeRow.subscription_id == subscription_id,
            ChangeRow.state != "settled",
        )
        .order_by(col(ChangeRow.seq))
    )
    return tuple(map(_view, rows))


async def save_plan(
    session: AsyncSession, tenant: str, plan: AmendmentPlan, snapshot: BillingSnapshot
) -> None:
    await _set(
        session,
        tenant,
        plan.change_id,
        kind=plan.amendment.kind.value,
        customer_id=plan.amendment.customer_id,
        summary=plan.amendment.summary,
        plan=plan.model_dump(mode="json"),
        plan_digest=plan.digest,
        snapshot=snapshot.model_dump(mode="json"),
    )


async def plan(
    session: AsyncSession, tenant: str, change_id: str
) -> tuple[AmendmentPlan, BillingSnapshot] | None:
    """The plan that was kept and the snapshot that it was made from; None before there is one."""
    row = (await session.exec(_one(tenant, change_id))).one_or_none()
    if row is None or row.plan is None or row.snapshot is None:
        return None
    return (
        AmendmentPlan.model_validate(row.plan, strict=False),
        BillingSnapshot.model_validate(row.snapshot, strict=False),
    )


async def waits(session: AsyncSession, tenant: str, change_id: str, stage: str) -> None:
    """The saga waits for a person and gives its place in flight to another."""
    await _set(session, tenant, change_id, state="waiting", stage=stage)
    await _wake(session)


async def runs(session: AsyncSession, tenant: str, change_id: str) -> None:
    await _set(session, tenant, change_id, state="running", stage=None)


async def settle(
    session: AsyncSession,
    tenant: str,
    change_id: str,
    *,
    outcome: str,
    summary: str | None = None,
    proof: dict[str, Any] | None = None,
) -> None:
    """The end of a change. Settling again changes nothing."""
    values: dict[str, Any] = {"state": "settled", "outcome": outcome, "stage": outcome}
    if summary is not None:
        values["summary"] = summary
    if proof is not None:
        values["proof"] = proof
    await _set(session, tenant, change_id, settled_at=func.now(), **values)
    await _wake(session)


def _one(tenant: str, change_id: str) -> Any:
    return select(ChangeRow).where(ChangeRow.tenant == tenant, ChangeRow.id == change_id)


async def _set(session: AsyncSession, tenant: str, change_id: str, **values: Any) -> None:
    await session.exec(
        update(ChangeRow)
        .where(
            col(ChangeRow.tenant) == tenant,
            col(ChangeRow.id) == change_id,
            col(ChangeRow.state) != "settled",
        )
        .values(**values)
    )


async def _wake(session: AsyncSession) -> None:
    await (await session.connection()).execute(text(f"notify {CHANNEL}"))
