"""One change and what becomes of it: the saga's side. Claiming is in `change_queue`."""

from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from canonical_models.views import ChangeView
from persistence.raw import Raw, Transaction, driver
from persistence.tables import ChangeRow

#: Wakes the dispatcher: a place in flight is free, or the subject's next change may start.
CHANNEL = "trueup_changes"

#: Whom a document names is given when it is posted, and kept nowhere.
_WHOM: Any = {"books": {"documents": {"__all__": {"draft": {"bill_to"}}}}}


def _view(row: ChangeRow) -> ChangeView:
    fields = row.model_dump(include=set(ChangeView.model_fields) - {"kind", "documents"})
    return ChangeView(
        change_id=row.id, kind=ChangeKind(row.kind), documents=tuple(row.documents), **fields
    )


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
    subject: str | None = None,
) -> tuple[ChangeView, ...]:
    """Newest first; `before` is the `seq` of the last one seen."""
    query = select(ChangeRow).where(ChangeRow.tenant == tenant)
    if before is not None:
        query = query.where(col(ChangeRow.seq) < before)
    if state is not None:
        query = query.where(ChangeRow.state == state)
    if subject is not None:
        query = query.where(ChangeRow.subject == subject)
    rows = await session.exec(query.order_by(col(ChangeRow.seq).desc()).limit(limit))
    return tuple(map(_view, rows))


async def unsettled(session: AsyncSession, tenant: str, subject: str) -> tuple[ChangeView, ...]:
    """The subject's changes that are still to be made, in their order."""
    rows = await session.exec(
        select(ChangeRow)
        .where(
            ChangeRow.tenant == tenant,
            ChangeRow.subject == subject,
            ChangeRow.state != "settled",
        )
        .order_by(col(ChangeRow.seq))
    )
    return tuple(map(_view, rows))


async def save_plan(
    raw: Raw, tenant: str, plan: AmendmentPlan, snapshot: BillingSnapshot | AccountSnapshot
) -> None:
    """The plan, and the snapshot that it was made from without whom its documents name. A change
    that is settled keeps the plan it was settled with."""
    kept = tuple(document.kept() for document in snapshot.documents)
    await raw.execute(
        "update changes set kind = %s, customer_id = %s, summary = %s, plan = %s::jsonb, "
        "plan_digest = %s, snapshot = %s::jsonb "
        "where tenant = %s and id = %s and state <> 'settled'",
        (
            plan.amendment.kind.value,
            plan.amendment.customer_id,
            plan.amendment.summary,
            plan.model_dump_json(exclude=_WHOM),
            plan.digest,
            snapshot.model_copy(update={"documents": kept}).model_dump_json(),
            tenant,
            plan.change_id,
        ),
    )


async def plan(raw: Raw, tenant: str, change_id: str) -> AmendmentPlan | None:
    """The plan that was kept; None before there is one."""
    found = await raw.execute(
        "select plan::text from changes where tenant = %s and id = %s and plan is not null",
        (tenant, change_id),
    )
    row = await found.fetchone()
    return AmendmentPlan.model_validate_json(row[0]) if row else None


async def waits(session: Transaction, tenant: str, change_id: str, stage: str) -> None:
    """The saga waits for a person and gives its place in flight to another."""
    raw = await driver(session)
    await raw.execute(
        "update changes set state = 'waiting', stage = %s "
        "where tenant = %s and id = %s and state <> 'settled'",
        (stage, tenant, change_id),
    )
    await _wake(raw)


async def runs(session: Transaction, tenant: str, change_id: str, *, anyway: bool = False) -> None:
    """The saga goes on, unless something else is still asked of it: then it waits as before. It
    goes on `anyway` after a decision, which has all of it tried again."""
    await (await driver(session)).execute(
        "update changes set state = 'running', stage = null "
        "where tenant = %s and id = %s and state <> 'settled' and (%s or not exists ("
        "select from exceptions e where e.tenant = changes.tenant and e.change_id = changes.id "
        "and e.state = 'open'))",
        (tenant, change_id, anyway),
    )


async def settle(
    session: Transaction,
    tenant: str,
    change_id: str,
    *,
    outcome: str,
    summary: str | None = None,
    proof: str | None = None,
) -> None:
    """The end of a change. Settling again changes nothing. `proof` is JSON."""
    raw = await driver(session)
    await raw.execute(
        "update changes set state = 'settled', outcome = %(outcome)s, stage = %(outcome)s, "
        "summary = coalesce(%(summary)s, summary), proof = coalesce(%(proof)s::jsonb, proof), "
        "settled_at = now() "
        "where tenant = %(tenant)s and id = %(change)s and state <> 'settled'",
        {
            "outcome": outcome,
            "summary": summary,
            "proof": proof,
            "tenant": tenant,
            "change": change_id,
        },
    )
    await _wake(raw)


def _one(tenant: str, change_id: str) -> Any:
    return select(ChangeRow).where(ChangeRow.tenant == tenant, ChangeRow.id == change_id)


async def _wake(raw: Raw) -> None:
    await raw.execute(f"notify {CHANNEL}")
