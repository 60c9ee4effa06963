"""API keys: who calls, for which tenant, and what they may do.

The tenant comes from the key and from nothing else; no request can name one.
"""

import math
import re
import time
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from canonical_models.acts import Act
from canonical_models.decisions import Door, Entrance
from operations import permissions
from operations.context import AppContext
from operations.keys import SCOPES
from operations.permissions import Principal
from persistence import key_usage, keys
from starter_api.callers import Callers
from starter_api.lifecycle import operation_of

#: As a proxy or a client names its request; anything else is not kept.
_REQUEST_ID = re.compile(r"[!-~]{1,100}")

__all__ = ["Principal", "Refused", "context_of", "require", "scoped"]


class Refused(Exception):
    """401: nobody is known. What somebody who is known may not do is `permissions.Forbidden`."""

    def __init__(self, detail: str, *, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    bearerFormat="tu_…",
    description="`Authorization: Bearer tu_…`. The key decides the tenant; its scopes are: "
    + "; ".join(f"`{scope}` {what}" for scope, what in SCOPES.items())
    + ".",
)


def context_of(request: Request) -> AppContext:
    """As this request came in."""
    context: AppContext = request.app.state.context
    named = request.headers.get("x-request-id", "")
    entrance = Entrance(
        door=Door.API,
        address=request.client.host if request.client else None,
        request_id=named if _REQUEST_ID.fullmatch(named) else None,
    )
    return replace(context, entrance=entrance)


class Needs:
    """The dependency of an operation: who calls, who has to be allowed to do `act`."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def __call__(
        self,
        request: Request,
        context: Annotated[AppContext, Depends(context_of)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Principal:
        """Raises Refused, Forbidden, NotFound."""
        if credentials is None:
            raise Refused(
                "no API key was sent", remedy="send the header `Authorization: Bearer tu_…`"
            )
        async with context.database.statement() as conn:
            key = await keys.find(conn, credentials.credentials)
        callers: Callers = request.app.state.callers
        if key is None:
            callers.bad(credentials.credentials)
            request.state.sent_key = True
            raise Refused(
                "this API key is not known, has expired, or has been revoked",
                remedy="ask an administrator of the tenant for a new key",
            )
        callers.good(credentials.credentials)
        found = permissions.of_key(key)
        request.state.who = found
        permissions.require(found, self.act)
        await self._noted(request, context, found)
        return found

    async def _noted(self, request: Request, context: AppContext, who: Principal) -> None:
        """That its key has used the operation; at most once a minute, as far as this process
        knows."""
        operation = operation_of(request.scope)
        if operation is None or who.key_id is None:
            return
        uses: dict[tuple[str, str], float] = request.app.state.uses
        now = time.monotonic()
        if now - uses.get((who.key_id, operation), -math.inf) < key_usage.EXACT_TO_S:
            return
        async with context.database.statement() as conn:
            await key_usage.note(conn, who.tenant, who.key_id, operation)
        uses[who.key_id, operation] = now


def scoped(scope: str) -> Needs:
    """An operation whose act has the name of the scope. Raises ValueError for another."""
    return Needs(Act(scope))


def require(principal: Principal, *scopes: str) -> None:
    """All of them. Raises Forbidden."""
    for scope in scopes:
        permissions.require(principal, Act(scope))
