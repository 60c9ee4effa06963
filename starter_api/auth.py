"""API keys: who calls, for which tenant, and what they may do.

The tenant comes from the key and from nothing else; no request can name one.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from canonical_models.decisions import Door, Entrance
from operations.context import AppContext
from operations.keys import ADMIN, SCOPES
from persistence import keys
from starter_api.callers import Callers

#: As a proxy or a client names its request; anything else is not kept.
_REQUEST_ID = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True)
class Principal:
    """The holder of a key; `name` is what is recorded as the author of a decision."""

    tenant: str
    name: str
    scopes: frozenset[str]


class Refused(Exception):
    """401 without a `scope`: nobody is known. 403 with the scope that is missing."""

    def __init__(self, detail: str, *, remedy: str, scope: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.scope = scope


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


def scoped(scope: str) -> Callable[..., Awaitable[Principal]]:
    """The dependency of an operation that needs `scope`. Raises Refused."""
    if scope not in SCOPES:
        raise ValueError(f"{scope} is not a scope")

    async def principal(
        request: Request,
        context: Annotated[AppContext, Depends(context_of)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Principal:
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
                "this API key is not known, or has been revoked",
                remedy="ask an administrator of the tenant for a new key",
            )
        callers.good(credentials.credentials)
        found = Principal(tenant=key.tenant, name=key.name, scopes=frozenset(key.scopes))
        request.state.who = found
        require(found, scope)
        return found

    return principal


def require(principal: Principal, *scopes: str) -> None:
    """All of them. Raises Refused."""
    for scope in scopes:
        if not principal.scopes & {scope, ADMIN}:
            raise Refused(
                f"this API key may not {SCOPES[scope]}",
                remedy=f"use a key that has the scope {scope}",
                scope=scope,
            )
