"""`python -m sandbox.simulators.stripe --port 0 --state FILE [--exit-with-stdin]`, on 127.0.0.1."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from sandbox.simulators.stripe.app import create_app
from sandbox.simulators.stripe.deliveries import Backoff


class Server(uvicorn.Server):
    """uvicorn, which leaves signals to us: after SIGTERM the exit code is 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where we listen, once we do."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            line = json.dumps({"ready": True, "url": f"http://{host}:{port}"})
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def cut(self, client: tuple[str, int]) -> None:
        """Close the connection of that client without an answer."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if isinstance(transport, asyncio.Transport) and (
                transport.get_extra_info("peername") == client
            ):
                transport.abort()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.simulators.stripe", description=__doc__
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="SQLite file, made when missing")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop at stdin's EOF")
    parser.add_argument("--retry-first", type=float, default=0.2, help="seconds to the first retry")
    parser.add_argument("--retry-most", type=float, default=30.0, help="longest pause, seconds")
    parser.add_argument("--retry-tries", type=int, default=30, help="attempts before giving up")
    return parser.parse_args()


def _stop_at_eof(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    def wait() -> None:
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(setattr, server, "should_exit", True)

    threading.Thread(target=wait, daemon=True).start()


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM, SIGINT or stdin's end."""
    backoff = Backoff(arguments.retry_first, arguments.retry_most, arguments.retry_tries)
    app = create_app(arguments.state, backoff)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=3, lifespan="on"
    )
    server = Server(config)
    app.state.simulator.cut = server.cut
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, setattr, server, "should_exit", True)
    if arguments.exit_with_stdin:
        _stop_at_eof(server, loop)
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", arguments.port))
        await server.serve(sockets=[listener])


def main() -> None:
    """Run the simulator."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(serve(_arguments()))


if __name__ == "__main__":
    main()
