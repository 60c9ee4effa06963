"""One server process of a benchmark, as the API is served: its port is its first line."""

import json
import socket

import uvicorn
from starlette.types import ASGIApp

from starter_api.wire import Http


def serve(application: ASGIApp) -> None:
    """Until it is terminated."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http=Http,
            ws="none",
            access_log=False,
            proxy_headers=False,
            log_level="warning",
        )
        uvicorn.Server(config).run(sockets=[listener])
