"""The exception work queue: open, resume, escalate."""

from datetime import timedelta

import structlog
from temporalio import activity

from activities.contracts.exceptions import ExceptionActivities, Opened, Resumed
from activities.failing import failures_told
from activities.tenants import Tenants
from canonical_models.events import ExceptionOpened, ExceptionResolved, event
from canonical_models.exceptions import Raised
from persistence import changes, exceptions, mappings, outbox
from persistence.database import Database

log = structlog.get_logger()


class ExceptionQueue(ExceptionActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="exceptions.open")
    async def open(self, raised: Raised) -> Opened:
        hours = self._tenants[raised.tenant].exception_hours.get(raised.owner, 8.0)
        with failures_told():
            async with self._database.transaction() as session:
                opened = await exceptions.open_(session, raised, due=timedelta(hours=hours))
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
