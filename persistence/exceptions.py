"""The exception work queue."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.exceptions import Raised, Resolution
from canonical_models.money import Money
from canonical_models.views import ExceptionView
from persistence.tables import ChangeRow, ExceptionRow


def _view(row: ExceptionRow) -> ExceptionView:
    at_risk = (
        Money(minor=row.at_risk_minor, currency=row.at_risk_currency)
        if row.at_risk_minor is not None and row.at_risk_currency is not None
        else None
    )
    fields = row.model_dump(include=set(ExceptionView.model_fields))
    return ExceptionView(exception_id=row.id, at_risk=at_risk, **fields)


def fingerprint(tenant: str, code: str, subject: str | None) -> str:
    """Equal for exceptions that one correction mends."""
    return hashlib.sha256(f"{tenant}\0{code}\0{subject or ''}".encode()).hexdigest()[:16]


async def open_(session: AsyncSession, raised: Raised, *, due: timedelta) -> ExceptionView:
    """The exception of this change that is open now, made if there is none."""
    subscription_id, customer_id = await _whose(session, raised)
    at_risk = raised.amount_at_risk
    # A question that its saga no longer waits on, because it was cancelled, is not asked again.
    await _close(
        session,
        and_(
            col(ExceptionRow.change_id) == raised.change_id, col(ExceptionRow.step) != raised.step
        ),
        tenant=raised.tenant,
        resolution="cancelled",
        by="trueup",
        note=f"the saga went on to: {raised.step}",
    )
    await session.exec(
        insert(ExceptionRow)
        .values(
            id=f"exc_{secrets.token_hex(8)}",
            subscription_id=subscription_id,
            customer_id=customer_id,
            workflow_id=raised.process.workflow_id if raised.process else None,
            fingerprint=fingerprint(raised.tenant, raised.code, raised.subject),
            at_risk_minor=at_risk.minor if at_risk else None,
            at_risk_currency=at_risk.currency if at_risk else None,
            due_at=datetime.now(UTC) + due,
            **raised.model_dump(exclude={"amount_at_risk", "process"}),
        )
        .on_conflict_do_nothing()
    )
    query = select(ExceptionRow).where(
        ExceptionRow.change_id == raised.change_id, ExceptionRow.state == "open"
    )
    return _view((await session.exec(query)).one())


async def get(session: AsyncSession, tenant: str, exception_id: str) -> ExceptionView | None:
    query = select(ExceptionRow).where(
        ExceptionRow.tenant == tenant, ExceptionRow.id == exception_id
    )
    row = (await session.exec(query)).one_or_none()
    return _view(row) if row else None


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    state: str | None = "open",
    owner: str | None = None,
    change_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ExceptionView, ...]:
    """Newest first; `before` is `opened_at` and id of the last one seen."""
    query = select(ExceptionRow).where(ExceptionRow.tenant == tenant)
    if state is not None:
        query = query.where(ExceptionRow.state == state)
    if owner is not None:
        query = query.where(ExceptionRow.owner == owner)
    if change_id is not None:
        query = query.where(ExceptionRow.change_id == change_id)
    if before is not None:
        query = query.where(tuple_(col(ExceptionRow.opened_at), col(ExceptionRow.id)) < before)
    rows = await session.exec(
        query.order_by(col(ExceptionRow.opened_at).desc(), col(ExceptionRow.id).desc()).limit(limit)
    )
    return tuple(map(_view, rows))


async def resolve(session: AsyncSession, tenant: str, resolution: Resolution) -> bool:
    """Whether it was open until now."""
    return await _close(
        session,
        col(ExceptionRow.id) == resolution.exception_id,
        tenant=tenant,
        resolution=resolution.action.value,
        by=resolution.by,
        note=resolution.note,
    )


async def cancel_of_change(session: AsyncSession, tenant: str, change_id: str) -> None:
    """The change was cancelled: nobody needs to decide any more."""
    await _close(
        session,
        col(ExceptionRow.change_id) == change_id,
        tenant=tenant,
        resolution="cancelled",
        by="operator",
        note="the change was cancelled",
    )


async def withdraw(session: AsyncSession, tenant: str, change_id: str, *, note: str) -> None:
    """What was asked has answered itself."""
    await _close(
        session,
        col(ExceptionRow.change_id) == change_id,
        tenant=tenant,
        resolution="cancelled",
        by="trueup",
        note=note,
    )


async def escalate(session: AsyncSession, exception_id: str) -> ExceptionView | None:
    await session.exec(
        update(ExceptionRow)
        .where(
            col(ExceptionRow.id) == exception_id,
            col(ExceptionRow.state) == "open",
            col(ExceptionRow.escalated_at).is_(None),
        )
        .values(escalated_at=func.now())
    )
    row = await session.get(ExceptionRow, exception_id)
    return _view(row) if row else None


async def _whose(session: AsyncSession, raised: Raised) -> tuple[str, str | None]:
    """(subscription, customer) that the exception is about."""
    process = raised.process
    if process is not None:
        return process.subscription_id or process.key, process.customer_id
    query = select(ChangeRow).where(ChangeRow.id == raised.change_id)
    change = (await session.exec(query)).one()
    return change.subscription_id, change.customer_id


async def _close(
    session: AsyncSession,
    which: ColumnElement[bool],
    *,
    tenant: str,
    resolution: str,
    by: str,
    note: str,
) -> bool:
    closed = await session.exec(
        update(ExceptionRow)
        .where(which, col(ExceptionRow.tenant) == tenant, col(ExceptionRow.state) == "open")
        .values(
            state="resolved",
            resolution=resolution,
            resolved_by=by,
            note=note,
            resolved_at=func.now(),
        )
    )
    return closed.rowcount > 0
