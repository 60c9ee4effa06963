"""/v1/events"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import events
from operations.events import Feed
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.described import answers

router = APIRouter(prefix="/events", tags=["events"])

Reader = Annotated[Principal, Depends(scoped("events:read"))]


@router.get(
    "",
    summary="Read the feed of events",
    description="CloudEvents 1.0 in the order in which they were published. Keep `next` and ask "
    "with it again, also after an empty page: every event is delivered at least once.",
    responses=answers(Feed, examples.FEED),
)
async def read_events(
    request: Request, context: Context, caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    feed = await events.list_(context, caller.tenant, after=cursor, limit=limit)
    return listed(request, feed, feed.next)
