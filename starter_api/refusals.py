"""What the API refuses, for the security log; and what a request is called in all logs."""

import re
import secrets

from starlette.types import Scope

from runtime import security
from runtime.security import Reason, Refusal

_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_KEPT = "trueup.request_id"


def request_id(scope: Scope) -> str:
    """As the caller or a proxy has named it in `x-request-id`, else one of ours; the same each time
    that it is asked for."""
    if _KEPT not in scope:
        headers = dict(scope["headers"])
        named = headers.get(b"x-request-id", b"").decode("latin-1")
        scope[_KEPT] = named if _ID.fullmatch(named) else f"req_{secrets.token_hex(8)}"
    given: str = scope[_KEPT]
    return given


def refused(
    scope: Scope,
    reason: Reason,
    detail: str,
    *,
    tenant: str | None = None,
    who: str | None = None,
) -> None:
    """Write it to the security log."""
    client = scope.get("client")
    security.refused(
        Refusal(
            reason=reason,
            detail=detail,
            address=client[0] if client else None,
            request_id=request_id(scope),
            tenant=tenant,
            who=who,
            # Without the query, where people put what is nobody's business.
            route=f"{scope['method']} {scope['path']}",
        )
    )
