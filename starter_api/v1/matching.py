"""What was looked at is what is written to: `If-Match` with the ETag that an object was shown with.

Source: RFC 9110, 13.1.1. What the saga or somebody else does between this look and the write is
still held up by the states that the write itself asks for.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from operations.permissions import Principal
from persistence import decisions
from starter_api.v1.answers import etag_of, matches
from starter_api.v1.asking import Context

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1000,
        description="The ETag that it was shown with: it is done to that alone.",
    ),
]
Show = Callable[..., Awaitable[BaseModel]]


class Changed(Exception):
    """412: the object is not any more what the caller has seen."""

    def __init__(self, see: str) -> None:
        super().__init__("it has changed since it was looked at")
        self.see = see


def unless_changed(show: Show, at: str, *named: str) -> Any:
    """The last parameter of an operation that changes what `show` shows at the address `at`, by
    the parts `named` of its path. The check is left out where no If-Match is sent."""

    async def check(request: Request, context: Context, if_match: IfMatch = None) -> None:
        """Raises Changed, NotFound."""
        if if_match is None:
            return
        # Declared after the caller, who is known by now.
        who: Principal = request.state.who
        if (once := request.headers.get("idempotency-key")) is not None:
            async with context.database.transaction() as conn:
                if await decisions.made_once(conn, who.tenant, once) is not None:
                    # Done already, which has changed it: it is answered as the first time.
                    return
        key = [request.path_params[part] for part in named]
        require_unchanged(if_match, await show(context, who.tenant, *key), at.format(*key))

    return Depends(check)


def require_unchanged(if_match: str | None, found: BaseModel | None, see: str) -> None:
    """Raises Changed where what is there, if anything, is not what was shown."""
    if if_match is None:
        return
    if found is None or not matches(if_match, etag_of(found), weak=False):
        raise Changed(see)
