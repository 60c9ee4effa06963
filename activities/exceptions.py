"""The exception work queue: open, resume, escalate."""

from datetime import timedelta

import structlog
from temporalio import activity

from activities.contracts.exceptions import ExceptionActivities, Opened, Resumed, Withdrawn
from activities.failing import failures_told
from activities.tenants import Tenants
from canonical_models.events import ExceptionOpened, ExceptionResolved, event
from canonical_models.exceptions import Action, Raised
from persistence import approvals, changes, exceptions, mappings, outbox
from persistence.database import Database
from persistence.raw import Transaction, driver

log = structlog.get_logger()


class ExceptionQueue(ExceptionActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="exceptions.open")
    async def open(self, raised: Raised) -> Opened:
        policy = self._tenants[raised.tenant].policy
        hours = policy.exception_hours.get(raised.owner, 8.0)
        with failures_told():
            async with self._database.transaction() as session:
                known = await _with_amount(session, raised)
                opened = await exceptions.open_(session, known, due=timedelta(hours=hours))
                await changes.waits(
                    session, raised.tenant, raised.change_id, f"waiting: {raised.code}"
                )
                told = ExceptionOpened(
                    exception_id=opened.exception_id,
                    change_id=opened.change_id,
                    code=opened.code,
                    owner=opened.owner,
                    subject=opened.subject,
                    at_risk=opened.at_risk,
                )
                await outbox.publish(
                    session,
                    raised.tenant,
                    [
                        event(
                            raised.tenant,
                            "sync.exception_opened.v1",
                            key=opened.exception_id,
                            subject=opened.subscription_id,
                            data=told,
                        )
                    ],
                )
        log.warning(
            "exception opened",
            exception=opened.exception_id,
            change=opened.change_id,
            code=opened.code,
            owner=opened.owner,
        )
        return Opened(exception_id=opened.exception_id, due_seconds=hours * 3600)

    @activity.defn(name="exceptions.resume")
    async def resume(self, resumed: Resumed) -> None:
        decided = resumed.resolution
        with failures_told():
            async with self._database.transaction() as session:
                for mapping in (decided.account, decided.item):
                    if mapping is not None:
                        await mappings.put(session, resumed.tenant, mapping, by=decided.by)
                if decided.action is Action.APPROVE:
                    await _approve(session, resumed)
                await exceptions.resolve(session, resumed.tenant, decided)
                await changes.runs(session, resumed.tenant, resumed.change_id)
                told = ExceptionResolved(
                    exception_id=decided.exception_id,
                    change_id=resumed.change_id,
                    resolution=decided.action.value,
                    by=decided.by,
                )
                await outbox.publish(
                    session,
                    resumed.tenant,
                    [
                        event(
                            resumed.tenant,
                            "sync.exception_resolved.v1",
                            key=decided.exception_id,
                            subject=resumed.change_id,
                            data=told,
                        )
                    ],
                )

    @activity.defn(name="exceptions.withdraw")
    async def withdraw(self, withdrawn: Withdrawn) -> None:
        with failures_told():
            async with self._database.transaction() as session:
                await exceptions.withdraw(
                    session, withdrawn.tenant, withdrawn.change_id, note=withdrawn.why
                )

    @activity.defn(name="exceptions.escalate")
    async def escalate(self, opened: Opened) -> None:
        with failures_told():
            async with self._database.transaction() as session:
                late = await exceptions.escalate(session, opened.exception_id)
        if late is not None:
            log.error(
                "exception past its service level",
                exception=late.exception_id,
                change=late.change_id,
                owner=late.owner,
                code=late.code,
            )


async def _with_amount(session: Transaction, raised: Raised) -> Raised:
    """A saga that was refused while it planned does not know the amount; the kept plan does."""
    if raised.amount_at_risk is not None or raised.process is not None:
        return raised
    plan = await changes.plan(await driver(session), raised.tenant, raised.change_id)
    if plan is None or plan.document is None:
        return raised
    return raised.model_copy(update={"amount_at_risk": plan.document.net})


async def _approve(session: Transaction, resumed: Resumed) -> None:
    """The document that the person saw is the one of the plan that is kept now."""
    plan = await changes.plan(await driver(session), resumed.tenant, resumed.change_id)
    if plan is not None and plan.document is not None:
        decided = resumed.resolution
        await approvals.put(
            session,
            resumed.tenant,
            resumed.change_id,
            plan.document.substance,
            by=decided.by,
            note=decided.note,
        )
