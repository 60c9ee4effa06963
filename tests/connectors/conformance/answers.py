"""What every adapter must do with answers that are refusals, rubbish, endless, or never come."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol
from unittest.mock import patch

import httpx
import pytest
import structlog

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    TransientFailure,
    UncertainWrite,
)
from connectors import http
from connectors.config import ConnectionConfig
from tests.connectors.conformance.checks import connected, failing, presentable, wired
from tests.connectors.conformance.describing import PRIVATE, Act, Look, Outcome, System
from tests.connectors.conformance.wire import (
    BOUND,
    Fate,
    Wire,
    answering,
    bomb,
    dripping,
    endless,
    raising,
    silent,
)

#: What a gateway may say.
HTML = f"<html>{PRIVATE} was here</html>".encode()
#: Seconds of patience where an answer never comes, and after these within which it is given up.
_PATIENCE, _GIVES_UP = 0.05, 9.0

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


async def every_fault(system: System, act: Act, look: Look) -> None:
    """Everything that httpx can raise has a class: on reads nothing happened, on writes it may have
    unless the request never left."""
    async with facing(system, act, look) as faced:
        for fault in every_exception():
            never_sent = isinstance(fault, _NEVER_SENT)
            write = TransientFailure if never_sent else UncertainWrite
            await faced(raising(fault), TransientFailure, write)


def every_exception() -> list[Exception]:
    """One of each that httpx has, by its own list of names."""
    request = httpx.Request("GET", "http://example.com")
    kinds = [getattr(httpx, name) for name in httpx.__all__]
    found: list[Exception] = []
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        if issubclass(kind, httpx.HTTPStatusError):
            found.append(kind("words", request=request, response=httpx.Response(500)))
        elif issubclass(kind, (httpx.StreamConsumed, httpx.StreamClosed)) or issubclass(
            kind, (httpx.ResponseNotRead, httpx.RequestNotRead)
        ):
            found.append(kind())
        else:
            found.append(kind("words"))
    assert len(found) > 20
    return found


def _any(_request: httpx.Request) -> bool:
    return True


#: (status, headers, what it means to a read, and to a write).
Expected = tuple[int, dict[str, str], Outcome, Outcome]
_LATER = {"retry-after": "7"}
#: What holds for every vendor, whatever its table says besides.
UNIVERSAL: tuple[Expected, ...] = (
    (401, {}, CredentialsRefused, CredentialsRefused),
    (403, {}, CredentialsRefused, CredentialsRefused),
    (429, {}, TransientFailure, TransientFailure),
    (429, _LATER, TransientFailure, TransientFailure),
    (503, _LATER, TransientFailure, TransientFailure),
    *((status, {}, TransientFailure, UncertainWrite) for status in (404, 408, *range(500, 505))),
    *((status, {}, TransientFailure, UncertainWrite) for status in (*range(520, 530), 599)),
)
_UNFORESEEN = (202, 204, 300, 301, 302, 303, 304, 307, 308, 402, 405, 406, 410, 418, 423, 451, 499)


async def every_status(system: System, act: Act, look: Look) -> None:
    """What a gateway answers, and what nobody has foreseen."""
    unforeseen = [each for each in _UNFORESEEN if each not in system.foreseen]
    drift: list[Expected] = [(each, {}, ContractDrift, ContractDrift) for each in unforeseen]
    async with facing(system, act, look) as faced:
        for status, headers, told_by_read, told_by_write in (*UNIVERSAL, *drift):
            fate = answering(status, HTML, headers)
            read, write = told_by_read, told_by_write
            if status in system.walls:
                read, write = TransientFailure, UncertainWrite
            for failure in await faced(fate, read, write, busy=status == 429):
                assert str(status) in failure.message
                if isinstance(failure, TransientFailure):
                    assert failure.retry_after == (7 if headers else None), status


async def documented(system: System, act: Act, look: Look) -> None:
    """What the vendor's documentation says that it answers."""
    assert system.refusals
    async with facing(system, act, look) as faced:
        for each in system.refusals:
            fate = answering(each.status, each.body, dict(each.headers))
            for failure in await faced(fate, each.read, each.write, busy=each.status == 429):
                if isinstance(failure, Rejection):
                    assert failure.subject, each.words


class Facing(Protocol):
    """Has a look and a write meet a fate, each with the outcome that is given; what they raise.
    `busy`: the fate says that there was too much."""

    async def __call__(
        self, fate: Fate, read: Outcome, write: Outcome, *, busy: bool = False
    ) -> list[Failure]: ...


@asynccontextmanager
async def facing(system: System, act: Act, look: Look) -> AsyncIterator[Facing]:
    """Afterwards nothing was done."""
    subject, seen = await act.subject(system), await look.subject(system)
    async with wired() as wire, AsyncExitStack() as stack:
        # Nothing is done in the block, which is looked at in the end.
        wire.recalls = lambda request: not system.writes(request)
        logged: list[str] = []

        async def faced(
            fate: Fate, read: Outcome, write: Outcome, *, busy: bool = False
        ) -> list[Failure]:
            told: list[Failure] = []
            for do, about, wanted, matches in (
                (look.do, seen, read, _any),
                (act.do, subject, write, system.writes),
            ):
                # Who was told to come later does: the next one begins anew.
                async with adapters(fresh=busy) as port:
                    wire.arm(fate, matches, lasting=True)
                    with structlog.testing.capture_logs() as logs:
                        told.append(await failure_of(system, do(port, about), wanted))
                    logged.append(str(logs))
                wire.disarm()
            return told

        kept = await stack.enter_async_context(connected(system, wire)) if system.sessions else None

        @asynccontextmanager
        async def adapters(*, fresh: bool) -> AsyncIterator[Any]:
            if kept is not None and not fresh:
                # One answer that is none of a fault: it is not away.
                await look.do(kept, seen)
                yield kept
                return
            async with connected(system, wire) as port:
                yield port

        yield faced
    assert not [each for each in (PRIVATE, *system.secrets) if each in "".join(logged)]
    assert await act.done(system, subject) == 0


async def failure_of(system: System, doing: Awaitable[object], wanted: Outcome) -> Failure:
    with failing(system, wanted) as caught:
        await doing
    return caught.value


async def rubbish(system: System, act: Act, look: Look) -> None:
    """Status 200 with what is no answer is drift, with the place where it is not."""
    async with facing(system, act, look) as faced:
        for content in (b"", HTML, b"\xff\xfe", b'{"a":', *system.senseless):
            await faced(answering(200, content), ContractDrift, ContractDrift)


async def patience(system: System, act: Act, look: Look) -> None:
    """No answer, and one that never ends, are given up in time."""
    subject, seen = await act.subject(system), await look.subject(system)

    async def of(fate: Fate) -> None:
        async with wired() as wire:
            wire.arm(fate, _any, lasting=True)
            with failing(system, TransientFailure):
                await _hurried(system, wire, _PATIENCE, look.do, seen)
        async with wired() as wire:
            # What is read before the write has its time.
            wire.arm(fate, system.writes)
            with failing(system, UncertainWrite):
                await _hurried(system, wire, system.prompt, act.do, subject)

    await asyncio.gather(of(silent), of(dripping))


async def _hurried(system: System, wire: Wire, seconds: float, do: Any, about: Any) -> None:
    config = system.config().model_copy(update={"timeout_seconds": seconds})
    began = time.monotonic()
    async with connected(system, wire, config) as port:
        try:
            await do(port, about)
        finally:
            assert time.monotonic() - began < seconds + _GIVES_UP, (
                "it waited for longer than it was given"
            )


async def bounds(system: System, act: Act, look: Look) -> None:
    """An answer that is too large is neither read nor unpacked to its end."""
    async with facing(system, act, look) as faced:
        with patch.object(http, "MAX_ANSWER", BOUND):
            for fate in (endless, bomb):
                tracemalloc.start()
                try:
                    await faced(fate, ContractDrift, ContractDrift)
                    most = tracemalloc.get_traced_memory()[1]
                finally:
                    tracemalloc.stop()
                assert most < 6 * BOUND, f"{most} bytes for an answer of {BOUND}"


#: What is no id of anything, and must not become a part of an address either.
NO_IDS = ("..", "../x", "a/../../b", "%2e%2e", "a b", "a?b=c", "a#b", "ü", "\n", "", "x" * 300)


async def no_id(system: System, look: Look, unknown: Any) -> None:
    """Ids of nothing are told as unknown, and none of them leads to another address."""
    async with wired() as wire, connected(system, wire) as port:
        await look.do(port, await look.subject(system))
        heads = {_head(each) for each in wire.seen}
        for given in NO_IDS:
            wire.seen.clear()
            try:
                found = await look.do(port, given)
            except Rejection as failure:
                presentable(system, failure)
            else:
                assert found == unknown, f"{given!r} was found: {found}"
            assert {_head(each) for each in wire.seen} <= heads, given


def _head(request: httpx.Request) -> str:
    """The address but for its last part, which may be the id."""
    return request.url.raw_path.decode().partition("?")[0].rpartition("/")[0]


async def unreachable(system: System, act: Act, look: Look) -> None:
    """Where nothing listens: nothing happened, and that is said."""
    config = system.config().model_copy(update={"base_url": "http://127.0.0.1:9"})
    subject, seen = await act.subject(system), await look.subject(system)
    async with connected(system, None, config) as port:
        with failing(system, TransientFailure):
            await act.do(port, subject)
        with failing(system, TransientFailure):
            await look.do(port, seen)


async def wrong_secret(system: System, act: Act, look: Look) -> None:
    subject, seen = await act.subject(system), await look.subject(system)
    async with connected(system, None, system.with_wrong_secret()) as port:
        with failing(system, CredentialsRefused):
            await look.do(port, seen)
        with failing(system, CredentialsRefused):
            await act.do(port, subject)


async def unsendable_secret(system: System, look: Look) -> None:
    """A secret with the end of its line is refused when the adapter is made, or sent as it is; it
    is in no message."""
    config, seen = system.config(), await look.subject(system)
    for name, secret in config.secrets.items():
        spoilt = type(secret)(secret.get_secret_value() + "\n")
        changed = config.model_copy(update={"secrets": {**config.secrets, name: spoilt}})
        said = _refused(system, changed)
        if said is None:
            async with connected(system, None, changed) as port:
                with failing(system, CredentialsRefused):
                    await look.do(port, seen)
            continue
        assert config.name in said
        assert name in said
        assert not any(each in said for each in system.secrets)


def _refused(system: System, config: ConnectionConfig) -> str | None:
    try:
        system.connect(config)
    except ValueError as refusal:
        return str(refusal)
    return None


def missing_secret(system: System) -> None:
    with pytest.raises(KeyError, match=system.config().name):
        system.connect(system.config().model_copy(update={"secrets": {}}))


def no_address(system: System) -> None:
    for address in (
        "https://example.com:port",
        "example.com",
        "https://",
        "ftp://x",
        "https://x\n.de",
    ):
        with pytest.raises(ValueError, match=r"base_url|does not fit"):
            system.connect(system.config().model_copy(update={"base_url": address}))
