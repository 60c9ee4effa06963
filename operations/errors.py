"""Why an operation was not done. The API turns these into problems, the CLI into exit codes."""


class NotDone(Exception):
    """`detail` says what was not done to which object, `remedy` what to do next."""

    title: str

    def __init__(self, detail: str, *, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


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
