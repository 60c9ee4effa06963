"""Deskling itself: `python -m tests.connectors.conformance.example.server --port 0`.

It shares no code with the adapter, which would share its mistakes.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.serving import child_arguments, serve

KEY = "deskling-conformance-key"
_PAGE = 2
_SETTABLE = {"reference", "name", "plan", "plan_ends", "features"}

Json = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]


class Deskling:
    """Clients by id, and a log of the ids that have changed."""

    def __init__(self) -> None:
        self._clients: dict[int, Json] = {}
        self._cases: list[Json] = []
        self._log: list[int] = []

    def app(self) -> Starlette:
        routes = [
            Route("/me", self._signed(self.me)),
            Route("/clients", self._signed(self.found), methods=["GET"]),
            Route("/clients", self._signed(self.create), methods=["POST"]),
            Route("/clients/{id:int}", self._signed(self.change), methods=["PATCH"]),
            Route("/clients/{id:int}", self._signed(self.delete), methods=["DELETE"]),
            Route("/clients/{id:int}/cases", self._signed(self.cases), methods=["GET"]),
            Route("/clients/{id:int}/cases", self._signed(self.open), methods=["POST"]),
            Route("/changes", self._signed(self.changes)),
        ]
        return Starlette(routes=routes)

    async def me(self, _request: Request) -> Response:
        return JSONResponse({"name": "sync", "may_write": True})

    async def found(self, request: Request) -> Response:
        wanted = dict(request.query_params)
        found = [each for each in self._present() if wanted.items() <= each.items()]
        return JSONResponse({"clients": found})

    async def create(self, request: Request) -> Response:
        given: Json = await request.json()
        return self._save({"plan": None, "plan_ends": None, "features": []} | given, None)

    async def change(self, request: Request) -> Response:
        held = self._clients.get(request.path_params["id"])
        if held is None or held["deleted"]:
            return JSONResponse({"error": "client_unknown"}, 404)
        return self._save(held | await request.json(), held["id"])

    async def delete(self, request: Request) -> Response:
        self._clients[request.path_params["id"]]["deleted"] = True
        self._log.append(request.path_params["id"])
        return Response(status_code=204)

    async def cases(self, request: Request) -> Response:
        mine = [each for each in self._cases if each["client"] == request.path_params["id"]]
        return JSONResponse({"cases": mine})

    async def open(self, request: Request) -> Response:
        case = {
            "number": len(self._cases) + 1,
            "client": request.path_params["id"],
            "opened": datetime.now(UTC).isoformat(),
            **(await request.json()),
        }
        self._cases.append(case)
        return JSONResponse({"case": case}, 201)

    async def changes(self, request: Request) -> Response:
        after = int(request.query_params["after"])
        page = self._log[after : after + _PAGE]
        told = [self._clients[key] for key in dict.fromkeys(page)]
        return JSONResponse(
            {
                "clients": [each for each in told if not each["deleted"]],
                "removed": [each["reference"] for each in told if each["deleted"]],
                "next": after + len(page),
                "more": after + len(page) < len(self._log),
            }
        )

    def _present(self) -> list[Json]:
        return [each for each in self._clients.values() if not each["deleted"]]

    def _save(self, wanted: Json, key: int | None) -> Response:
        others = [each for each in self._present() if each["id"] != key]
        reference = wanted.get("reference")
        if set(wanted) - _SETTABLE - {"id", "deleted"} or not wanted.get("name"):
            return JSONResponse({"error": "client_invalid"}, 422)
        if reference and any(each["reference"] == reference for each in others):
            return JSONResponse({"error": "reference_taken"}, 409)
        number = key or len(self._clients) + 1
        self._clients[number] = {**wanted, "id": number, "deleted": False}
        self._log.append(number)
        return JSONResponse({"client": self._clients[number]}, 200 if key else 201)

    def _signed(self, handler: Handler) -> Handler:
        async def signed(request: Request) -> Response:
            if request.headers.get("authorization") != f"Token {KEY}":
                return JSONResponse({"error": "key_refused"}, 401)
            return await handler(request)

        return signed


def main() -> None:
    arguments = child_arguments(
        "tests.connectors.conformance.example.server", "Deskling"
    ).parse_args()
    serve(Deskling().app(), port=arguments.port, exit_with_stdin=arguments.exit_with_stdin)


if __name__ == "__main__":
    main()
