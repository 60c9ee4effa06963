"""Users, no more of them than tickets need: who calls, and who asks.

https://developer.zendesk.com/api-reference/ticketing/users/users/
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.store import Store, timestamp
from sandbox.simulators.zendesk.wire import Document, blank, check_fields, not_found, record_invalid

END_USER = "end-user"


class Users:
    """Endpoints under `/api/v2/users`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Paths in matching order."""
        return [
            Route("/api/v2/users/me", self.me, methods=["GET"]),
            Route("/api/v2/users/{id:int}", self.show, methods=["GET"]),
        ]

    async def me(self, request: Request) -> Response:
        """The user whose token the call carries."""
        with self._store:
            user = self.current(request)
        return JSONResponse({"user": user})

    async def show(self, request: Request) -> Response:
        """One user."""
        found = self._store.get("user", request.path_params["id"])
        if found is None:
            raise not_found()
        return JSONResponse({"user": found})

    def current(self, request: Request) -> Document:
        """The calling agent, who comes into being with the first call."""
        email: str = request.scope["zendesk.email"]
        return self._by_email(email, name=email.partition("@")[0], role="admin")

    def requester_id(self, given: Document) -> int | None:
        """Whom a new ticket names as `requester_id` or as `requester` with an e-mail address."""
        if given.get("requester_id") is not None:
            return int(given["requester_id"])
        requester = given.get("requester")
        if requester is None:
            return None
        check_fields(requester, {"email": str, "name": str})
        if blank(requester.get("email")):
            raise record_invalid({"requester": ("Email: cannot be blank", "BlankValue")})
        name = requester.get("name") or requester["email"]
        return int(self._by_email(requester["email"], name=name, role=END_USER)["id"])

    def is_agent(self, identifier: int) -> bool:
        """Whether a comment of this user is a reply."""
        found = self._store.get("user", identifier)
        return found is not None and found["role"] != END_USER

    def _by_email(self, email: str, *, name: str, role: str) -> Document:
        for user in self._store.all("user"):
            if user["email"] == email.lower():
                return user
        now = timestamp(self._store.now())
        user = {
            "id": self._store.next_id("user"),
            "name": name,
            "email": email.lower(),
            "role": role,
            "active": True,
            "created_at": now,
            "updated_at": now,
        }
        self._store.put("user", user)
        return user
