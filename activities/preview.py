"""What would happen: the saga's own planning, of which nothing is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg
from temporalio import activity

from activities.contracts.failure import Question
from activities.contracts.preview import PreviewActivities, WhatIf
from activities.error_mapping import mapped_failures
from activities.hypothesis import Hypothesis
from activities.preparing import Preparation
from activities.tenants import Tenant, Tenants
from canonical_models.exceptions import Track
from canonical_models.failures import Failure, RejectionCode, TransientFailure
from canonical_models.preview import Comes, Foreseen, Overlay
from canonical_models.proposal import ProposedChange
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence import exceptions, planning_context, shadows
from persistence.database import Database
from persistence.planning_context import PlanningContext

#: How often it is tried where the saga of the same subject holds the rows.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Asking:
    """A case, and which tracks of its change ask a person now."""

    case: ExceptionView
    tracks: frozenset[str]


class Foreseeing:
    """For whoever asks: one case, a batch of them, or what would be read again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._preparation = Preparation(database)

    async def of_exception(self, tenant: Tenant, exception_id: str, overlay: Overlay) -> Foreseen:
        async with self._database.statement() as conn:
            asked = await exceptions.get(conn, tenant.name, exception_id)
            known, of_change = None, tuple[ExceptionView, ...]()
            if asked is not None:
                known = await planning_context.of_change(conn, tenant.name, asked.change_id)
                of_change = await exceptions.page(conn, tenant.name, change_id=asked.change_id)
        if asked is None or asked.state is not ExceptionState.OPEN:
            return _closed(exception_id, asked)
        if known is None:
            why = "a process beside the changes asks this, and no plan answers it"
            return _untold(asked.belongs_to, why)
        if known.outcome is not None or known.aborted is not None or known.undoing:
            return _untold(asked.belongs_to, "its change is being undone, or has settled")
        asking = Asking(asked, frozenset(each.track for each in of_change))
        return await self._planned(tenant, asked.change_id, known, overlay, asking)

    async def of_subject(
        self,
        tenant: Tenant,
        subject: str,
        documents: tuple[str, ...],
        overlay: Overlay,
        *,
        whole: bool = False,
        patient: bool = False,
        anew: datetime | None = None,
    ) -> Foreseen:
        """As a change of it would be planned that begins now, and reads these documents, or all
        since the cutover where it is a `whole` one. Raises TransientFailure where it is `patient`:
        it may be told later. With `anew` what was issued from then on counts as not posted."""
        async with self._database.statement() as conn:
            known = await planning_context.of_subject(conn, tenant.name, subject, documents)
            if tenant.shadow:
                known = await shadows.known(conn, tenant.name, "what-if", known)
        known = replace(known, whole=known.whole or whole)
        return await self._planned(
            tenant, "what-if", known, overlay, None, patient=patient, anew=anew
        )

    async def of_proposed(
        self, tenant: Tenant, subscription_id: str, proposed: ProposedChange
    ) -> Foreseen:
        """As the change would be planned that billing would tell of, were it asked for this."""
        async with self._database.statement() as conn:
            known = await planning_context.of_subject(conn, tenant.name, subscription_id, ())
        if known.agreed is None:
            why = f"nothing was agreed of {subscription_id} yet: have it looked at first"
            return _untold(subscription_id, why)
        return await self._planned(tenant, "what-if", known, Overlay(), None, proposed)

    async def _planned(
        self,
        tenant: Tenant,
        change_id: str,
        known: PlanningContext,
        overlay: Overlay,
        asking: Asking | None,
        proposed: ProposedChange | None = None,
        *,
        patient: bool = False,
        anew: datetime | None = None,
    ) -> Foreseen:
        for left in range(_TRIES, 0, -1):
            try:
                found = await self._preparation.what_if(
                    tenant, change_id, known, overlay, proposed, anew=anew
                )
            except Failure as failure:
                if patient and isinstance(failure, TransientFailure):
                    raise
                return _untold(known.subject, failure.message)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                if left == 1:
                    return _untold(known.subject, "its saga is at work on it at this moment")
                continue
            return foreseen_of(found, asking, tuple(tenant.targets))
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
            if given.proposed is not None:
                return await self._foreseeing.of_proposed(tenant, given.subject, given.proposed)
            return await self._foreseeing.of_subject(
                tenant, given.subject, given.documents, given.overlay, whole=given.whole
            )


def foreseen_of(
    found: Hypothesis, asking: Asking | None = None, targets: tuple[str, ...] = ()
) -> Foreseen:
    """What the plan is told as; of a case its own question goes first."""
    questions = _questions(found)
    question = _first(questions, asking)
    needs = tuple(need for each in found.asked if each.asked for need in each.asked.needs)
    told = Foreseen.of(
        found.plan,
        _comes(question),
        datetime.now(UTC),
        unbilled=found.unbilled,
        approvals=needs,
        opens=found.told.account_missing is not None,
        targets=targets,
    )
    if asking is not None:
        goes_on = (track for track, asks in questions.items() if not asks)
        waited = tuple(track for track in goes_on if track in asking.tracks)
        told = told.model_copy(update={"goes_on": waited})
    if question is None:
        return told
    return told.model_copy(
        update={
            "why": question.message[:2000],
            "code": question.detail.code,
            "about": question.detail.subject,
        }
    )


def _questions(found: Hypothesis) -> dict[Track, Question | None]:
    """What each half of the change would wait for. What one asks does not keep the other."""
    told = found.told
    books = Question.of(found.asked[0]) if found.asked else told.books_question
    return {Track.BOOKS: books, Track.ACCESS: told.access_question}


def _first(questions: Mapping[Track, Question | None], asking: Asking | None) -> Question | None:
    """Of an exception its own goes first."""
    books, access = questions[Track.BOOKS], questions[Track.ACCESS]
    if asking is not None and asking.case.track == Track.ACCESS:
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
