"""How long each page takes, and what it answers: by its route, and never by whose it is."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

#: What is no page: files, who asks whether it lives, and streams, which last.
_UNTOLD = ("/static", "/healthz", "/live")


class Timed:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UNTOLD):
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            took = round((time.perf_counter() - began) * 1000)
            log.info("page", route=route, method=scope["method"], status=status, ms=took)
