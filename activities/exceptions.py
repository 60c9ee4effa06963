"""The exception work queue: open, resume, escalate."""

from datetime import UTC, datetime, timedelta
from math import ceil

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.contracts.exceptions import (
    NOT_ADMITTED,
    ExceptionActivities,
    Opened,
    Resumed,
    Withdrawn,
)
from activities.error_mapping import mapped_failures
from activities.tenants import Tenants
from canonical_models.base import isoformat
from canonical_models.decisions import (
    DecisionView,
    Door,
    Entrance,
    Outcome,
    Target,
    not_for_operations,
    of_exception,
)
from canonical_models.events import ExceptionOpened, ExceptionResolved, InvoiceDecided, event
from canonical_models.exceptions import Action, DocumentCorrection, Raised, Resolution
from canonical_models.records import Hold, HoldKind
from canonical_models.states import ChangeState, ExceptionState
from canonical_models.views import ExceptionView
from persistence import (
    causes,
    changes,
    decisions,
    documents,
    exceptions,
    mappings,
    outbox,
    waking,
)
from persistence.at_risk import at_risk
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
                await _tell_of(conn, "sync.exception_opened.v1", opened)
        log.warning(
            "exception opened",
            exception_id=opened.exception_id,
            change_id=opened.change_id,
            code=opened.code,
            owner=opened.owner,
        )
        return Opened(exception_id=opened.exception_id, due_seconds=_seconds_left(opened))

    @activity.defn(name="exceptions.resume")
    async def resume(self, resumed: Resumed) -> None:
        decided = resumed.resolution
        with mapped_failures():
            async with self._database.transaction() as conn:
                await _require(conn, resumed)
                decision = await _admitted(conn, resumed)
                if decision is None:
                    # It is this very decision, and the answer was lost.
                    return
                for mapping in (decided.account, decided.item):
                    if mapping is not None:
                        await mappings.put(conn, resumed.tenant, mapping, by=decided.by)
                if decided.action is Action.SKIP:
                    await _skip(conn, resumed)
                elif decided.document is not None:
                    await documents.correct(
                        conn, resumed.tenant, await _with_what_was_said(conn, resumed)
                    )
                await exceptions.resolve(conn, resumed.tenant, decided)
                await decisions.close(conn, decision.decision_id, Outcome.TAKEN)
                await _tell_the_others(conn, resumed)
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
                            key=await causes.occasion(conn, resumed.tenant, decided.exception_id),
                            subject=resumed.change_id,
                            data=told,
                        )
                    ],
                )

    @activity.defn(name="exceptions.withdraw")
    async def withdraw(self, withdrawn: Withdrawn) -> None:
        with mapped_failures():
            async with self._database.transaction() as conn:
                change = await changes.get(conn, withdrawn.tenant, withdrawn.change_id)
                if change is not None and change.state is ChangeState.SETTLED:
                    # By this very run, whose task is done again because news came while it ended:
                    # what was asked was closed with the change.
                    return
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
                    await _tell_of(conn, "sync.exception_escalated.v1", late)
        if late is not None:
            log.error(
                "exception past its service level",
                exception_id=late.exception_id,
                change_id=late.change_id,
                owner=late.owner,
                code=late.code,
            )


async def _tell_of(conn: Connection, kind: str, asked: ExceptionView) -> None:
    told = ExceptionOpened(
        exception_id=asked.exception_id,
        change_id=asked.change_id,
        code=asked.code,
        owner=asked.owner,
        subject=asked.subject,
        at_risk=asked.at_risk,
    )
    key = await causes.occasion(conn, asked.tenant, asked.exception_id)
    of = event(asked.tenant, kind, key=key, subject=asked.belongs_to, data=told)
    await outbox.publish(conn, asked.tenant, [of])


async def _require(conn: Connection, given: Raised | Resumed | Withdrawn) -> None:
    """Raises Overtaken where a run of a change asks that is not its newest."""
    if given.epoch is not None:
        owner = Owner(given.tenant, given.change_id, given.epoch)
        await require(conn, owner, alone=True)


async def _admitted(conn: Connection, resumed: Resumed) -> DecisionView | None:
    """The row of this decision, which is still underway; None where it has been acted on already.

    What has come by another door than to the workflow itself was admitted there, and has its row.
    Raises ApplicationError where it may not be taken.
    """
    given = resumed.resolution
    tenant, target = resumed.tenant, given.exception_id
    asked = await exceptions.get(conn, tenant, target, locked=True)
    made = await decisions.on(conn, tenant, Target.EXCEPTION, target, limit=1)
    last = made[0] if made else None
    same = last is not None and Resolution.model_validate(last.after, strict=False) == given
    if last is not None and last.outcome is None:
        if same:
            return last
        raise _not_admitted(f"{last.by} has decided `{last.action}` at {isoformat(last.at)}")
    if asked is None or asked.state is not ExceptionState.OPEN:
        if same:
            return None
        raise _not_admitted(f"exception {target} is not open any more")
    if why := not_for_operations(given, asked.owner):
        raise _not_admitted(
            f"`{given.action.value}` of exception {target} is not taken from here, where "
            f"operations decides: {why}. Decide it by the API or the command line"
        )
    return await decisions.record(
        conn, tenant, Entrance(door=Door.WEB_UI), of_exception(asked, given), outcome=None
    )


def _not_admitted(why: str) -> ApplicationError:
    log.warning("decision not admitted", why=why)
    return ApplicationError(
        why, type=NOT_ADMITTED, non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )


async def _tell_the_others(conn: Connection, resumed: Resumed) -> None:
    """What this correction has brought may be what others wait for, too."""
    decided = resumed.resolution
    if decided.action is not Action.CORRECT:
        return
    for mapping in (decided.account, decided.item):
        if mapping is not None:
            await waking.wake_mapped(conn, resumed.tenant, mapping)
    asked = await exceptions.get(conn, resumed.tenant, decided.exception_id)
    if asked is not None:
        await waking.wake_cause(conn, resumed.tenant, asked.cause_id, but=asked.exception_id)


async def _skip(conn: Connection, resumed: Resumed) -> None:
    """The document stays out of the books from now on, and who subscribes hears of it."""
    decided = resumed.resolution
    document_id = decided.document.document_id if decided.document else None
    record = await documents.get(conn, resumed.tenant, document_id) if document_id else None
    if record is None:
        raise AssertionError("only a document that is known is skipped")
    kept_out = Hold(kind=HoldKind.SKIPPED, reason=decided.note, by=decided.by, at=datetime.now(UTC))
    document = record.document
    if not await documents.hold(conn, resumed.tenant, document.document_id, kept_out):
        # It was posted meanwhile: the plan that is made anew finds it.
        return
    told = InvoiceDecided(
        invoice_id=document.document_id,
        subscription_id=document.subscription_id,
        customer_id=document.customer_id,
        decision=decided.action.value,
        reason=decided.note,
        by=decided.by,
        until=None,
        tax_code=None,
        posting_date=None,
        link=None,
        change_id=resumed.change_id,
    )
    await outbox.publish(
        conn,
        resumed.tenant,
        [
            event(
                resumed.tenant,
                "invoice.decided.v1",
                key=f"{decided.exception_id}/{document.document_id}",
                subject=document.document_id,
                data=told,
            )
        ],
    )


def _seconds_left(opened: ExceptionView) -> float | None:
    """Until it is late; None where that was told."""
    if opened.escalated_at is not None:
        return None
    return max(ceil((opened.due_at - datetime.now(UTC)).total_seconds()), 1)


async def _with_amount(conn: Connection, raised: Raised) -> Raised:
    """A saga that was refused while it planned does not know the amount; billing has said it."""
    if raised.amount_at_risk is not None:
        return raised
    said = await at_risk(conn, raised.tenant, raised.change_id, raised.subject)
    return raised.model_copy(update={"amount_at_risk": said})


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
