"""The exception work queue: open, resume, escalate."""

from datetime import timedelta

import structlog
from temporalio import activity

from activities.contracts.exceptions import ExceptionActivities, Opened, Resumed, Withdrawn
from activities.error_mapping import mapped_failures
from activities.master_data import content_of
from activities.tenants import Tenants
from canonical_models.amendment import account_subject
from canonical_models.events import ExceptionOpened, ExceptionResolved, event
from canonical_models.exceptions import Action, DocumentCorrection, Raised
from canonical_models.failures import Rejection, RejectionCode
from persistence import approvals, changes, documents, exceptions, mappings, outbox
from persistence.connection import Connection
from persistence.database import Database
from persistence.ownership import Owner, require

log = structlog.get_logger()


class ExceptionQueue(ExceptionActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="exceptions.open")
    async def open(self, raised: Raised) -> Opened:
        policy = self._tenants[raised.tenant].policy
        hours = policy.exception_hours.get(raised.owner, 8.0)
        with mapped_failures():
            async with self._database.transaction() as conn:
                await _require(conn, raised)
                known = await _with_amount(conn, raised)
                opened = await exceptions.open_(conn, known, due=timedelta(hours=hours))
                await changes.waits(
                    conn,
                    raised.tenant,
                    raised.change_id,
                    f"waiting: {raised.code}",
                    run_id=activity.info().workflow_run_id,
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
                    conn,
                    raised.tenant,
                    [
                        event(
                            raised.tenant,
                            "sync.exception_opened.v1",
                            key=opened.exception_id,
                            subject=opened.belongs_to,
                            data=told,
                        )
                    ],
                )
        log.warning(
            "exception opened",
            exception_id=opened.exception_id,
            change_id=opened.change_id,
            code=opened.code,
            owner=opened.owner,
        )
        return Opened(exception_id=opened.exception_id, due_seconds=hours * 3600)

    @activity.defn(name="exceptions.resume")
    async def resume(self, resumed: Resumed) -> None:
        decided = resumed.resolution
        with mapped_failures():
            approved = await self._approved(resumed) if decided.action is Action.APPROVE else None
            async with self._database.transaction() as conn:
                await _require(conn, resumed)
                for mapping in (decided.account, decided.item):
                    if mapping is not None:
                        await mappings.put(conn, resumed.tenant, mapping, by=decided.by)
                if decided.document is not None:
                    await documents.correct(
                        conn, resumed.tenant, await _with_what_was_said(conn, resumed)
                    )
                if approved is not None:
                    await approvals.put(
                        conn, resumed.tenant, *approved, by=decided.by, note=decided.note
                    )
                    await approvals.keep_plan(
                        conn, resumed.tenant, resumed.change_id, by=decided.by
                    )
                await exceptions.resolve(conn, resumed.tenant, decided)
                await changes.runs(conn, resumed.tenant, resumed.change_id, anyway=True)
                told = ExceptionResolved(
                    exception_id=decided.exception_id,
                    change_id=resumed.change_id,
                    resolution=decided.action.value,
                    by=decided.by,
                )
                await outbox.publish(
                    conn,
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
        with mapped_failures():
            async with self._database.transaction() as conn:
                await _require(conn, withdrawn)
                await exceptions.withdraw(
                    conn,
                    withdrawn.tenant,
                    withdrawn.change_id,
                    track=withdrawn.track,
                    note=withdrawn.why,
                )
                await changes.runs(conn, withdrawn.tenant, withdrawn.change_id)

    @activity.defn(name="exceptions.escalate")
    async def escalate(self, opened: Opened) -> None:
        with mapped_failures():
            async with self._database.transaction() as conn:
                late = await exceptions.escalate(conn, opened.exception_id)
        if late is not None:
            log.error(
                "exception past its service level",
                exception_id=late.exception_id,
                change_id=late.change_id,
                owner=late.owner,
                code=late.code,
            )

    async def _approved(self, resumed: Resumed) -> tuple[str, str] | None:
        """(subject, content) as it is now of what is asked about: a document, or a customer whose
        master data has changed."""
        tenant = self._tenants[resumed.tenant]
        async with self._database.transaction() as conn:
            asked = await exceptions.get(conn, tenant.name, resumed.resolution.exception_id)
            if asked is None or asked.subject is None:
                return None
            if asked.code != RejectionCode.MASTER_DATA_CHANGED.value:
                found = await documents.get(conn, tenant.name, asked.subject)
                return (asked.subject, found.document.approval) if found else None
        try:
            profile = await tenant.billing.account(asked.subject)
        except Rejection:
            # The customer has been deleted meanwhile: nothing is left to carry on.
            return None
        return account_subject(asked.subject), content_of(profile)


async def _require(conn: Connection, given: Raised | Resumed | Withdrawn) -> None:
    """Raises Overtaken where a run of a change asks that is not its newest."""
    if given.epoch is not None:
        owner = Owner(given.tenant, given.change_id, given.epoch)
        await require(conn, owner, alone=True)


async def _with_amount(conn: Connection, raised: Raised) -> Raised:
    """A saga that was refused while it planned may not know the amount; the document does."""
    if raised.amount_at_risk is not None or raised.subject is None:
        return raised
    found = await documents.get(conn, raised.tenant, raised.subject)
    if found is None:
        return raised
    return raised.model_copy(update={"amount_at_risk": found.document.gross})


async def _with_what_was_said(conn: Connection, resumed: Resumed) -> DocumentCorrection:
    """What was corrected of the document before stays, where this decision says nothing of it."""
    decided = resumed.resolution.document
    if decided is None:
        raise AssertionError("only a decision on a document is merged")
    known = await documents.get(conn, resumed.tenant, decided.document_id)
    before = known.correction if known else None
    if before is None:
        return decided
    said = {name: value for name, value in dict(decided).items() if value is not None}
    return before.model_copy(update=said)
