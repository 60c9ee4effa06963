"""OAuth clients of the grant type client credentials, and the tokens that they get.

https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/
"""

import json
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.store import Store

#: Whom the tokens of a client act as.
ADMIN = "oauth-client@example.com"


class Tokens:
    """What was given out. A client is made by the control."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clients: dict[str, str] = {}
        self._until: dict[str, float] = {}
        self._life: float | None = None
        self.asked = 0

    def routes(self) -> list[Route]:
        """Of the API, and of the control."""
        return [
            Route("/oauth/tokens", self.grant, methods=["POST"]),
            Route("/_sim/oauth", self.set_client, methods=["POST"]),
            Route("/_sim/oauth", self.show, methods=["GET"]),
            Route("/_sim/oauth/tokens", self.revoke, methods=["DELETE"]),
        ]

    def knows(self, token: str) -> bool:
        """Whether the token is in force."""
        return self._until.get(token, 0) > self._store.now().timestamp()

    async def grant(self, request: Request) -> Response:
        """A token for a client that proves itself."""
        self.asked += 1
        try:
            given = json.loads(await request.body())
        except ValueError:
            given = {}
        known = self._clients.get(str(given.get("client_id")))
        if given.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if known is None or not secrets.compare_digest(known, str(given.get("client_secret"))):
            return JSONResponse({"error": "invalid_client"}, 401)
        life = self._life or float(given.get("expires_in", 300))
        token = secrets.token_hex(32)
        self._until[token] = self._store.now().timestamp() + life
        said = {"access_token": token, "token_type": "bearer", "scope": given.get("scope")}
        return JSONResponse(said | {"expires_in": int(life)})

    async def set_client(self, request: Request) -> Response:
        """`{"client_id", "client_secret", "life_seconds"}`."""
        given = json.loads(await request.body())
        self._clients[given["client_id"]] = given["client_secret"]
        self._life = given.get("life_seconds")
        return JSONResponse({"clients": [*self._clients]})

    async def show(self, _request: Request) -> Response:
        """How many tokens were asked for."""
        return JSONResponse({"asked": self.asked})

    async def revoke(self, _request: Request) -> Response:
        """No token given out so far is in force any more."""
        self._until.clear()
        return Response(status_code=204)
