"""`trueup console`: pages for people."""

import asyncio
import contextlib
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from cli.choices import chosen
from cli.output import Problem
from cli.process import ExitWithStdin, say_ready, until_told
from cli.serving import Server, listener, url_of
from console.app import create_app, entrance_of
from operations.context import open_context
from runtime import logging
from runtime.settings import ConsoleSettings
from runtime.tracing import traced


def console(
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
    """Serve the console, where people see and decide, until SIGTERM.

    Prints one JSON line with the address once it listens.

    Example: [bold]trueup --config /etc/trueup/trueup.toml console --port 8090[/]
    """
    settings = chosen(ctx).settings()
    said = {"host": host, "port": port}
    where = settings.console.model_copy(
        update={name: value for name, value in said.items() if value is not None}
    )
    logging.configure("console")
    context = open_context(settings)
    app = create_app(entrance_of(context, settings))
    with contextlib.ExitStack() as stack:
        stack.enter_context(traced("console", settings.tracing, settings.folder))
        listening = stack.enter_context(listener("console", where.host, where.port, "--port"))
        server = Server(_config(app, where))

        async def serve() -> None:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            await server.tried.wait()
            if server.started:
                say_ready(url=url_of(listening))
            await serving

        def stop() -> None:
            # Streams have no end of their own, and the server waits for answers to end.
            app.state.live.close()
            server.should_exit = True

        until_told(serve, exit_with_stdin=exit_with_stdin, stop=stop)
    if not server.started:
        raise Problem("the console did not start", remedy="read its log above this line")


def _config(app: ASGIApp, where: ConsoleSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=bool(where.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in where.trusted_proxies],
        server_header=False,
        timeout_graceful_shutdown=10,
    )
