"""What the API and the console share: a listener, and a server that ends when it is told to."""

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn

from cli.output import ExitCode, Problem


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        #: Whether it has started or not: it listens, or it gives up.
        self.tried = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.tried.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing: uvicorn raises the signal again when it is done, and so ends with its code."""
        yield


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listener(who: str, host: str, port: int, option: str) -> socket.socket:
    """Raises Problem where somebody else listens there; `option` is how another is chosen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as fault:
        listening.close()
        raise Problem(
            f"the {who} cannot listen on {host}:{port}: {fault.strerror}",
            code=ExitCode.CONFLICT,
            remedy=f"stop what listens there, or choose another with {option}",
        ) from fault
    return listening
