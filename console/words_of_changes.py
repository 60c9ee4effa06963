"""Where a change stands, and the steps of its timeline, in the console's words."""

from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
from operations.changes import ChangeDetail

OUTCOMES = {
    ChangeOutcome.COMPLETED: "every system agrees",
    ChangeOutcome.NO_CHANGE: "nothing to do",
    ChangeOutcome.COMPENSATED: "undone everywhere",
    ChangeOutcome.CANCELLED: "cancelled before anything was done",
}
STATES = {
    ChangeState.PENDING: "waits for its turn",
    ChangeState.STARTING: "is about to begin",
    ChangeState.RUNNING: "at work",
    ChangeState.WAITING: "waits for a person",
    ChangeState.SETTLED: "done",
}
#: Of steps that are told with words of the inside.
_STEPS = {
    "webhook accepted": "message accepted",
    "saga started": "begun",
    "its saga was ended before it was done; it is carried out anew": (
        "stopped from outside, and taken up again"
    ),
}


def sentence(found: ChangeDetail) -> str:
    """Where it stands, and what it waits for."""
    change = found.change
    asked = [each for each in found.exceptions if each.state is ExceptionState.OPEN]
    underway = {made.target_id: made for made in found.decided if made.outcome is None}
    if asked and change.state is not ChangeState.SETTLED:
        # Books and access wait each for itself, perhaps for the same team.
        told = dict.fromkeys(
            f"Answered by {underway[each.exception_id].by}, being handed over."
            if each.exception_id in underway
            else f"Waits for {each.owner}."
            for each in asked
        )
        return " ".join(told)
    if change.outcome is not None:
        ended = OUTCOMES[change.outcome]
        return f"{ended[0].upper()}{ended[1:]}."
    match change.state:
        case ChangeState.PENDING if change.taken_in_by is not None:
            return "Another change of the same subscription carries it out as well."
        case ChangeState.PENDING if change.held:
            return "Held by a person: nothing of it begins until it is let go."
        case ChangeState.PENDING:
            return "Waits for its turn: changes of a subscription are made one after the other."
        case ChangeState.WAITING:
            return "Goes on in a moment: what it waited for was answered."
        case _:
            return "At work."


def step(what: str) -> str:
    return _STEPS.get(what, what)
