"""`trueup api`: webhooks and the API."""

import asyncio
import contextlib
from typing import Annotated, Literal

import typer
import uvicorn
from starlette.types import ASGIApp

from cli.choices import chosen
from cli.output import Problem
from cli.process import ExitWithStdin, say_ready, until_told
from cli.serving import Server, listener, url_of
from operations.context import open_context
from runtime import logging
from runtime.tracing import traced
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
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of what monitoring asks: /readyz, /metrics; 0: none (default: settings).",
        ),
    ] = None,
    exit_with_stdin: ExitWithStdin = False,
) -> None:
    """Serve the webhooks and the API under /v1 until SIGTERM.

    What monitoring asks has a port of its own. Prints one JSON line with the address once it
    listens.

    Example: [bold]trueup --config /etc/trueup/trueup.toml api --port 8080[/]
    """
    settings = chosen(ctx).settings()
    said = {"host": host, "port": port, "metrics_port": metrics_port}
    where = settings.api.model_copy(
        update={name: value for name, value in said.items() if value is not None}
    )
    logging.configure("api")
    app = create_app(
        dsn=settings.dsn,
        connections=intake_connections(settings),
        # One connection of the process keeps webhooks.
        context=open_context(settings, pool_size=settings.database.pool_size - 1),
        settings=settings.api,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(traced("api", settings.tracing, settings.folder))
        listeners = [stack.enter_context(listener("API", where.host, where.port, "--port"))]
        served = [Server(_config(app, lifespan="on"))]
        if where.metrics_port:
            # Its own server, so that nobody who may reach the webhooks reaches what takes no key.
            listeners.append(
                stack.enter_context(
                    listener("API", where.metrics_host, where.metrics_port, "--metrics-port")
                )
            )
            served.append(Server(_config(app.probes, lifespan="off")))

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                for server, listener in zip(served, listeners, strict=True):
                    group.create_task(server.serve(sockets=[listener]))
                for server in served:
                    await server.tried.wait()
                if all(server.started for server in served):
                    say_ready(url=url_of(listeners[0]))
                else:
                    stop()

        def stop() -> None:
            for server in served:
                server.should_exit = True

        until_told(serve, exit_with_stdin=exit_with_stdin, stop=stop)
    if not all(server.started for server in served):
        raise Problem("the API did not start", remedy="read its log above this line")


def _config(app: ASGIApp, *, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Http,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        # `starter_api.callers` knows which proxies are ours; uvicorn would believe all of loopback.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
