"""/v1/streams"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.streams import Answer, Delivery, DeliveryState, Stream, StreamState
from operations import streams
from operations.paging import Page
from operations.streams import Again, NewStream, Removed, Rotation, SentAgain
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples
from starter_api.v1 import examples_streams as shown
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, Limit, Position, StreamName, only
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/streams", tags=["streams"])

Reader = Annotated[Principal, Depends(scoped("streams:read"))]
Writer = Annotated[Principal, Depends(scoped("streams:write"))]

Seen = Annotated[None, unless_changed(streams.show, "/v1/streams/{}", "name")]

_BODY = (400, 404, 409, 413, 415)


@router.get(
    "",
    summary="List streams",
    description="Who is told of events: receivers by HTTP, and teams by mail, which the settings "
    "name. `failing_since` while a receiver takes nothing.",
    responses=answers(Page[Stream], examples.page(shown.STREAM)),
)
async def list_streams(
    request: Request,
    context: Context,
    caller: Reader,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await streams.list_(context, caller.tenant, after=cursor, limit=limit)
    return listed(request, page, page.next)


@router.post(
    "",
    summary="Add a stream",
    description="From now on each event of these types is posted to the address as CloudEvents, "
    "signed as Standard Webhooks 1.0.0 has it. `secret` is a name of the tenant's "
    "`stream_secrets`, which are settings. What was published before is sent by `resend` with "
    "`since`.",
    responses=answers(Stream, shown.STREAM, 400, 409, 413, 415),
    openapi_extra=takes(NewStream, some=shown.ADD, team=shown.DESK),
)
async def add_stream(
    context: Context, caller: Writer, given: Annotated[NewStream, Depends(body(NewStream))]
) -> Response:
    return fresh(await streams.add(context, caller.tenant, given, by=caller.name))


@router.get(
    "/{name}",
    summary="Show a stream",
    description="With how many events are still to come to it, and how many are dead.",
    responses=answers(Stream, shown.STREAM, 404, kept=True),
)
async def show_stream(
    request: Request, context: Context, caller: Reader, name: StreamName
) -> Response:
    return single(request, await streams.show(context, caller.tenant, name))


@router.delete(
    "/{name}",
    summary="Remove a stream",
    description="With all that is known of its deliveries; `pending` events are not sent any more.",
    responses=answers(Removed, shown.REMOVED, 404, 409, 412),
)
async def remove_stream(
    context: Context, caller: Writer, name: StreamName, _seen: Seen = None
) -> Response:
    return fresh(await streams.remove(context, caller.tenant, name, by=caller.name))


@router.post(
    "/{name}/pause",
    summary="Pause a stream",
    description="Nothing is sent until it is resumed; what comes meanwhile waits.",
    responses=answers(Stream, {**shown.STREAM, "state": "paused"}, 404, 409, 412),
)
async def pause_stream(
    context: Context, caller: Writer, name: StreamName, _seen: Seen = None
) -> Response:
    paused = StreamState.PAUSED
    return fresh(await streams.turn(context, caller.tenant, name, paused, by=caller.name))


@router.post(
    "/{name}/resume",
    summary="Resume a stream",
    description="Also one that was paused because its receiver answered 410.",
    responses=answers(Stream, shown.STREAM, 404, 409, 412),
)
async def resume_stream(
    context: Context, caller: Writer, name: StreamName, _seen: Seen = None
) -> Response:
    active = StreamState.ACTIVE
    return fresh(await streams.turn(context, caller.tenant, name, active, by=caller.name))


@router.post(
    "/{name}/rotate",
    summary="Rotate the secret of a stream",
    description="With `secret` both sign from now on; without one the rotation ends, and the newer "
    "signs alone.",
    responses=answers(Stream, {**shown.STREAM, "secrets": ["crm-2028", "crm-2027"]}, 412, *_BODY),
    openapi_extra=takes(Rotation, begin={"secret": "crm-2028"}, end={}),
)
async def rotate_stream(
    context: Context,
    caller: Writer,
    name: StreamName,
    given: Annotated[Rotation, Depends(body(Rotation))],
    _seen: Seen = None,
) -> Response:
    return fresh(await streams.rotate(context, caller.tenant, name, given, by=caller.name))


@router.post(
    "/{name}/test",
    summary="Try a stream out",
    description="An event of the type `stream.tried.v1` is sent now; the receiver's answer is "
    "shown, whatever it is.",
    responses=answers(Answer, shown.ANSWER, 404, 409),
)
async def test_stream(context: Context, caller: Writer, name: StreamName) -> Response:
    return fresh(await streams.try_out(context, caller.tenant, name, by=caller.name))


@router.get(
    "/{name}/deliveries",
    summary="List the deliveries of a stream",
    description="The newest first, each with the receiver's last answer. `dead` is what was tried "
    "ten times in some three days.",
    responses=answers(Page[Delivery], examples.page(shown.DELIVERY), 404, 409),
)
async def list_deliveries(
    request: Request,
    context: Context,
    caller: Reader,
    name: StreamName,
    state: Annotated[DeliveryState | None, Query(description="Only those that are so.")] = None,
    subject: Annotated[str | None, only("Only events of this subject.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await streams.list_deliveries(
        context, caller.tenant, name, state=state, subject=subject, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.post(
    "/{name}/deliveries/{position}/resend",
    summary="Send an event again",
    description="Now, whatever became of it and waits before it; the receiver's answer is shown. "
    "One that is not taken is tried again by itself.",
    responses=answers(Delivery, shown.SENT, 404, 409),
)
async def resend_delivery(
    context: Context, caller: Writer, name: StreamName, position: Position
) -> Response:
    return fresh(await streams.resend(context, caller.tenant, name, position, by=caller.name))


@router.post(
    "/{name}/resend",
    summary="Send many events again",
    description="What is dead, or with `since` all that was published since then, delivered or "
    "not, also before the stream was added. It goes on by itself, in order of each subject.",
    responses=answers(SentAgain, shown.SENT_AGAIN, *_BODY),
    openapi_extra=takes(Again, dead={}, since={"since": "2026-11-22T00:00:00Z"}),
)
async def resend_many(
    context: Context,
    caller: Writer,
    name: StreamName,
    given: Annotated[Again, Depends(body(Again))],
) -> Response:
    return fresh(await streams.resend_all(context, caller.tenant, name, given, by=caller.name))
