"""What nobody has signed for yet takes few bytes, few seconds and no place for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from starter_api import wire
from tests.harness.serving import serving

Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Reads bodies to their end; `/wait` until it is let go."""

    def __init__(self) -> None:
        self.go, self.asked = asyncio.Event(), 0
        self.heard: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked += 1
        message: Message = {"type": "http.request", "more_body": True}
        while message.get("more_body"):
            message = await receive()
        self.heard.append(message["type"])
        if scope["path"] == "/wait":
            await self.go.wait()
        length = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def app() -> App:
    return App()


@pytest.fixture
async def url(app: App) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url
        app.go.set()


@asynccontextmanager
async def talk(url: str, said: bytes = b"") -> AsyncIterator[Talk]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(said)
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and what follows, to the end of the connection."""
    async with asyncio.timeout(20):
        status = await reader.readline()
        return int(status.split()[1] if status else 0), await reader.read()


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(20):
        while True:
            # More than what is kept for it, so that others have their turn.
            writer.write(b"x" * 100_000)
            await writer.drain()


async def test_a_head_that_never_ends_is_refused_within_its_bound(url: str) -> None:
    async with talk(url, b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ") as (reader, writer):
        told, sent = asyncio.create_task(answer(reader)), 0
        while not told.done():
            writer.write(b"x" * 4096)
            sent += 4096
            # It is taken before the next is sent: what is asked for beside it is answered.
            async with httpx.AsyncClient() as client:
                assert (await client.get(url)).status_code == 200
        status, said = await told
    assert (status, b"head-too-large" in said) == (431, True)
    assert sent <= 64 * 1024
    assert b"connection: close" in said


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * 60_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
    ],
    ids=["one header", "address", "many headers"],
)
async def test_a_large_head_is_refused_whole_or_not(url: str, app: App, head: bytes) -> None:
    async with talk(url, head) as (reader, _):
        assert (await answer(reader))[0] == 431
    assert app.asked == 0


async def test_what_is_declared_too_large_is_not_waited_for(url: str, app: App) -> None:
    declared = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n"
    async with talk(url, declared) as (reader, _):
        status, said = await answer(reader)
    assert (status, b"body-too-large" in said, app.asked) == (413, True, 0)


async def test_who_sends_too_much_reads_why(url: str) -> None:
    """A connection closed under what it still sends is reset, and takes the answer away."""
    body = b"x" * wire.LARGEST_BODY * 2
    asked = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with talk(url, asked + body) as (reader, _):
        status, said = await answer(reader)
    assert (status, b"body-too-large" in said) == (413, True)


async def test_who_never_ends_is_closed_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MORE_SECONDS", 0.05)
    declared = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n"
    async with talk(url, declared) as (reader, writer):
        assert (await answer(reader))[0] == 413
        with pytest.raises(ConnectionError):
            await send_for_ever(writer)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"], ids=["nothing", "half", "more"]
)
async def test_a_head_has_its_time(
    url: str, app: App, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.05)
    async with talk(url, said) as (reader, _):
        status, body = await answer(reader)
    assert (status, b"head-too-slow" in body, app.asked) == (408, True, 0)


async def test_so_has_that_of_a_later_request(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk(url, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") as (reader, writer):
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(wire, "HEAD_SECONDS", 0.05)
        writer.write(b"GET /")
        assert (await answer(reader))[0] == 408


async def test_a_head_that_begins_with_the_end_of_a_body_is_not_taken_for_large(url: str) -> None:
    body = b"x" * 60_000
    first = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with talk(url, first + body + b"GET / HT") as (reader, writer):
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(b"TP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_body_has_its_time_and_its_handler_is_told(
    url: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.05)
    asked = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
    async with talk(url, asked) as (reader, _):
        status, said = await answer(reader)
    assert (status, b"body-too-slow" in said) == (408, True)
    assert app.heard == ["http.disconnect"]


async def test_many_that_say_nothing_keep_nobody_out(
    url: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of them goes; one that a handler is at work for stays."""
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 3)
    async with (
        talk(url, b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n") as (working, _),
        talk(url, b"GET /") as (first, _),
        talk(url, b"GET /") as (second, _),
        httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):
        assert (await client.get(url)).status_code == 200
        assert (await answer(first))[0] == 503
        assert not second.at_eof()
        for _ in range(5):
            assert (await client.get(url)).status_code == 200
        app.go.set()
        async with asyncio.timeout(20):
            assert (await working.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
