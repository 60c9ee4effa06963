"""What a vendor is asked and answers, kept for a while on demand: redacted where it is heard, and
bounded.

A recording is of calls of a port, each with the requests that it made: so it can be played to
another version of the adapter (connectors/replaying.py). Nothing is kept while nobody records.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from connectors.redaction import Redaction

#: Bytes of one call and of all that wait to be taken; what is more is left out, and counted.
MOST_OF_CALL = 512 * 1024
MOST_WAITING = 4 * 1024 * 1024

_HEARD: ContextVar[list[httpx.Response] | None] = ContextVar("heard", default=None)


def heard(answer: httpx.Response) -> None:
    """An answer of a vendor, for whoever records the call."""
    if (kept := _HEARD.get()) is not None:
        kept.append(answer)


@dataclass
class Recorder:
    """Of one connection in one process, as long as somebody records it."""

    recording: str
    salt: str
    waiting: list[bytes] = field(default_factory=list)
    #: Calls that were too large, or too many.
    left_out: int = 0

    @contextmanager
    def call(
        self, name: str, args: Sequence[Any], named: Mapping[str, Any], *, reads: bool
    ) -> Iterator[None]:
        """Around a call of a port; what it is given is kept where it can be given again."""
        answers: list[httpx.Response] = []
        token = _HEARD.set(answers)
        try:
            yield
        finally:
            _HEARD.reset(token)
            self._keep(name, args, named, answers, reads=reads)

    def take(self) -> list[bytes]:
        taken, self.waiting = self.waiting, []
        return taken

    def _keep(
        self,
        name: str,
        args: Sequence[Any],
        named: Mapping[str, Any],
        answers: Sequence[httpx.Response],
        *,
        reads: bool,
    ) -> None:
        redact = Redaction(self.salt)
        entry = {
            "call": name,
            "reads": reads,
            "args": [_given(redact, each) for each in args] if reads else [],
            "named": {key: _given(redact, each) for key, each in named.items()} if reads else {},
            "exchanges": [
                {"asked": redact.request(each.request), "answered": redact.answer(each)}
                for each in answers
            ],
        }
        # The database takes no NUL in a text.
        kept = orjson.dumps(entry).replace(b"\\u0000", b"")
        if len(kept) > MOST_OF_CALL or sum(map(len, self.waiting)) > MOST_WAITING:
            self.left_out += 1
            return
        self.waiting.append(kept)


def _given(redact: Redaction, given: Any) -> Any:
    # An argument that is a text names an object; in a model each text has a member's name.
    if isinstance(given, BaseModel):
        return redact.body(given.model_dump(mode="json"))
    if isinstance(given, (set, frozenset)):
        given = sorted(given)
    return redact.body(to_jsonable_python(given), "id")
