"""/v1/batches"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.batch import Batch, BatchItem, BatchKind, BatchState, ItemOutcome
from operations import batches
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_batches
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import BatchId, Context, Cursor, Limit
from starter_api.v1.described import answers
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/batches", tags=["batches"])

Reader = Annotated[Principal, Depends(scoped("batches:read"))]
Writer = Annotated[Principal, Depends(scoped("batches:write"))]
Seen = Annotated[None, unless_changed(batches.show, "/v1/batches/{}", "batch_id")]

_MOVED = answers(Batch, examples_batches.BATCH, 404, 409, 412)


@router.get(
    "",
    summary="List what is done in bulk",
    description="The newest first, open or at its end.",
    responses=answers(Page[Batch], examples.page(examples_batches.BATCH)),
)
async def list_batches(
    request: Request,
    context: Context,
    caller: Reader,
    kind: Annotated[BatchKind | None, Query(description="Only of this kind.")] = None,
    state: Annotated[BatchState | None, Query(description="Only those that are so.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await batches.list_(
        context, caller.tenant, kind=kind, state=state, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.get(
    "/{batch_id}",
    summary="Show a batch",
    description="`counts` add up to its list: `done` is what was read back in every system, "
    "`handed_over` what nobody has begun with, `waits` what then waits for something else, and "
    "`set_aside` what is no longer what was looked at, of which nothing was done.",
    responses=answers(Batch, examples_batches.BATCH, 404, kept=True),
)
async def show_batch(
    request: Request, context: Context, caller: Reader, batch_id: BatchId
) -> Response:
    return single(request, await batches.show(context, caller.tenant, batch_id))


@router.get(
    "/{batch_id}/items",
    summary="List what is on the list of a batch",
    description="In its order, each with where it stands and why. As many have an outcome as the "
    "batch counts.",
    responses=answers(Page[BatchItem], examples.page(examples_batches.ITEM), 404),
)
async def list_batch_items(
    request: Request,
    context: Context,
    caller: Reader,
    batch_id: BatchId,
    outcome: Annotated[ItemOutcome | None, Query(description="Only those that stand so.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await batches.items(
        context, caller.tenant, batch_id, outcome=outcome, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.post(
    "/{batch_id}/pause",
    summary="Pause a batch",
    description="Nothing more is handed over until it is resumed; what was handed over goes on.",
    responses=_MOVED,
)
async def pause_batch(
    context: Context, caller: Writer, batch_id: BatchId, _seen: Seen = None
) -> Response:
    return fresh(await batches.pause(context, caller.tenant, batch_id, by=caller.name))


@router.post(
    "/{batch_id}/resume",
    summary="Resume a batch",
    description="It goes on with what is left, behind its trial or what has paused it. A release "
    "or an undo that needs somebody's yes as a whole does not, until it has it.",
    responses=_MOVED,
)
async def resume_batch(
    context: Context, caller: Writer, batch_id: BatchId, _seen: Seen = None
) -> Response:
    return fresh(await batches.resume(context, caller.tenant, batch_id))


@router.post(
    "/{batch_id}/stop",
    summary="Stop a batch",
    description="For good: what is done stays done, what was handed over goes on, the rest stays "
    "as it is.",
    responses=_MOVED,
)
async def stop_batch(
    context: Context, caller: Writer, batch_id: BatchId, _seen: Seen = None
) -> Response:
    return fresh(await batches.stop(context, caller.tenant, batch_id, by=caller.name))
