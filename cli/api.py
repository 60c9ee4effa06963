"""`trueup api`: webhooks and the API."""

import contextlib
import socket
from collections.abc import Generator
from typing import Annotated

import typer
import uvicorn

from cli.choices import chosen
from cli.output import ExitCode, Problem
from cli.process import ExitWithStdin, say_ready, until_told
from operations.context import open_context
from runtime import logging
from runtime.settings import ApiSettings
from starter_api.app import create_app, intake_connections
from starter_api.wire import Http


def api(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (default: the settings).")
    ] = (None),
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0 takes a free one (default: the settings)."),
    ] = None,
    exit_with_stdin: ExitWithStdin = False,
) -> None:
    """Serve the webhooks and the API under /v1 until SIGTERM.

    Prints one JSON line with its address once it listens.

    Example: [bold]trueup --config /etc/trueup/trueup.toml api --port 8080[/]
    """
    settings = chosen(ctx).settings()
    given = settings.api
    where = ApiSettings(host=host or given.host, port=given.port if port is None else port)
    logging.configure("api")
    with _listener(where) as listener:
        server = _Server(
            uvicorn.Config(
                create_app(
                    dsn=settings.dsn,
                    connections=intake_connections(settings),
                    # One connection of the process keeps webhooks.
                    context=open_context(settings, pool_size=settings.database.pool_size - 1),
                ),
                loop="uvloop",
                http=Http,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        )
        until_told(
            lambda: server.serve(sockets=[listener]),
            exit_with_stdin=exit_with_stdin,
            stop=server.stop,
        )
    if not server.started:
        raise Problem("the API did not start", remedy="read its log above this line")


class _Server(uvicorn.Server):
    def stop(self) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing: uvicorn raises the signal again when it is done, and so ends with its code."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            say_ready(url=f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _listener(where: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((where.host, where.port))
    except OSError as fault:
        listener.close()
        raise Problem(
            f"the API cannot listen on {where.host}:{where.port}: {fault.strerror}",
            code=ExitCode.CONFLICT,
            remedy="stop what listens there, or choose another with --port",
        ) from fault
    return listener
