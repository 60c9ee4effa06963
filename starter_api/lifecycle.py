"""Whose each operation is, how far it may be relied on, and when one ends.

An operation that is to end says so in every answer: `Deprecation` (RFC 9745) and, once the day is
fixed, `Sunset` (RFC 8594). Who still uses it is seen before.
"""

from collections.abc import Mapping
from email.utils import format_datetime
from types import MappingProxyType

from starlette.types import Message, Scope, Send

from canonical_models.endings import ENDING, Ending, state_of
from canonical_models.failures import Team

#: By the tag of its operations, the team that answers for them.
OWNERS: Mapping[str, Team] = MappingProxyType(
    {
        "accounts": Team.FINANCE,
        "audit": Team.OPERATIONS,
        "backfills": Team.OPERATIONS,
        "batches": Team.OPERATIONS,
        "causes": Team.OPERATIONS,
        "changes": Team.OPERATIONS,
        "connections": Team.OPERATIONS,
        "differences": Team.FINANCE,
        "dunning": Team.FINANCE,
        "entitlements": Team.SUPPORT,
        "events": Team.OPERATIONS,
        "exceptions": Team.OPERATIONS,
        "grants": Team.SUPPORT,
        "inbox": Team.OPERATIONS,
        "invoices": Team.FINANCE,
        "mappings": Team.FINANCE,
        "numbers": Team.OPERATIONS,
        "periods": Team.FINANCE,
        "previews": Team.FINANCE,
        "reconciliation": Team.FINANCE,
        "releases": Team.OPERATIONS,
        "renewals": Team.FINANCE,
        "shadow": Team.FINANCE,
        "streams": Team.OPERATIONS,
        "subscriptions": Team.OPERATIONS,
        "support": Team.SUPPORT,
        "targets": Team.SUPPORT,
    }
)


def headers_of(ending: Ending) -> list[tuple[bytes, bytes]]:
    told = [(b"deprecation", f"@{int(ending.deprecated.timestamp())}")]
    if ending.sunset is not None:
        told.append((b"sunset", format_datetime(ending.sunset, usegmt=True)))
    if ending.instead is not None:
        told.append((b"link", f'<{ending.instead}>; rel="successor-version"'))
    return [(name, value.encode("latin-1")) for name, value in told]


def described(operation: str, tag: str) -> dict[str, object]:
    """What OpenAPI says of it. Raises KeyError for a tag that is nobody's."""
    told: dict[str, object] = {
        "x-owner": OWNERS[tag].value,
        "x-state": state_of(operation).value,
    }
    if (ending := ENDING.get(operation)) is not None:
        told["deprecated"] = True
        told["x-deprecated-at"] = ending.deprecated.isoformat()
        if ending.sunset is not None:
            told["x-sunset-at"] = ending.sunset.isoformat()
    return told


def operation_of(scope: Scope) -> str | None:
    """Method and path as the API's description has them; None before it is known."""
    route = scope.get("route")
    path = getattr(route, "path_format", None)
    if path is None:
        return None
    prefix = "" if path.startswith("/v1") else "/v1"
    return f"{'GET' if scope['method'] == 'HEAD' else scope['method']} {prefix}{path}"


def telling(scope: Scope, send: Send) -> Send:
    """`send`, which tells in the head of every answer that its operation ends, where it does."""
    if not ENDING:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            ending = ENDING.get(operation_of(scope) or "")
            if ending is not None:
                message = {**message, "headers": [*message["headers"], *headers_of(ending)]}
        await send(message)

    return sending
