"""Why an operation was not done. The API turns these into problems, the CLI into exit codes."""

from collections.abc import Mapping
from typing import Any

import psycopg

#: The database does not answer; nothing is known to have changed.
NO_DATABASE: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InterfaceError)


class NotDone(Exception):
    """`detail` says what was not done to which object, `remedy` what to do next. `see` is the kind
    and id of the object to look at, which each door has words of its own for, and `facts` are what
    a program may want to know, such as who was first."""

    title: str

    def __init__(
        self,
        detail: str,
        *,
        remedy: str,
        see: tuple[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.see = see
        self.facts = dict(facts or {})


class NotFound(NotDone):
    title = "Not found"


class Conflict(NotDone):
    """The object is not in a state in which this can be done."""

    title = "Not possible in this state"


class Invalid(NotDone):
    """The request itself is wrong."""

    title = "Not acceptable as it is"


class Unavailable(NotDone):
    """A system that this needs does not answer; nothing is known to have changed."""

    title = "A system that this needs does not answer"
