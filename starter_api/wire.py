"""uvicorn's HTTP with two differences.

What a client that nobody knows yet may use up is bounded before any handler sees it: the bytes and
seconds of a head and of a body, and the connections. uvicorn bounds none of these with httptools.

The head of an answer leaves together with its body. uvicorn writes the two one after the other, and
uvloop makes a system call and a packet of each. For an answer as short as the intake's that is up
to a tenth of the request.
"""

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime import security
from runtime.security import Reason, Refusal
from starter_api.problems import problem

#: The largest body that any operation takes, which is an event. Others take less, and say so.
LARGEST_BODY = 1 << 20
#: Names and values of all headers, and the address.
LARGEST_HEAD = 32 * 1024
#: From the connection, or from the first byte of a later request, to the end of its head; and from
#: there to the end of its body. Vendors send an event in one piece.
HEAD_SECONDS, BODY_SECONDS = 5.0, 10.0
#: Below the 1,024 files that a process may open where nobody has said otherwise.
MOST_CONNECTIONS = 500
#: What more is taken, and dropped, of a head or a body after its client was told that it is too
#: large. A connection closed while its client still sends takes the answer with it (RFC 9112, 9.6).
MORE_HEAD, MORE_BODY, MORE_SECONDS = 16 * 1024, 4 * LARGEST_BODY, 2.0

CUT_OFF = Counter(
    "trueup_api_cut_off",
    "Connections that were closed because their request was too large or too slow, or because "
    "there were too many of them.",
    ("reason",),
)


class _At(Enum):
    """How far the request has come that is arriving."""

    HEAD = auto()
    BODY = auto()
    WHOLE = auto()
    #: Refused and answered: what more comes is dropped.
    REFUSED = auto()


class Http(HttpToolsProtocol):
    """For the `http` of a `uvicorn.Config`."""

    _at = _At.HEAD
    _since = 0.0
    _head = _body = _more = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", _Joining(transport)))
        self._since = self.loop.time()
        self._expect(HEAD_SECONDS)
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_place()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._at is _At.REFUSED:
            self._drop(len(data))
        else:
            self._take(data)

    def _drop(self, size: int) -> None:
        self._more -= size
        if self._more < 0:
            self.transport.close()

    def _take(self, data: bytes) -> None:
        before = self._at
        self._head += len(data)
        super().data_received(data)
        if self._at is _At.HEAD and self._head > LARGEST_HEAD:
            self._head_too_large()
        elif self._at is _At.REFUSED:
            pass  # It has its deadline.
        elif self.transport.is_closing() or self._at is _At.WHOLE:
            self._no_deadline()
        elif self._deadline is None or self._at is not before:
            self._expect(HEAD_SECONDS if self._at is _At.HEAD else BODY_SECONDS)

    def on_message_begin(self) -> None:
        if self._over():
            return
        # What came with its first bytes may be of the request before.
        self._at, self._since = _At.HEAD, self.loop.time()
        self._head = self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._over():
            return
        size, declared = len(self.url), b""
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"content-length":
                declared = value
        if size > LARGEST_HEAD:
            self._head_too_large()
        elif declared and int(declared.lstrip(b"0")[:20] or b"0") > LARGEST_BODY:
            self._body_too_large()
        else:
            self._at = _At.BODY
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._over():
            return
        self._body += len(body)
        if self._body > LARGEST_BODY:
            self._body_too_large()
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._over():
            self._at = _At.WHOLE
            super().on_message_complete()

    def _over(self) -> bool:
        return self._at is _At.REFUSED or self.transport.is_closing()

    def _head_too_large(self) -> None:
        detail = f"address and headers may have {LARGEST_HEAD} bytes together"
        self._refuse(MORE_HEAD, 431, "head-too-large", detail)

    def _body_too_large(self) -> None:
        detail = f"a body may have {LARGEST_BODY} bytes"
        self._refuse(MORE_BODY, 413, "body-too-large", detail)

    def _expect(self, seconds: float) -> None:
        self._no_deadline()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._at is _At.BODY:
            self._cut_off(
                408, "body-too-slow", f"the body was not whole after {BODY_SECONDS:g} seconds"
            )
        else:
            self._cut_off(
                408, "head-too-slow", f"the headers were not whole after {HEAD_SECONDS:g} seconds"
            )

    def _make_place(self) -> None:
        """Of the connections that no handler is at work for, which this one is, the oldest goes:
        so many that send little keep nobody out."""
        waiting = (of for of in self.connections if isinstance(of, Http) and not of._at_work())
        oldest = min(waiting, key=lambda of: of._since)
        oldest._cut_off(503, "too-many-connections", "too many are open: try again")

    def _at_work(self) -> bool:
        return self._at is _At.WHOLE and not self.cycle.response_complete

    def _cut_off(self, status: int, code: str, detail: str) -> None:
        """Answered, where that cannot be taken for the answer to something else, and closed."""
        self._no_deadline()
        if self._at is not _At.REFUSED:
            self._answer(status, code, detail)
        self.transport.close()

    def _refuse(self, more: int, status: int, code: str, detail: str) -> None:
        """The same while the client sends: it is closed once it has had time to read the answer."""
        self._no_deadline()
        self._answer(status, code, detail)
        self._at, self._more = _At.REFUSED, more
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(MORE_SECONDS, self.transport.close)

    def _answer(self, status: int, code: str, detail: str) -> None:
        CUT_OFF.labels(code).inc()
        address = self.client[0] if self.client else None
        security.refused(Refusal(Reason.CUT_OFF, f"{code}: {detail}", address=address))
        asked, cycle = self._at is _At.BODY, self.cycle
        if asked:
            free = not (cycle.response_started or self.pipeline)
            # The handler is told that its client is gone, and what it answers goes nowhere.
            cycle.disconnected = True
            cycle.message_event.set()
        else:
            free = cycle is None or cycle.response_complete
        if free and not self.transport.is_closing():
            self.transport.write(_answer(status, code, detail))


def _answer(status: int, code: str, detail: str) -> bytes:
    answer = problem(status, code, detail, headers={"connection": "close"})
    lines = [b"%s: %s" % header for header in answer.raw_headers]
    start = b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())
    return b"\r\n".join((start, *lines, b"", bytes(answer.body)))


class _Joining:
    """Holds one piece back until the next one comes, or the loop turns. All else is its own."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            self._held += data
            self._flush()
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
