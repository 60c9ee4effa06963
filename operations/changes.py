"""Changes: list them, follow one across all systems, cancel it, speak to its saga."""

import asyncio
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from canonical_models.base import Canonical
from canonical_models.decisions import DecisionMade, DecisionView, Outcome, Target
from canonical_models.events import SyncCompensated, event
from canonical_models.exceptions import Resolution
from canonical_models.preview import terms_of
from canonical_models.states import ChangeOutcome, ChangeState
from canonical_models.views import ChangeView, EffectView, ExceptionView
from operations.context import AppContext
from operations.corrections import signed
from operations.engine import saga_of
from operations.errors import Conflict, Invalid, NotFound
from operations.exceptions import decide
from operations.handing import handed_over
from operations.paging import Page, cursor, cut, number
from operations.permissions import Principal, require_decision
from operations.timeline import Step, in_words, timeline
from persistence import changes, decisions, effects, exceptions, inbox, outbox
from persistence.connection import Connection
from persistence.together import together
from workflows.names import DECIDE, NEWER_CHANGE


class ChangeDetail(Canonical):
    """A change with all that it did and waits for. `workflow_url` leads to the Web UI."""

    change: ChangeView
    words: str
    timeline: tuple[Step, ...]
    effects: tuple[EffectView, ...]
    exceptions: tuple[ExceptionView, ...]
    #: What people decided of it, of what it asked, and of what it carries out, the oldest first.
    decided: tuple[DecisionView, ...]
    #: What every system said at the end; None until the change has completed.
    proof: dict[str, Any] | None
    #: The digest of its plan, as a preview of the same has it; None before there is a plan.
    terms: str | None
    workflow_url: str | None


class Cancelled(Canonical):
    """`how`: `settled` at once, `requested` of a saga that now undoes, `kept` where none could be
    asked yet, which happens by itself, or `already` done."""

    change_id: str
    how: str
    words: str


async def list_(
    context: AppContext,
    tenant: str,
    *,
    state: ChangeState | None = None,
    outcome: ChangeOutcome | None = None,
    lost: bool = False,
    subject: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[ChangeView]:
    """Newest first; `subject` is a subscription, or `account:` and a customer. `lost` are those
    whose saga was lost, and begun anew."""
    async with context.database.transaction() as conn:
        found = await changes.page(
            conn,
            tenant,
            before=number(after),
            limit=limit + 1,
            state=state,
            outcome=outcome,
            lost=lost,
            subject=subject,
        )
    items, more = cut(found, limit)
    return Page[ChangeView](items=items, next=cursor(items[-1].seq) if more else None)


async def show(context: AppContext, tenant: str, change_id: str) -> ChangeDetail:
    """Raises NotFound."""
    async with context.database.transaction() as conn:
        change, done, raised, proof, plan, receipt, decided = await together(
            conn,
            lambda on: changes.get(on, tenant, change_id),
            lambda on: effects.of_change(on, tenant, change_id),
            lambda on: exceptions.page(on, tenant, state=None, change_id=change_id, limit=200),
            lambda on: changes.proof(on, tenant, change_id),
            lambda on: changes.plan(on, tenant, change_id),
            lambda on: inbox.receipt_of(on, tenant, change_id),
            lambda on: decisions.of_change(on, tenant, change_id),
        )
    if change is None:
        raise _unknown(change_id)
    run = context.engine.link_of(change)
    oldest_first = tuple(reversed(raised))
    return ChangeDetail(
        change=change,
        words=in_words(change, raised, decided),
        timeline=timeline(change, done, oldest_first, decided, receipt=receipt, run=run),
        effects=done,
        exceptions=oldest_first,
        decided=decided,
        proof=proof,
        terms=terms_of(plan) if plan else None,
        workflow_url=run,
    )


async def cancel(context: AppContext, tenant: str, change_id: str, *, by: str) -> Cancelled:
    """Take back what the change has done and end it; before it has begun, just end it. Documents
    that are posted stay: billing has issued them, and only an `abort` of finance reverses them.

    Safe to repeat. Raises NotFound, Conflict when it has completed.
    """
    async with context.database.transaction() as conn:
        change = await changes.get(conn, tenant, change_id)
        if change is None:
            raise _unknown(change_id)
        settled = change.state is ChangeState.PENDING and await _cancel_pending(conn, change, by)
        # The dispatcher may have begun it since it was read.
        change = await changes.get(conn, tenant, change_id) or change
        if not settled and change.state is ChangeState.SETTLED:
            return _settled_before(change)
        made = await _kept(conn, context, change, by, settled=settled)
    if settled:
        return Cancelled(
            change_id=change_id,
            how="settled",
            words="Cancelled before it began; nothing was changed anywhere. What it was about is "
            "read again when its subject is looked at.",
        )
    made = await handed_over(context, tenant, made)
    if made.outcome is Outcome.VOID:
        return _settled_before(await _get(context, tenant, change_id))
    if made.outcome is None:
        return Cancelled(
            change_id=change_id,
            how="kept",
            words="Kept: its saga could not be asked yet, and is asked by itself as soon as it can "
            "be.",
        )
    return Cancelled(
        change_id=change_id,
        how="requested",
        words="The saga has been asked to stop and takes back what it has done, but for documents "
        "that are posted.",
    )


async def _kept(
    conn: Connection, context: AppContext, change: ChangeView, by: str, *, settled: bool
) -> DecisionView:
    """Who asks for the same while it is handed over waits for that."""
    # Two who cancel it must each see the other.
    await changes.lock(conn, change.change_id)
    known = await decisions.underway(conn, change.tenant, Target.CHANGE, change.change_id)
    if known is not None:
        return known
    decided = DecisionMade(
        by=by,
        action="cancel",
        target_kind=Target.CHANGE,
        target_id=change.change_id,
        change_id=change.change_id,
        before={"state": change.state},
    )
    outcome = Outcome.DONE if settled else None
    return await decisions.record(conn, change.tenant, context.entrance, decided, outcome=outcome)


def _settled_before(change: ChangeView) -> Cancelled:
    """Raises Conflict."""
    if change.outcome in (ChangeOutcome.CANCELLED, ChangeOutcome.COMPENSATED):
        return Cancelled(change_id=change.change_id, how="already", words=in_words(change, ()))
    raise Conflict(
        f"change {change.change_id} has settled as {change.outcome} and cannot be cancelled",
        remedy="change it in billing: the next change puts it right everywhere",
        see=("change", change.change_id),
    )


async def signal(
    context: AppContext,
    tenant: str,
    change_id: str,
    name: str,
    payload: Any,
    *,
    who: Principal,
) -> None:
    """Send a Temporal signal to the saga of this change.

    `decide` carries a decision, which is kept and handed over like one that is handed in by itself,
    and nobody waits for it. Raises NotFound, Forbidden, Conflict, Invalid, Unavailable.
    """
    resolution = _decided(name, payload, by=who.name)
    if resolution is not None:
        await require_decision(context, who, resolution)
    change = await _get(context, tenant, change_id)
    if change.state in (ChangeState.PENDING, ChangeState.SETTLED):
        raise Conflict(
            f"change {change_id} is {change.state}: no saga runs that could hear a signal",
            remedy="signal a change that is running or waiting",
        )
    if resolution is not None:
        await decide(context, tenant, resolution, change_id=change_id, roles=who.roles)
        return
    arguments = [] if payload is None else [payload]
    await context.engine.signal(saga_of(change), await _run(context, change), name, arguments)


async def followed(
    context: AppContext,
    tenant: str,
    change_id: str,
    *,
    apart_from: Collection[str] = (),
    bound: float,
) -> ChangeView:
    """The change once it has settled or waits for an exception, but not for those `apart_from`.

    After `bound` seconds it is answered as it then is.
    """
    try:
        async with asyncio.timeout(bound):
            while True:
                async with context.database.transaction() as conn:
                    change = await changes.get(conn, tenant, change_id)
                    waiting = await exceptions.page(conn, tenant, change_id=change_id)
                if change is None:
                    raise _unknown(change_id)
                if change.state is ChangeState.PENDING and change.taken_in_by is not None:
                    # What is asked of the saga that carries it out is asked of it.
                    return await followed(
                        context,
                        tenant,
                        change.taken_in_by,
                        apart_from=apart_from,
                        bound=bound,
                    )
                asked = {found.exception_id for found in waiting}
                # A question that is still open is tried again where another one was decided.
                if change.state is ChangeState.SETTLED:
                    return change
                if change.state is ChangeState.WAITING and asked - set(apart_from):
                    return change
                await asyncio.sleep(0.2)
    except TimeoutError:
        return await _get(context, tenant, change_id)


async def _get(context: AppContext, tenant: str, change_id: str) -> ChangeView:
    async with context.database.transaction() as conn:
        change = await changes.get(conn, tenant, change_id)
    if change is None:
        raise _unknown(change_id)
    return change


async def _cancel_pending(conn: Connection, change: ChangeView, by: str) -> bool:
    reason = f"cancelled by {by} before it began"
    told = SyncCompensated(
        change_id=change.change_id,
        subscription_id=change.subject,
        outcome=ChangeOutcome.CANCELLED,
        reason=reason,
    )
    if not await changes.cancel_pending(conn, change.tenant, change.change_id, reason):
        return False
    await outbox.publish(
        conn,
        change.tenant,
        [
            event(
                change.tenant,
                "sync.compensated.v1",
                key=change.change_id,
                subject=change.subject,
                data=told,
            )
        ],
    )
    return True


async def _run(context: AppContext, change: ChangeView) -> str:
    """Without its run the message could reach another change of the same subject."""
    run_id = change.run_id or await context.engine.run_of(change)
    if run_id is None:
        raise Conflict(
            f"no saga of change {change.change_id} is open at the moment",
            remedy="do it again in a second; where it waits for operations, decide its exception",
            see=("change", change.change_id),
        )
    return run_id


def _decided(name: str, payload: Any, *, by: str) -> Resolution | None:
    """The decision that a signal carries; None where it is another signal. Raises Invalid."""
    if name.startswith("__"):
        raise Invalid(
            "signal names that begin with __ belong to the engine",
            remedy=f"use `{DECIDE}`, `{NEWER_CHANGE}` or a name that your saga knows",
        )
    if name != DECIDE:
        return None
    if not isinstance(payload, dict):
        raise Invalid(
            f"`{DECIDE}` carries a decision",
            remedy='send {"exception_id": "exc_…", "action": "retry"}',
        )
    try:
        decision = Resolution.model_validate({**payload, "by": by}, strict=False)
    except ValidationError as fault:
        fields = {".".join(map(str, error["loc"])) for error in fault.errors()}
        raise Invalid(
            f"the decision is not valid in {', '.join(sorted(fields))}",
            remedy="send exception_id, an action that the exception takes and, to correct, what "
            "was missing",
        ) from None
    return signed(decision)


def _unknown(change_id: str) -> NotFound:
    return NotFound(f"there is no change {change_id}", remedy="list them", see=("changes", ""))
