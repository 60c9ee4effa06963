"""The end of a change that was undone."""

from datetime import UTC, datetime

from activities.contracts.amendment import CANCELLED, UndoneInput
from activities.events import undone
from activities.kept_plans import owner_of
from canonical_models.decisions import (
    CANCELLED_THERE,
    UNNAMED,
    DecisionMade,
    Door,
    Entrance,
    Outcome,
    Target,
)
from canonical_models.exceptions import UNDO_OF, Action
from canonical_models.records import Hold, HoldKind
from canonical_models.states import ChangeState, ExceptionState
from canonical_models.views import ChangeView
from persistence import changes, decisions, documents, effects, exceptions, outbox
from persistence.connection import Connection
from persistence.database import Database
from persistence.ownership import require

_CANCEL = (Target.CHANGE, "cancel")


async def settle_undone(database: Database, given: UndoneInput) -> None:
    """Nobody is asked any more, events say so, and the change is settled. May be repeated."""
    async with database.transaction() as conn:
        change = await changes.get(conn, given.tenant, given.change_id)
        if change is None or change.state is ChangeState.SETTLED:
            return
        await require(conn, owner_of(given), alone=True)
        if given.reason == CANCELLED:
            reason = await _cancelled_by(conn, given, change)
            given = given.model_copy(update={"reason": reason})
        if given.aborted:
            await _leave_what_was_refused(conn, given, change)
        await _close_what_people_took_back(conn, given)
        await exceptions.cancel_of_change(conn, given.tenant, given.change_id)
        await outbox.publish(conn, given.tenant, [undone(given, change)])
        await changes.settle(
            conn,
            given.tenant,
            given.change_id,
            outcome=given.outcome,
            summary=f"{change.summary or change.kind.value} - undone: {given.reason}",
        )


async def _cancelled_by(conn: Connection, given: UndoneInput, change: ChangeView) -> str:
    """Who stopped it, in words: by our doors a person, whose decision is kept. The engine tells
    nobody's name, which is then decided by nobody that is known."""
    decided = await decisions.of_change(conn, given.tenant, given.change_id)
    asked = [made for made in decided if (made.target_kind, made.action) == _CANCEL]
    if asked:
        return f"cancelled by {asked[-1].by}"
    await decisions.record(
        conn,
        given.tenant,
        Entrance(door=Door.WEB_UI),
        DecisionMade(
            by=UNNAMED,
            action=_CANCEL[1],
            target_kind=_CANCEL[0],
            target_id=given.change_id,
            change_id=given.change_id,
            before={"state": change.state},
        ),
        outcome=Outcome.TAKEN,
    )
    return CANCELLED_THERE


async def _close_what_people_took_back(conn: Connection, given: UndoneInput) -> None:
    """An undo that a machine could not end was ended by the person who was asked about it."""
    left = await effects.being_undone(conn, given.tenant, given.change_id)
    if not left:
        return
    asked = await exceptions.page(
        conn, given.tenant, state=ExceptionState.RESOLVED, change_id=given.change_id
    )
    by_hand = (
        question
        for question in asked
        if question.step.startswith(UNDO_OF) and question.resolution == Action.ABORT.value
    )
    said = next(by_hand, None)
    by = said.resolved_by if said else None
    note = said.note if said else None
    for key in left:
        known = await effects.get(conn, key, lock=True)
        if known is not None:
            await effects.close_by_hand(
                conn,
                key,
                known,
                by=by or "operator",
                reference=(note or "taken back by hand")[:255],
            )


async def _leave_what_was_refused(conn: Connection, given: UndoneInput, change: ChangeView) -> None:
    """A document that a person was asked about and said no to is held as it is: what the change has
    posted itself has its undo, and without this the next change would ask the same again."""
    asked = await exceptions.page(
        conn, given.tenant, state=ExceptionState.RESOLVED, change_id=given.change_id
    )
    for question in asked:
        if question.resolution == Action.ABORT.value and question.subject is not None:
            hold = Hold(
                kind=HoldKind.HELD,
                reason=given.reason,
                by=question.resolved_by or "operator",
                at=datetime.now(UTC),
            )
            await documents.leave(conn, given.tenant, change.subject, question.subject, hold)
