"""/v1/connections"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from operations import connections
from operations.connections import Connections
from starter_api.auth import Principal, scoped
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context
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
            "exception_id": "exc_5f1d2c3b4a596877",
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
}


@router.get(
    "",
    summary="List connections to vendors",
    description="`open` is one whose vendor is away: nothing is sent to it, and what waits for it "
    "goes on by itself when it is back, which is looked for at `probe_at`. `limit_seen` is how "
    "many calls at once the vendor was last found to take. `lanes` are legal entities for which "
    "one worker at a time posts, the `holder`.",
    responses=answers(Connections, _EXAMPLE),
)
async def list_connections(context: Context, caller: Reader) -> Response:
    return fresh(await connections.list_(context, caller.tenant))
