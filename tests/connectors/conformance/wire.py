"""The way to a system, on which a test says what becomes of single requests.

It sits below the adapter's HTTP client and above the real socket, so that a fault needs no process
and no waiting, and the system behind it is the real one.
"""

import asyncio
import functools
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx

#: Says what becomes of a request: gives the answer, or raises what httpx raises.
Fate = Callable[["Wire", httpx.Request], Awaitable[httpx.Response]]
#: Bytes that an answer may have where a test is about too large ones.
BOUND = 1024 * 1024
Match = Callable[[httpx.Request], bool]


@dataclass
class _Armed:
    fate: Fate
    matches: Match
    skip: int
    lasting: bool


@dataclass(frozen=True)
class _Came:
    """An answer as it came over the line."""

    status: int
    headers: httpx.Headers
    packed: bytes

    def again(self) -> httpx.Response:
        stream = httpx.ByteStream(self.packed)
        return httpx.Response(self.status, headers=self.headers, stream=stream)


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Without an `inner` nothing can be reached, and each request has to have a fate."""

    inner: httpx.AsyncBaseTransport | None = None
    seen: list[httpx.Request] = field(default_factory=list)
    #: By request: the status that the system itself gave it.
    answered: list[tuple[httpx.Request, int]] = field(default_factory=list)
    held: list[httpx.Request] = field(default_factory=list)
    #: How many requests met a fate.
    met: int = 0
    #: Of a system in which nothing changes meanwhile: which requests are answered as they were
    #: before. A real system is not asked hundreds of times for the same.
    recalls: Match | None = None
    _recalled: dict[tuple[str, str, bytes], _Came] = field(default_factory=dict)
    _armed: list[_Armed] = field(default_factory=list)

    def arm(self, fate: Fate, matches: Match, *, skip: int = 0, lasting: bool = False) -> None:
        """The next request that matches, after `skip` others, meets the fate; `lasting`: all do."""
        self._armed.append(_Armed(fate, matches, skip, lasting))

    def disarm(self) -> None:
        self._armed.clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        for armed in self._armed:
            if not armed.matches(request):
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            if not armed.lasting:
                self._armed.remove(armed)
            self.met += 1
            return await armed.fate(self, request)
        return await self.reach(request)

    async def reach(self, request: httpx.Request) -> httpx.Response:
        """The system's own answer, read whole."""
        if self.inner is None:
            raise AssertionError(f"{request.method} {request.url.path} was to meet a fate")
        recalled = self.recalls is not None and self.recalls(request)
        key = (request.method, str(request.url), request.content)
        if recalled and (known := self._recalled.get(key)) is not None:
            return known.again()
        answer = await self.inner.handle_async_request(request)
        try:
            packed = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        self.answered.append((request, answer.status_code))
        came = _Came(answer.status_code, answer.headers, packed)
        if recalled and answer.is_success:
            self._recalled[key] = came
        return came.again()

    async def land(self) -> int:
        """What was held back reaches the system now; how many requests."""
        held, self.held = self.held, []
        for request in held:
            await self.reach(request)
        return len(held)

    async def aclose(self) -> None:
        """The inner one is shared."""


async def lost_before(_wire: Wire, _request: httpx.Request) -> httpx.Response:
    """It went out and never arrived."""
    raise httpx.ReadError("lost")


async def lost_after(wire: Wire, request: httpx.Request) -> httpx.Response:
    """It was carried out, and its answer never came."""
    await wire.reach(request)
    raise httpx.RemoteProtocolError("lost")


async def broke_after(wire: Wire, request: httpx.Request) -> httpx.Response:
    """It was carried out, and a gateway on the way back gave up."""
    await wire.reach(request)
    return httpx.Response(502, headers={"content-type": "text/html"}, content=b"<html>")


async def landing_later(wire: Wire, request: httpx.Request) -> httpx.Response:
    """Its caller hangs up before it is carried out; `Wire.land` has it carried out."""
    wire.held.append(request)
    raise httpx.ReadTimeout("slow")


async def silent(_wire: Wire, _request: httpx.Request) -> httpx.Response:
    """No answer, ever."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody sets has come")


async def dripping(_wire: Wire, _request: httpx.Request) -> httpx.Response:
    """A byte now and then, without an end."""
    return httpx.Response(200, stream=_Stream(b" ", every=0.01))


async def endless(_wire: Wire, _request: httpx.Request) -> httpx.Response:
    """As much as the line carries, without an end."""
    return httpx.Response(200, stream=_Stream(b" " * 65_536))


async def bomb(_wire: Wire, _request: httpx.Request) -> httpx.Response:
    """Little on the line, and twenty times what is accepted once it is unpacked."""
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    return httpx.Response(200, headers=headers, stream=httpx.ByteStream(_packed()))


def raising(fault: Exception) -> Fate:
    async def fate(_wire: Wire, _request: httpx.Request) -> httpx.Response:
        raise fault

    return fate


def answering(
    status: int, content: bytes = b"", headers: dict[str, str] | None = None, *, reach: bool = False
) -> Fate:
    """This in place of the system's answer; with `reach` after the system has done it."""

    async def fate(wire: Wire, request: httpx.Request) -> httpx.Response:
        if reach:
            await wire.reach(request)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

    return fate


def telling(headers: dict[str, str]) -> Fate:
    """The system's own answer with these headers in place of its own."""

    async def fate(wire: Wire, request: httpx.Request) -> httpx.Response:
        answer = await wire.reach(request)
        for name in headers:
            answer.headers.pop(name, None)
        answer.headers.update(headers)
        return answer

    return fate


@functools.cache
def _packed() -> bytes:
    """Made piece by piece, so that its making needs no memory either."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    pieces = [packer.compress(bytes(65_536)) for _ in range(20 * BOUND // 65_536)]
    return b"".join([*pieces, packer.flush()])


@dataclass
class _Stream(httpx.AsyncByteStream):
    part: bytes
    every: float = 0
    given: int = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(self.every)
            self.given += len(self.part)
            if self.given > 4 * BOUND:
                raise AssertionError("an answer is read without a bound")
            yield self.part
