"""How far each operation of the API may be relied on, and which are to end: read by the API, which
says so in every answer, and by who looks at who still uses them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    STABLE = "stable"
    #: It may still change without notice.
    PREVIEW = "preview"
    DEPRECATED = "deprecated"


@dataclass(frozen=True)
class Ending:
    """`deprecated` is since when another way is to be used, and `instead` its address; `sunset` is
    from when it is gone."""

    deprecated: datetime
    sunset: datetime | None = None
    instead: str | None = None


#: By operation, such as `GET /v1/changes`. None ends today.
ENDING: dict[str, Ending] = {}
#: Operations that may still change.
UNSETTLED = frozenset({"POST /v1/amendments/preview"})


def state_of(operation: str) -> State:
    if operation in ENDING:
        return State.DEPRECATED
    return State.PREVIEW if operation in UNSETTLED else State.STABLE
