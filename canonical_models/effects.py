"""The states of an effect, who may move it from which to which, and what is true in each.

| state | what is true |
|---|---|
| planned | nothing of it was sent |
| attempting | one attempt is at work, or its process has died |
| uncertain | an attempt has ended without knowing what it came to, or left something half made |
| rejected | the other system refused the write itself: nothing of it happened |
| confirmed | it stands over there, as `result` says |
| compensating | an undo is at work, or waits to be tried again |
| compensated | nothing of ours stands over there any more |

A row's `attempt` counts up with everybody who begins, an undo included, and every move is a
compare-and-set on it and on the state: who was overtaken moves nothing more.
"""

from collections.abc import Mapping
from enum import StrEnum


class EffectState(StrEnum):
    PLANNED = "planned"
    ATTEMPTING = "attempting"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"


class Mover(StrEnum):
    """Who moves a row."""

    #: Somebody begins an attempt, and is the newest from then on.
    BEGIN = "begin"
    #: Somebody begins to undo it, likewise.
    UNDO = "undo"
    #: The newest attempt or undo says what it came to; nobody else may.
    NEWEST = "newest"
    #: A person says that they have taken it back over there.
    PERSON = "person"


_S = EffectState

#: All moves there are; what is not here is a bug.
TRANSITIONS: Mapping[Mover, frozenset[tuple[EffectState, EffectState]]] = {
    Mover.BEGIN: frozenset(
        {
            (_S.PLANNED, _S.ATTEMPTING),
            (_S.REJECTED, _S.ATTEMPTING),
            (_S.UNCERTAIN, _S.ATTEMPTING),
            # The attempt before has died, or stands still: it is overtaken.
            (_S.ATTEMPTING, _S.ATTEMPTING),
            # A set alone, for something else than was written before.
            (_S.CONFIRMED, _S.ATTEMPTING),
        }
    ),
    Mover.NEWEST: frozenset(
        {
            (_S.ATTEMPTING, _S.CONFIRMED),
            (_S.ATTEMPTING, _S.UNCERTAIN),
            (_S.ATTEMPTING, _S.REJECTED),
            (_S.ATTEMPTING, _S.PLANNED),
            (_S.COMPENSATING, _S.COMPENSATED),
        }
    ),
    Mover.UNDO: frozenset(
        {
            # Nothing of it happened, and now nothing can.
            (_S.PLANNED, _S.COMPENSATED),
            (_S.REJECTED, _S.COMPENSATED),
            (_S.PLANNED, _S.COMPENSATING),
            (_S.REJECTED, _S.COMPENSATING),
            (_S.ATTEMPTING, _S.COMPENSATING),
            (_S.UNCERTAIN, _S.COMPENSATING),
            (_S.CONFIRMED, _S.COMPENSATING),
            (_S.COMPENSATING, _S.COMPENSATING),
        }
    ),
    Mover.PERSON: frozenset(
        (state, _S.COMPENSATED) for state in EffectState if state is not _S.COMPENSATED
    ),
}

#: An effect that is being undone, or has been, is not attempted again.
UNDONE = frozenset({EffectState.COMPENSATING, EffectState.COMPENSATED})


def may_move(mover: Mover, before: EffectState, after: EffectState) -> bool:
    return (before, after) in TRANSITIONS[mover]
