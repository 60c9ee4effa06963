"""What an address answers to besides the methods of its operations (RFC 9110, section 9.3).

HEAD is GET without the body. OPTIONS, and the refusal of a method, name all that the address takes:
each operation is a route of its own, which knows of no other.
"""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """For `add_middleware`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


def allowed(app: FastAPI, path: str) -> str:
    """The value of `Allow` at this path."""
    methods = {"OPTIONS"}
    for found in iter_route_contexts(app.routes):
        if found.path_regex.match(path):
            methods |= found.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))
