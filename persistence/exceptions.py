"""The exception work queue."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.amendment import account_subject
from canonical_models.exceptions import Raised, Resolution, Track
from canonical_models.money import Money
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence.connection import Transaction, connection_of
from persistence.tables import ChangeRow, ExceptionRow

#: What is said anew where the same is asked again: both sides of a difference may have moved.
_SAID = ("message", "at_risk_minor", "at_risk_currency", "owner", "failure_class")


def _view(row: ExceptionRow) -> ExceptionView:
    at_risk = (
        Money(minor=row.at_risk_minor, currency=row.at_risk_currency)
        if row.at_risk_minor is not None and row.at_risk_currency is not None
        else None
    )
    fields = row.model_dump(include=set(ExceptionView.model_fields) - {"state"})
    return ExceptionView(
        exception_id=row.id, at_risk=at_risk, state=ExceptionState(row.state), **fields
    )


def fingerprint(tenant: str, code: str, subject: str | None) -> str:
    """Equal for exceptions that one correction mends."""
    return hashlib.sha256(f"{tenant}\0{code}\0{subject or ''}".encode()).hexdigest()[:16]


async def open_(session: AsyncSession, raised: Raised, *, due: timedelta) -> ExceptionView:
    """The exception that is open now of this track of the change, made if there is none. One of
    the same step and cause keeps its id and its clock, and says what is so now."""
    belongs_to, subscription_id, customer_id = await _whose(session, raised)
    at_risk = raised.amount_at_risk
    cause = fingerprint(raised.tenant, raised.code, raised.subject)
    # A question that its saga no longer waits on, because it was cancelled, is not asked again.
    await _close(
        session,
        and_(
            col(ExceptionRow.change_id) == raised.change_id,
            col(ExceptionRow.track) == raised.track.value,
            or_(col(ExceptionRow.step) != raised.step, col(ExceptionRow.fingerprint) != cause),
        ),
        tenant=raised.tenant,
        resolution="cancelled",
        by="trueup",
        note=f"the saga went on to: {raised.step}",
    )
    asked = insert(ExceptionRow)
    await session.exec(
        asked.values(
            id=f"exc_{secrets.token_hex(8)}",
            track=raised.track.value,
            belongs_to=belongs_to,
            subscription_id=subscription_id,
            customer_id=customer_id,
            workflow_id=raised.process.workflow_id if raised.process else None,
            fingerprint=cause,
            at_risk_minor=at_risk.minor if at_risk else None,
            at_risk_currency=at_risk.currency if at_risk else None,
            due_at=datetime.now(UTC) + due,
            **raised.model_dump(exclude={"amount_at_risk", "epoch", "process", "track"}),
        ).on_conflict_do_update(
            index_elements=[ExceptionRow.tenant, ExceptionRow.change_id, ExceptionRow.track],
            index_where=col(ExceptionRow.state) == ExceptionState.OPEN,
            set_={name: asked.excluded[name] for name in _SAID},
        )
    )
    query = select(ExceptionRow).where(
        ExceptionRow.tenant == raised.tenant,
        ExceptionRow.change_id == raised.change_id,
        ExceptionRow.track == raised.track.value,
        ExceptionRow.state == ExceptionState.OPEN,
    )
    return _view((await session.exec(query)).one())


async def get(session: AsyncSession, tenant: str, exception_id: str) -> ExceptionView | None:
    query = select(ExceptionRow).where(
        ExceptionRow.tenant == tenant, ExceptionRow.id == exception_id
    )
    row = (await session.exec(query)).one_or_none()
    return _view(row) if row else None


async def open_of(
    session: AsyncSession, tenant: str, subjects: Collection[str]
) -> tuple[ExceptionView, ...]:
    """What is asked of changes of these subjects, the oldest first."""
    query = (
        select(ExceptionRow)
        .where(
            ExceptionRow.tenant == tenant,
            ExceptionRow.state == ExceptionState.OPEN,
            col(ExceptionRow.belongs_to).in_(subjects),
        )
        .order_by(col(ExceptionRow.opened_at), col(ExceptionRow.id))
    )
    return tuple(map(_view, await session.exec(query)))


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    state: ExceptionState | None = ExceptionState.OPEN,
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


async def withdraw(
    session: AsyncSession, tenant: str, change_id: str, *, note: str, track: Track | None = None
) -> None:
    """What was asked has answered itself, on this track or on all."""
    of_change = col(ExceptionRow.change_id) == change_id
    await _close(
        session,
        of_change if track is None else and_(of_change, col(ExceptionRow.track) == track.value),
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
            col(ExceptionRow.state) == ExceptionState.OPEN,
            col(ExceptionRow.escalated_at).is_(None),
        )
        .values(escalated_at=func.now())
    )
    row = await session.get(ExceptionRow, exception_id)
    return _view(row) if row else None


async def _whose(session: AsyncSession, raised: Raised) -> tuple[str, str | None, str | None]:
    """(subject, subscription, customer) that the exception is about."""
    process = raised.process
    if process is not None:
        account = account_subject(process.customer_id or process.key)
        subject = process.subscription_id or account
        return subject, process.subscription_id, process.customer_id
    query = select(ChangeRow).where(ChangeRow.id == raised.change_id)
    change = (await session.exec(query)).one()
    return change.subject, change.subscription_id, change.customer_id


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
        .where(
            which,
            col(ExceptionRow.tenant) == tenant,
            col(ExceptionRow.state) == ExceptionState.OPEN,
        )
        .values(
            state=ExceptionState.RESOLVED,
            resolution=resolution,
            resolved_by=by,
            note=note,
            resolved_at=func.now(),
        )
    )
    return closed.rowcount > 0


async def asked_by(
    session: Transaction, tenant: str, workflow_ids: Collection[str]
) -> dict[str, str]:
    """The open exception of each of these processes that asks a person."""
    found = await (await connection_of(session)).execute(
        "select workflow_id, id from exceptions "
        "where tenant = %s and state = 'open' and change_id = any(%s) and workflow_id = change_id",
        (tenant, list(workflow_ids)),
    )
    return {row[0]: row[1] for row in await found.fetchall()}
