"""The way of one change across all systems, step by step and in words."""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from canonical_models.amendment import customer_of
from canonical_models.base import Canonical, Instant
from canonical_models.decisions import DecisionView, Door, Outcome, Target
from canonical_models.effects import EffectState
from canonical_models.mends import decisions_of
from canonical_models.occasion import (
    Backfilled,
    DocumentDecided,
    DocumentSeen,
    DunningMoved,
    Occasion,
    RenewalMissed,
    SyncAsked,
    TakenOver,
    occasion,
)
from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from canonical_models.views import ChangeView, EffectView, ExceptionView
from persistence.change_queue import OURS


class Step(Canonical):
    """`document` is what people search for in `system`, `url` leads to it."""

    at: Instant
    system: str
    what: str
    state: str
    document: str | None = None
    url: str | None = None
    note: str | None = None


def timeline(
    change: ChangeView,
    effects: Iterable[EffectView],
    exceptions: Iterable[ExceptionView],
    decisions: Sequence[DecisionView],
    *,
    receipt: str | None,
    run: str | None,
) -> tuple[Step, ...]:
    """Oldest first. `run` is the link to the saga in the Web UI."""
    steps = list(_begin(change, receipt, run))
    for effect in effects:
        steps += _effect(effect)
    kept = {(decision.target_id, decision.action) for decision in decisions}
    for exception in exceptions:
        steps += _exception(exception)
        if (exception.exception_id, exception.resolution) not in kept:
            steps += _resolved(exception)
    steps += [_decision(decision) for decision in decisions]
    for happened in change.happened:
        if (change.change_id, _DECIDES.get(happened.what)) in kept:
            continue
        steps.append(
            Step(
                at=happened.at,
                system="trueup",
                what=_HAPPENED[happened.what],
                state=happened.what,
                note=happened.note,
            )
        )
    if change.settled_at is not None:
        steps.append(
            Step(
                at=change.settled_at,
                system="trueup",
                what=_OUTCOMES[change.outcome or ChangeOutcome.COMPLETED],
                state=change.outcome or change.state,
                note=change.summary,
            )
        )
    # Sorting is stable: at one instant cause comes before consequence, as listed here.
    steps.sort(key=lambda step: step.at)
    return tuple(steps)


_OUTCOMES = {
    ChangeOutcome.COMPLETED: "every system agrees, proven by reading each back",
    ChangeOutcome.NO_CHANGE: "nothing to do: every system agreed already",
    ChangeOutcome.COMPENSATED: "undone: what it had done was taken back",
    ChangeOutcome.CANCELLED: "cancelled before anything was changed",
    ChangeOutcome.SHADOWED: "in shadow: planned, and nothing was done",
}

#: By what was done to a change, the decision that it was.
_DECIDES = {"held": "hold", "released": "release"}

_DOORS = {
    Door.API: "by the API",
    Door.CLI: "by the command line",
    Door.CONSOLE: "in the console",
    Door.WEB_UI: "in the Temporal Web UI",
    Door.TRUEUP: "by Trueup",
}

_HAPPENED = {
    "requeued": "its saga was ended before it was done; it is carried out anew",
    "held": "held by a person",
    "released": "let go on",
}


def in_words(
    change: ChangeView,
    exceptions: Iterable[ExceptionView],
    decisions: Iterable[DecisionView] = (),
) -> str:
    """Where the change stands and what it waits for, a sentence or two a question."""
    underway = {made.target_id: made for made in decisions if made.outcome is None}
    waiting = [found for found in exceptions if found.state is ExceptionState.OPEN]
    if waiting and change.state is not ChangeState.SETTLED:
        # The books and the access of a change wait each for itself.
        oldest_first = sorted(waiting, key=lambda found: found.opened_at)
        return " ".join(_waits(asked, underway.get(asked.exception_id)) for asked in oldest_first)
    match change.state:
        case ChangeState.PENDING if change.taken_in_by is not None:
            return f"Taken in by {change.taken_in_by}: the saga of that change carries it out, too."
        case ChangeState.PENDING if change.held:
            return (
                f"Held ({change.summary or 'by a person'}): it is not begun, nor is what comes "
                "after it, until it is released."
            )
        case ChangeState.PENDING:
            kind = "an account" if customer_of(change.subject) else "a subscription"
            return f"Waits for its turn: changes of {kind} are made one after the other."
        case ChangeState.STARTING:
            return "The saga is being started."
        case ChangeState.RUNNING:
            return f"At work{f': {change.summary}' if change.summary else ''}."
        case ChangeState.WAITING:
            return "Goes on in a moment: its exception has been decided."
        case ChangeState.SETTLED:
            outcome = _OUTCOMES[change.outcome or ChangeOutcome.COMPLETED]
            return f"{outcome[0].upper()}{outcome[1:]}" + (
                f" ({change.summary})." if change.summary else "."
            )


def _waits(asked: ExceptionView, made: DecisionView | None) -> str:
    if made is not None:
        return f"{made.action} by {made.by} is being handed over: {asked.message}."
    decisions = ", ".join(action.value for action in decisions_of(asked.code))
    return (
        f"Waits for {asked.owner}: {asked.message}. "
        f"Exception {asked.exception_id} takes {decisions}."
    )


def _begin(change: ChangeView, receipt: str | None, run: str | None) -> Iterator[Step]:
    customer = customer_of(change.subject)
    about = customer or change.subscription_id
    if change.connection == OURS:
        yield Step(
            at=change.received_at,
            system="trueup",
            what=_occasion(occasion(change.event_id)),
            state="asked for",
            document=about,
            note=change.event_id,
        )
    else:
        yield Step(
            at=min(change.occurred_at, change.received_at),
            system="billing",
            what="account changed" if customer else "subscription changed",
            state="happened",
            document=about,
            note=f"event {change.event_id}",
        )
        yield Step(
            at=change.received_at,
            system="trueup",
            what="webhook accepted",
            state="received",
            document=receipt,
        )
    if change.started_at is not None:
        yield Step(
            at=change.started_at,
            system="temporal",
            what="saga started",
            state="started",
            document=change.run_id,
            url=run,
        )


def _occasion(why: Occasion) -> str:
    match why:
        case SyncAsked():
            return "a person had it looked at"
        case DocumentDecided():
            return f"{why.decision} of document {why.document_id}"
        case DunningMoved():
            return f"{why.became} by the dunning of invoice {why.invoice_id}"
        case RenewalMissed():
            return "billing has not told of a renewal that is due"
        case DocumentSeen():
            return f"document {why.document_id} was seen by a change of another subject"
        case TakenOver():
            return "it was taken over, and has moved since the cutover"
        case Backfilled():
            return f"backfill {why.batch_id} has it brought about"
        case _:
            assert_never(why)


def _effect(effect: EffectView) -> Iterator[Step]:
    undoing = effect.state in (EffectState.COMPENSATING, EffectState.COMPENSATED)
    attempts = f"attempt {effect.attempts}" if effect.attempts > 1 else None
    # One change may post several documents and enter several movements; the step says which.
    which = effect.step.partition("/")[2] or None
    # An effect that is undone did happen first, and the timeline says both.
    if not undoing or effect.confirmed_at is not None:
        yield Step(
            at=effect.confirmed_at or effect.attempted_at or effect.created_at,
            system=effect.system,
            what=effect.operation,
            state="confirmed" if undoing else effect.state,
            document=effect.document,
            url=effect.url,
            note="; ".join(filter(None, (which, attempts, None if undoing else effect.error)))
            or None,
        )
    if undoing:
        yield Step(
            at=effect.compensated_at or effect.attempted_at or effect.created_at,
            system=effect.system,
            what=f"undo: {effect.operation}",
            state=effect.state,
            document=effect.undo_document,
            note=effect.error or (None if effect.confirmed_at else "it had not happened"),
        )


def _exception(exception: ExceptionView) -> Iterator[Step]:
    yield Step(
        at=exception.opened_at,
        system=exception.system,
        what=f"{exception.step}: {exception.code.replace('_', ' ')}",
        state="exception",
        document=exception.exception_id,
        note=exception.message,
    )
    if exception.escalated_at is not None:
        yield Step(
            at=exception.escalated_at,
            system="trueup",
            what=f"{exception.owner} has not answered in time",
            state="escalated",
            document=exception.exception_id,
        )


def _resolved(exception: ExceptionView) -> Iterator[Step]:
    """Where no decision is kept of it: it was closed by the saga, or by an earlier release."""
    if exception.resolved_at is not None:
        yield Step(
            at=exception.resolved_at,
            system="trueup",
            what=f"{exception.resolution} by {exception.resolved_by}",
            state="resolved",
            document=exception.exception_id,
            note=exception.note or None,
        )


def _decision(decision: DecisionView) -> Step:
    about = "" if decision.target_kind is Target.EXCEPTION else f" of {decision.target_kind}"
    match decision.outcome:
        case None:
            state = "underway"
        case Outcome.VOID:
            state = "void"
        case _:
            state = "resolved" if decision.target_kind is Target.EXCEPTION else "decided"
    return Step(
        at=decision.delivered_at or decision.at,
        system="trueup",
        what=f"{decision.action}{about} by {decision.by}, {_DOORS[decision.door]}",
        state=state,
        document=decision.target_id,
        note=decision.reason or None,
    )
