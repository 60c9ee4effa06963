"""/v1/connections"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import connections
from operations.connections import Connections
from starter_api.auth import Principal, scoped
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.described import answers

router = APIRouter(prefix="/connections", tags=["connections"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]

_EXAMPLE: dict[str, Any] = {
    "items": [
        {
            "tenant": "acme",
            "connection": "tryton",
            "state": "open",
            "since": "2026-11-22T10:05:00Z",
            "probe_at": "2026-11-22T10:22:00Z",
            "reason": "it cannot be reached (ConnectError)",
            "limit_seen": 5,
            "answer_ms": 140,
            "exception_id": "exc_5f1d2c3b4a596877",
            "drifts": 0,
        }
    ],
    "lanes": [
        {
            "entity": "LE-DE",
            "build": "0.1.0-3f9a1c5d7e20",
            "holder": "4711@worker-1/9f3c1a2b",
            "until": "2026-11-22T10:05:06Z",
        }
    ],
    "next": None,
}


@router.get(
    "",
    summary="List connections to vendors",
    description="`open` is one whose vendor is away: nothing is sent to it, and what waits for it "
    "goes on by itself when it is back, which is looked for at `probe_at`. `limit_seen` is how "
    "many calls at once the vendor was last found to take, `drifts` how many calls have met an "
    "answer that does not fit the vendor's contract and wait for one that does. `lanes` are legal "
    "entities for which one worker at a time posts, the `holder`.",
    responses=answers(Connections, _EXAMPLE),
)
async def list_connections(
    request: Request, context: Context, caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    page = await connections.list_(context, caller.tenant, after=cursor, limit=limit)
    return listed(request, page, page.next)
