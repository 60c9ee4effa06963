"""One server process for `benchmarks.intake`: the application, or a route that does nothing."""

import json
import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.stripe.webhooks import StripeWebhooks
from starter_api.app import create_app
from starter_api.intake import IntakeConnection
from tests.harness.webhooks import CONNECTION, PATH, SECRET, TENANT


async def nothing(_request: Request) -> Response:
    return Response(status_code=202)


def application(kind: str, dsn: str) -> ASGIApp:
    if kind == "nothing":
        return Starlette(routes=[Route(PATH, nothing, methods=["POST"])])
    connections = {(TENANT, CONNECTION): IntakeConnection(StripeWebhooks(), (SECRET,))}
    return create_app(dsn=dsn, connections=connections)


def main() -> None:
    kind, dsn = sys.argv[1:]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        config = uvicorn.Config(
            application(kind, dsn),
            loop="uvloop",
            http="httptools",
            ws="none",
            access_log=False,
            log_level="warning",
        )
        listener.listen(128)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
