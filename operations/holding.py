"""Stop a change without undoing it, and let it go on.

Terminating a saga does not stop its change: it is carried out anew. A change that is held is not
claimed, nor is what comes after it of its subject.
"""

from datetime import UTC, datetime

from pydantic import Field

from canonical_models.base import Canonical
from canonical_models.decisions import DecisionMade, Target
from canonical_models.events import Event, SyncHeld, event
from canonical_models.states import ChangeState
from canonical_models.views import ChangeView
from operations.context import AppContext
from operations.engine import saga_of
from operations.errors import Conflict, NotFound
from persistence import change_queue, changes, decisions, outbox
from persistence.connection import Connection

_OPEN = (ChangeState.STARTING, ChangeState.RUNNING, ChangeState.WAITING)


class HoldChangeRequest(Canonical):
    """Why it is to be stopped, for those who find it held."""

    reason: str = Field(min_length=1, max_length=2000)


class ChangeHeld(Canonical):
    """`already` where it was so before. What its saga has done by then stands."""

    change_id: str
    held: bool
    already: bool
    words: str


async def hold(
    context: AppContext, tenant: str, change_id: str, *, by: str, reason: str
) -> ChangeHeld:
    """Stop it: a saga that is open has no effect any more and is ended. Raises NotFound, Conflict
    where it has settled; Unavailable where the saga could not be ended, which then ends by itself
    at its next step."""
    async with context.database.transaction() as conn:
        change = await _get(conn, tenant, change_id)
        held = await change_queue.hold(conn, tenant, change_id, held=True)
        if held:
            words = f"held by {by}: {reason}"
            await change_queue.requeue(conn, change_id, why=words, lost=False)
            await changes.note(conn, change_id, "held", f"by {by}: {reason}")
            await outbox.publish(conn, tenant, [_event(change, "sync.held.v1", by, reason)])
            await _record(conn, context, change, "hold", by, reason)
    if held and change.state in _OPEN:
        run_id = change.run_id or await context.engine.run_of(change)
        if run_id is not None:
            await context.engine.terminate(saga_of(change), run_id, why=f"held by {by}: {reason}")
    return ChangeHeld(
        change_id=change_id,
        held=True,
        already=not held,
        words="Held: neither it nor what comes after it of its subject is begun, and what it has "
        "done stands, until it is released.",
    )


async def release(context: AppContext, tenant: str, change_id: str, *, by: str) -> ChangeHeld:
    """Raises NotFound, Conflict where it has settled."""
    async with context.database.transaction() as conn:
        change = await _get(conn, tenant, change_id)
        released = await change_queue.hold(conn, tenant, change_id, held=False)
        if released:
            await changes.note(conn, change_id, "released", f"by {by}")
            await outbox.publish(conn, tenant, [_event(change, "sync.released.v1", by, "")])
            await _record(conn, context, change, "release", by, "")
    return ChangeHeld(
        change_id=change_id,
        held=False,
        already=not released,
        words="Released: it goes on when its turn comes, from what billing says then."
        if released
        else "It is not held.",
    )


async def _get(conn: Connection, tenant: str, change_id: str) -> ChangeView:
    change = await changes.get(conn, tenant, change_id)
    if change is None:
        raise NotFound(f"there is no change {change_id}", remedy="list them", see=("changes", ""))
    if change.state is ChangeState.SETTLED:
        raise Conflict(
            f"change {change_id} has settled as {change.outcome}: there is nothing to stop",
            remedy="see what it did",
            see=("change", change_id),
        )
    return change


async def _record(
    conn: Connection, context: AppContext, change: ChangeView, action: str, by: str, reason: str
) -> None:
    decided = DecisionMade(
        by=by,
        action=action,
        target_kind=Target.CHANGE,
        target_id=change.change_id,
        change_id=change.change_id,
        before={"state": change.state, "held": change.held},
        after={"held": action == "hold"},
        reason=reason,
    )
    await decisions.record(conn, change.tenant, context.entrance, decided)


def _event(change: ChangeView, kind: str, by: str, reason: str) -> Event:
    return event(
        change.tenant,
        kind,
        key=f"{change.change_id}/{datetime.now(UTC).isoformat()}",
        subject=change.subject,
        data=SyncHeld(
            change_id=change.change_id, subscription_id=change.subject, by=by, reason=reason
        ),
    )
