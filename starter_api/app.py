"""The API process: wires the intake and `/v1` into one application, and what monitoring asks into
another, which has an address of its own because it takes no key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connectors import registry
from operations.context import AppContext
from persistence.inbox_writer import InboxUnavailable, InboxWriter, WriterLimits
from runtime.at_work import at_work_as
from runtime.connected import hears_for
from runtime.settings import ApiSettings, Settings
from starter_api.callers import Callers
from starter_api.intake import PREFIX, Intake, IntakeConnection
from starter_api.lifecycle import telling
from starter_api.metrics import Probes
from starter_api.problems import problem, speak_problems
from starter_api.v1 import install


class Application(FastAPI):
    """Webhooks go past FastAPI's own layers, which would cost as much as the intake itself, and
    past the bound on how much one may send: what refuses a vendor's burst delays money.

    `probes` is what monitoring asks, for a listener of its own."""

    probes: Starlette

    def take_webhooks(self, intake: Intake) -> None:
        self._intake = intake

    def bound(self, callers: Callers) -> None:
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        self._callers.address(scope)
        if scope["path"].startswith(PREFIX):
            await self._intake(scope, receive, send)
        elif scope["path"] != ALIVE and (refused := self._callers.limited(scope)) is not None:
            await refused(scope, receive, send)
        else:
            await super().__call__(scope, receive, telling(scope, send))


#: Never refused: who asks it decides whether the process lives.
ALIVE = "/healthz"


def intake_connections(settings: Settings) -> dict[tuple[str, str], IntakeConnection]:
    """Every connection whose vendor sends webhooks, keyed by tenant and name."""
    found = {}
    for tenant, configured in settings.tenants.items():
        for name in configured.connections:
            config = settings.connection(tenant, name)
            if (translator := registry.webhooks(config)) is not None:
                secrets = tuple(secret.get_secret_value() for secret in config.webhook_secrets)
                connected = hears_for(settings.tenants, (tenant, name))
                found[tenant, name] = IntakeConnection(translator, secrets, connected)
    return found


def create_app(
    *,
    dsn: str,
    connections: Mapping[tuple[str, str], IntakeConnection],
    limits: WriterLimits | None = None,
    context: AppContext | None = None,
    settings: ApiSettings | None = None,
) -> Application:
    """`dsn` as libpq takes it; the schema must be there. Without `context` there is no `/v1`."""
    callers = Callers(settings or ApiSettings())
    writer = InboxWriter(dsn, limits)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writer.start()
        try:
            if context is None:
                yield
            else:
                async with at_work_as("api", context.database, build=None):
                    yield
        finally:
            await writer.close()
            if context is not None:
                await context.database.close()

    async def ready(_request: Request) -> Response:
        try:
            await writer.ping()
        except InboxUnavailable as fault:
            return problem(503, "not-ready", str(fault), headers={"retry-after": "2"})
        return JSONResponse({"status": "ready"})

    # The documentation pages would load scripts from elsewhere; /openapi.json is the whole of it.
    # A redirect would lead to whatever host the client has named.
    app = Application(
        title="Trueup",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.bound(callers)
    app.take_webhooks(Intake(connections, writer, callers))
    speak_problems(app)
    probes = None if context is None else Probes(context)
    if context is not None:
        install(app, context, callers)
    app.router.routes[:0] = [Route(ALIVE, _alive)]
    app.probes = Starlette(
        routes=[
            Route("/readyz", probes.ready if probes else ready),
            Route("/metrics", probes.metrics if probes else _metrics),
        ]
    )
    app.probes.router.redirect_slashes = False
    return app


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
