"""/v1/inbox"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.batch import Batch
from canonical_models.states import InboxStatus
from operations import inbox
from operations.inbox import InboxDetail, Replay, ReplayMany, ReplaysForeseen
from operations.paging import Page
from persistence.inbox import InboxView
from starter_api.auth import Principal, require, scoped
from starter_api.v1 import examples, examples_batches
from starter_api.v1.answers import begun, fresh, listed, single
from starter_api.v1.asking import Context, Cursor, Limit, Receipt
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.once import Once

router = APIRouter(prefix="/inbox", tags=["inbox"])

Reader = Annotated[Principal, Depends(scoped("inbox:read"))]
Writer = Annotated[Principal, Depends(scoped("inbox:write"))]


@router.get(
    "",
    summary="List received webhooks",
    description="Every authentic webhook, the newest first: dispatched, ignored, and dead letters.",
    responses=answers(Page[InboxView], examples.page(examples.RECEIVED)),
)
async def list_inbox(
    request: Request,
    context: Context,
    caller: Reader,
    status: Annotated[InboxStatus | None, Query(description="Only those with this status.")] = None,
    event_type: Annotated[
        str | None,
        Query(pattern=r"^[!-~]+$", max_length=255, description="Only events of this type."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await inbox.list_(
        context,
        caller.tenant,
        status=status,
        event_type=event_type,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.get(
    "/{receipt}",
    summary="Show a received webhook",
    description="What became of it; with `raw=true` also the signed body as text, which may hold "
    "personal data.",
    responses=answers(InboxDetail, examples.RECEIVED_DETAIL, 404, kept=True),
)
async def show_received(
    request: Request,
    context: Context,
    caller: Reader,
    receipt: Receipt,
    raw: Annotated[bool, Query(description="Whether to show the body.")] = False,
) -> Response:
    if raw:
        require(caller, "inbox:bodies")
    return single(request, await inbox.show(context, caller.tenant, receipt, raw=raw))


@router.post(
    "/replays",
    status_code=202,
    summary="Read many webhooks again",
    description="What fits now is a frozen list, read again in the order in which it came: one, "
    "then 5, then 20, then at the rate. It pauses by itself after 3 failures in a row or 10 % of "
    "the last 50. See it under `Location`.",
    responses=answers(Batch, examples_batches.BATCH, 400, 409, 413, 415, begun=True),
    openapi_extra=takes(ReplayMany, dead_letters=examples_batches.REPLAY_MANY),
)
async def replay_many(
    context: Context,
    caller: Writer,
    asked: Annotated[ReplayMany, Depends(body(ReplayMany))],
    once: Once,
) -> Response:
    async def made() -> Response:
        batch = await inbox.replay_many(context, caller.tenant, asked, by=caller.name)
        return begun(batch, f"/v1/batches/{batch.batch_id}")

    return await once(made)


@router.post(
    "/replays/preview",
    summary="Foresee what reading many again would do",
    description="How many webhooks fit now, and of the first 10 what each says and what its change "
    "would come to, by the one what-if that the saga itself plans by. Nothing is done.",
    responses=answers(ReplaysForeseen, examples.REPLAYS_FORESEEN, 400, 413, 415),
    openapi_extra=takes(ReplayMany, dead_letters=examples_batches.REPLAY_MANY),
)
async def preview_replays(
    context: Context, caller: Writer, asked: Annotated[ReplayMany, Depends(body(ReplayMany))]
) -> Response:
    return fresh(await inbox.foresee_many(context, caller.tenant, asked))


@router.post(
    "/{receipt}/replay",
    summary="Read a webhook again",
    description="The event is read as if it had just come, and its change plans from billing's "
    "present state, so nothing is posted twice. With `dry_run=true` nothing happens and the answer "
    "says what would, as the saga itself would plan it now (`foreseen`). "
    "Repeating it while the event waits to be read changes nothing.",
    responses=answers(Replay, examples.REPLAY, 404, 409),
)
async def replay_received(
    context: Context,
    caller: Writer,
    receipt: Receipt,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> Response:
    return fresh(await inbox.replay(context, caller.tenant, receipt, dry_run=dry_run))
