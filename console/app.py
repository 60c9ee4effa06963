"""The console's process: pages for people. Webhooks and API keys are elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from console import assets, problems
from console.guard import Entrance
from console.headers import Headers
from console.live import Live
from console.routes import ROUTERS
from console.timed import Timed
from operations import oidc
from operations.context import AppContext
from runtime.at_work import at_work_as
from runtime.settings import Settings, resolve

_FOR_GOOD = "public, max-age=31536000, immutable"


def entrance_of(context: AppContext, settings: Settings) -> Entrance:
    """Raises SettingsError for a secret that is not there."""
    given = settings.sign_in.oidc
    if given is None:
        return Entrance(context, settings.sign_in)
    secret = None
    if given.client_secret is not None:
        secret = resolve(given.client_secret, settings.folder, "sign_in.oidc.client_secret")
    return Entrance(context, settings.sign_in, oidc.Provider(given, secret))


def create_app(entrance: Entrance) -> FastAPI:
    """Nothing is connected before the first request."""
    context = entrance.context
    live = Live(context)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with at_work_as("console", context.database, build=None):
                yield
        finally:
            await live.stop()
            await context.database.close()

    app = FastAPI(
        title="Trueup",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.entrance = entrance
    app.state.live = live
    app.add_middleware(Headers)
    app.add_middleware(Timed)
    problems.speak(app)
    app.add_api_route("/healthz", _alive, methods=["GET"])
    app.add_api_route("/static/{digest}/{name:path}", _asset, methods=["GET"])
    for router in ROUTERS:
        app.include_router(router)
    return app


async def _alive() -> Response:
    return JSONResponse({"status": "alive"})


async def _asset(request: Request, digest: str, name: str) -> Response:
    found = assets.assets().get(name)
    if found is None or found.digest != digest:
        return Response("There is no such file.", 404, media_type="text/plain")
    headers = {"cache-control": _FOR_GOOD, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type=found.kind)
    return Response(found.content, headers=headers, media_type=found.kind)
