"""One server process for `benchmarks.intake` and `benchmarks.doors`: the application, alone or with
`/v1`, or a route that does nothing."""

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from temporalio.client import Client

from benchmarks.serving import serve
from connectors.stripe.webhooks import StripeWebhooks
from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database
from starter_api.app import create_app
from starter_api.intake import IntakeConnection
from tests.harness.webhooks import CONNECTION, PATH, SECRET, TENANT


async def nothing(_request: Request) -> Response:
    return Response(status_code=202)


def application(kind: str, dsn: str) -> ASGIApp:
    if kind == "nothing":
        return Starlette(routes=[Route(PATH, nothing, methods=["POST"])])
    connections = {(TENANT, CONNECTION): IntakeConnection(StripeWebhooks(), (SECRET,))}
    context = (
        AppContext(Database(dsn), Engine(_nowhere, namespace="none")) if kind == "api" else None
    )
    return create_app(dsn=dsn, connections=connections, context=context)


async def _nowhere() -> Client:
    raise RuntimeError("nothing here is of Temporal")


def main() -> None:
    kind, dsn = sys.argv[1:]
    serve(application(kind, dsn))


if __name__ == "__main__":
    main()
