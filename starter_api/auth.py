"""API keys: who calls, for which tenant, and what they may do.

The tenant comes from the key and from nothing else; no request can name one.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from canonical_models.acts import Act
from operations import permissions
from operations.context import AppContext
from operations.keys import SCOPES
from operations.permissions import Principal
from persistence import keys

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
    context: AppContext = request.app.state.context
    return context


class Needs:
    """The dependency of an operation: who calls, who has to be allowed to do `act`."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def __call__(
        self,
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
        if key is None:
            raise Refused(
                "this API key is not known, has expired, or has been revoked",
                remedy="ask an administrator of the tenant for a new key",
            )
        found = permissions.of_key(key)
        permissions.require(found, self.act)
        return found


def scoped(scope: str) -> Needs:
    """An operation whose act has the name of the scope. Raises ValueError for another."""
    return Needs(Act(scope))


def require(principal: Principal, *scopes: str) -> None:
    """All of them. Raises Forbidden."""
    for scope in scopes:
        permissions.require(principal, Act(scope))
