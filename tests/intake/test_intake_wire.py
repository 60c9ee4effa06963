"""The intake against requests that no decent client sends."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from connectors.stripe.webhooks import StripeWebhooks
from persistence.inbox_writer import InboxWriter
from runtime.settings import ApiSettings, LimitSettings
from starter_api import wire
from starter_api.callers import Callers
from starter_api.intake import Intake, IntakeConnection
from tests.harness.webhooks import CONNECTION, PATH, SECRET, TENANT, signed

CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


async def chunked(url: str, *, chunks: int) -> tuple[bytes, int]:
    """The status line, and how many chunks were taken before the server stopped reading."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    sent = 0
    try:
        while sent < chunks:
            writer.write(CHUNK)
            await writer.drain()
            sent += 1
    except ConnectionError:
        pass
    try:
        return await reader.readline(), sent
    except ConnectionError:
        return b"", sent
    finally:
        writer.transport.abort()


async def test_a_body_without_a_length_is_read_to_the_limit_only(
    intake: httpx.AsyncClient,
) -> None:
    status, _ = await chunked(str(intake.base_url), chunks=17)
    assert b"413" in status
    # 64 MiB: the connection is closed long before all of it has been sent.
    _, sent = await chunked(str(intake.base_url), chunks=1024)
    assert sent < 1024


async def test_a_sender_that_goes_away_half_way_leaves_nothing(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    place = urlsplit(str(intake.base_url))
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await intake.get("/healthz")).status_code == 200
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from inbox").fetchone() == (0,)


async def test_a_body_that_never_ends_is_not_waited_for(
    intake: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.05)
    place = urlsplit(str(intake.base_url))
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        assert b"408" in await reader.readline()
        await reader.read()
    writer.transport.abort()


@pytest.fixture(scope="module")
async def endpoint(module_dsn: str) -> AsyncIterator[Intake]:
    writer = InboxWriter(module_dsn)
    writer.start()
    connections = {(TENANT, CONNECTION): IntakeConnection(StripeWebhooks(), (SECRET,))}
    yield Intake(connections, writer, Callers(ApiSettings(limits=LimitSettings(forged=0))))
    await writer.close()


@given(body=st.binary(max_size=300), is_signed=st.booleans(), pieces=st.integers(1, 4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_makes_it_fail(
    endpoint: Intake, body: bytes, is_signed: bool, pieces: int
) -> None:
    headers = signed(body) if is_signed else {}
    step = -(-len(body) // pieces) or 1
    parts = [body[start : start + step] for start in range(0, len(body), step)] or [b""]
    arriving: list[Message] = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]
    answers: list[Message] = []

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await endpoint(scope, receive, send)
    assert answers[0]["status"] in ({200, 202} if is_signed else {401})
