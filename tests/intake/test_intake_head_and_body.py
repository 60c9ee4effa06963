"""The head of an answer leaves together with its body, and alone when the body takes time."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from starter_api.wire import Http

REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
LENGTH = (b"content-length", b"4")
START = {"type": "http.response.start", "status": 200, "headers": [LENGTH]}


class Recorded(asyncio.Transport):
    """Every write of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def asked(app: ASGIApp) -> tuple[Http, Recorded]:
    config = uvicorn.Config(app, http=Http, ws="none", log_config=None, access_log=False)
    config.load()
    protocol = Http(config=config, server_state=ServerState(), app_state={})
    transport = Recorded()
    protocol.connection_made(transport)
    protocol.data_received(REQUEST)
    return protocol, transport


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_answer_is_one_write() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"body"})

    protocol, transport = asked(app)
    await turns()
    assert len(transport.written) == 1
    assert transport.written[0].endswith(b"\r\n\r\nbody")
    protocol.data_received(REQUEST)
    await turns()
    assert len(transport.written) == 2


@pytest.mark.parametrize("lost", [False, True])
async def test_a_head_whose_body_takes_time_is_not_held_back(lost: bool) -> None:
    more = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        await more.wait()
        await send({"type": "http.response.body", "body": b"bo", "more_body": True})
        await send({"type": "http.response.body", "body": b"dy"})

    _, transport = asked(app)
    await turns()
    assert [head.endswith(b"\r\n\r\n") for head in transport.written] == [True]
    transport.closed = lost
    more.set()
    await turns()
    # Nothing is written to a connection that has gone: uvloop would raise.
    assert transport.written[1:] == ([] if lost else [b"body"])


async def test_what_is_held_is_written_before_the_connection_is_closed() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**START, "headers": [LENGTH, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"bo", "more_body": True})
        await send({"type": "http.response.body", "body": b"dy"})

    _, transport = asked(app)
    await turns()
    assert b"".join(transport.written).endswith(b"\r\n\r\nbody")
    assert transport.closed
