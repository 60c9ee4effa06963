"""What every simulator process shares: the child protocol and a way to lose a connection.

The child protocol: bind 127.0.0.1, print one JSON line `{"ready": true, "url": ...}` to stdout
once requests are accepted, log to stderr, stop with exit code 0 on SIGTERM or SIGINT and, when
asked to, at the end of stdin, so that a parent which was killed leaves nothing running.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Generator

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
_TRANSPORT = "trueup.transport"
_STDIN = 0


def child_arguments(program: str, description: str) -> argparse.ArgumentParser:
    """A parser that already knows `--port` and `--exit-with-stdin`."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="stop when stdin reaches its end"
    )
    return parser


def serve(app: ASGIApp, *, port: int, exit_with_stdin: bool) -> None:
    """Serve `app` on loopback until told to stop. Raises OSError when the port is taken."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        config = uvicorn.Config(
            app,
            http=_ExposingProtocol,
            ws="none",
            loop="asyncio",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )
        server = _ChildServer(config, exit_with_stdin=exit_with_stdin)
        asyncio.run(server.serve(sockets=[listener]))


class LostConnection(Response):
    """A response that never comes: the peer sees its connection end instead of an answer.

    With `reset` the peer gets a TCP RST, otherwise an orderly end of stream before any byte.
    """

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        transport: asyncio.Transport = scope["extensions"][_TRANSPORT]["transport"]
        if self._reset:
            # A linger time of zero makes the kernel send RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        transport.abort()
        # uvicorn answers 500 for an application that returns while it believes the peer is
        # still there, so wait until it has noticed.
        while (await receive())["type"] != "http.disconnect":
            pass


class _ExposingProtocol(H11Protocol):
    """Lets the application reach the transport, which ASGI hides, to cut it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("HTTP needs a stream transport")
        super().connection_made(transport)
        inner = self.app

        async def exposing(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), _TRANSPORT: {"transport": transport}}
            await inner({**scope, "extensions": extensions}, receive, send)

        self.app = exposing


class _ChildServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, exit_with_stdin: bool) -> None:
        super().__init__(config)
        self._exit_with_stdin = exit_with_stdin

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Replaces uvicorn's, which raises the signal again and so ends with its exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        if self._exit_with_stdin:
            threading.Thread(target=self._watch_stdin, args=(loop,), daemon=True).start()
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            url = f"http://{LOOPBACK}:{sockets[0].getsockname()[1]}"
            sys.stdout.write(json.dumps({"ready": True, "url": url}) + "\n")
            sys.stdout.flush()

    def _stop(self) -> None:
        self.should_exit = True

    def _watch_stdin(self, loop: asyncio.AbstractEventLoop) -> None:
        while os.read(_STDIN, 4096):
            pass
        # The loop may already be closed when a signal came first.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._stop)
