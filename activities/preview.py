"""What would happen: the saga's own planning, of which nothing is kept."""

from datetime import UTC, datetime

import psycopg
from temporalio import activity

from activities.contracts.amendment import Prepared
from activities.contracts.failure import Question
from activities.contracts.preview import PreviewActivities, WhatIf
from activities.error_mapping import mapped_failures
from activities.preparing import Preparation
from activities.tenants import Tenant, Tenants
from canonical_models.exceptions import Track
from canonical_models.failures import Failure, RejectionCode
from canonical_models.preview import Comes, Foreseen, Overlay
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence import exceptions, planning_context
from persistence.database import Database
from persistence.planning_context import PlanningContext

#: How often it is tried where the saga of the same subject holds the rows.
_TRIES = 3


class Foreseeing:
    """For whoever asks: one case, a batch of them, or what would be read again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._preparation = Preparation(database)

    async def of_exception(self, tenant: Tenant, exception_id: str, overlay: Overlay) -> Foreseen:
        async with self._database.statement() as conn:
            asked = await exceptions.get(conn, tenant.name, exception_id)
            known = (
                await planning_context.of_change(conn, tenant.name, asked.change_id)
                if asked is not None
                else None
            )
        if asked is None or asked.state is not ExceptionState.OPEN:
            return _closed(exception_id, asked)
        if known is None:
            why = "a process beside the changes asks this, and no plan answers it"
            return _untold(asked.belongs_to, why)
        if known.outcome is not None or known.aborted is not None or known.undoing:
            return _untold(asked.belongs_to, "its change is being undone, or has settled")
        return await self._planned(tenant, asked.change_id, known, overlay, asked)

    async def of_subject(
        self, tenant: Tenant, subject: str, documents: tuple[str, ...], overlay: Overlay
    ) -> Foreseen:
        """As a change of it would be planned that begins now, and reads these documents."""
        async with self._database.statement() as conn:
            known = await planning_context.of_subject(conn, tenant.name, subject, documents)
        return await self._planned(tenant, "what-if", known, overlay, None)

    async def _planned(
        self,
        tenant: Tenant,
        change_id: str,
        known: PlanningContext,
        overlay: Overlay,
        asked: ExceptionView | None,
    ) -> Foreseen:
        for left in range(_TRIES, 0, -1):
            try:
                plan, told = await self._preparation.what_if(tenant, change_id, known, overlay)
            except Failure as failure:
                return _untold(known.subject, failure.message)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                if left == 1:
                    return _untold(known.subject, "its saga is at work on it at this moment")
                continue
            question = _question(told, asked)
            found = Foreseen.of(plan, _comes(question), datetime.now(UTC))
            if question is None:
                return found
            return found.model_copy(
                update={
                    "why": question.message[:2000],
                    "code": question.detail.code,
                    "about": question.detail.subject,
                }
            )
        raise AssertionError("the last try answers")


class Previews(PreviewActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._tenants = tenants
        self._foreseeing = Foreseeing(database)

    @activity.defn(name="preview.foresee")
    async def foresee(self, given: WhatIf) -> Foreseen:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            if given.exception_id is not None:
                return await self._foreseeing.of_exception(
                    tenant, given.exception_id, given.overlay
                )
            if given.subject is None:
                raise ValueError("a what-if is of an exception or of a subject")
            return await self._foreseeing.of_subject(
                tenant, given.subject, given.documents, given.overlay
            )


def _question(told: Prepared, asked: ExceptionView | None) -> Question | None:
    """What it would wait for. What one track asks does not keep the other: of an exception its own
    goes first."""
    books, access = told.books_question, told.access_question
    if asked is not None and asked.track is Track.ACCESS:
        return access or books
    return books or access


def _comes(question: Question | None) -> Comes:
    if question is None:
        return Comes.GOES_THROUGH
    needs = question.is_about(RejectionCode.APPROVAL_NEEDED)
    return Comes.NEEDS_APPROVAL if needs else Comes.THEN_WAITS


def _closed(exception_id: str, asked: ExceptionView | None) -> Foreseen:
    if asked is None:
        why, subject = f"there is no exception {exception_id}", exception_id
    else:
        subject = asked.belongs_to
        why = f"it was closed by {asked.resolved_by}: {asked.resolution}"
    return Foreseen(subject=subject, comes=Comes.NOT_AFFECTED, why=why, at=datetime.now(UTC))


def _untold(subject: str, why: str) -> Foreseen:
    return Foreseen(subject=subject, comes=Comes.UNTOLD, why=why[:2000], at=datetime.now(UTC))
