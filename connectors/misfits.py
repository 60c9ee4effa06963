"""What of an answer does not fit: where it is, and what has changed, in words. Never the value.

`$.total` "was a whole number and is text now": what was is what the model asks for, what is now is
the kind of what came. Of a word of a closed list the word is shown where it looks like one, since
that is what has to be looked up in the vendor's changelog.
"""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import httpx
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.secrecy import without_secrets

#: The request whose answer is being read, in the task that reads it; or what it is called.
_READING: ContextVar[httpx.Request | str | None] = ContextVar("reading", default=None)

#: Letters with digits, digits alone, or long: an identifier in an address, no part of an operation.
_ID = re.compile(r"(?=[^/]*\d)[^/]{4,}|[^/.]{24,}|(?<=/)\d+(?=/|$)")
_WORD = re.compile(r"[a-z0-9_.]{1,40}")
#: What pydantic adds to a place where several models may stand: no member of the answer.
_NO_MEMBER = re.compile(r"[A-Z].*|.*[\[\]()].*|[a-z]+-[a-z-]+|str|int|float|bool|none|decimal")

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "an object",
    "model": "an object",
    "datetime": "a time",
    "timezone": "a time with its zone",
    "date": "a day",
    "none": "nothing",
}
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number with decimals"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


@dataclass(frozen=True)
class Misfit:
    """`path` is the JSON path of the member, `change` what is otherwise with it."""

    path: str
    change: str


def operation_of(request: httpx.Request) -> str:
    """The request without what is of one object: `GET /v1/invoices/*`."""
    return f"{request.method} {_ID.sub('*', request.url.path)}"


def reading(request: httpx.Request | str) -> None:
    """From now on this task reads the answer to it. Where its address does not tell what it was, it
    is named."""
    _READING.set(request)


def being_read() -> str | None:
    """The operation whose answer this task has read last."""
    last = _READING.get()
    return operation_of(last) if isinstance(last, httpx.Request) else last


def misfit_of(error: ValidationError) -> Misfit:
    """The first member that does not fit; where several models may stand, the one of the model that
    fits furthest."""
    errors = error.errors(include_url=False, include_context=True)
    first = errors[0]
    # All that are under the same place belong to one answer to "which of these is it?".
    start = _members(first["loc"])[:1]
    told = max(
        (each for each in errors if _members(each["loc"])[:1] == start),
        key=lambda each: len(_members(each["loc"])),
    )
    return Misfit(_path(told["loc"]), _change(told))


def _members(loc: Sequence[int | str]) -> list[int | str]:
    return [part for part in loc if isinstance(part, int) or not _NO_MEMBER.fullmatch(part)]


def _path(loc: Sequence[int | str]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in _members(loc))
    return "$" + "".join(parts)


def _change(error: ErrorDetails) -> str:
    kind, now = error["type"], error["input"]
    match kind:
        case "missing":
            return "was there and is missing now"
        case "literal_error" | "enum":
            known = error.get("ctx", {}).get("expected", "")
            return f"was one of {known} and is {shown_word(now)} now"
        case _ if (wanted := _WANTED.get(kind.partition("_")[0])) is not None and (
            _kind(now) != wanted or kind.endswith("_type")
        ):
            return f"was {wanted} and is {_kind(now)} now"
        case _:
            return f"is not what it was: {error['msg'].removeprefix('Value error, ')}"


def shown_word(value: object) -> str:
    """A word as it is, where it looks like one; of anything else what kind of thing it is."""
    shown = isinstance(value, str) and _WORD.fullmatch(value) and without_secrets(value) == value
    return f"`{value}`" if shown else _kind(value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return next((word for kind, word in _KINDS if isinstance(value, kind)), "something else")
