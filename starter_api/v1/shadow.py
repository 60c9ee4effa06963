"""/v1/shadow"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.shadow import ShadowItem, ShadowKind, ShadowState, ShadowStatus
from operations import shadow, trials
from operations.paging import Page
from operations.shadow import ShadowDetail, ShadowLooked
from operations.trials import Trial, TrialAsked
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_shadow
from starter_api.v1.answers import begun, fresh, listed, single
from starter_api.v1.asking import BatchId, ChangeId, Context, Cursor, Limit, only
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, bounded, takes
from starter_api.v1.once import Once

router = APIRouter(prefix="/shadow", tags=["shadow"])

Reader = Annotated[Principal, Depends(scoped("changes:read"))]
Looker = Annotated[Principal, Depends(scoped("invoices:write"))]
Beginner = Annotated[Principal, Depends(scoped("batches:write"))]
TrialReader = Annotated[Principal, Depends(scoped("batches:read"))]


@router.get(
    "",
    summary="Show how far what others do agrees",
    description="Of a tenant in shadow: how much of what would have been done is there and agrees, "
    "differs (`differ_by` kind), or is not there yet; what would have been asked; the agreement by "
    "week; and whether it is `ready` to go live, since when, and what stands `against` it. Reads "
    "no other system.",
    responses=answers(ShadowStatus, examples_shadow.STATUS),
    openapi_extra=bounded("one status: a row a kind of difference, and a row a week"),
)
async def show_shadow(context: Context, caller: Reader) -> Response:
    return fresh(await shadow.status(context, caller.tenant))


@router.post(
    "/look",
    summary="Look now for what would have been done",
    description="Looks in the ERP, at support and in entitlement targets, and writes nowhere. "
    "Answers what came of it, or `finished: false` while it goes on by itself.",
    responses=answers(ShadowLooked, examples_shadow.LOOKED, 409),
)
async def look_in_shadow(context: Context, caller: Looker) -> Response:
    return fresh(await shadow.look(context, caller.tenant))


@router.get(
    "/items",
    summary="List what would have been made, and what is there",
    description="Documents, support and targets, in the order in which they were planned. Each "
    "difference has both sides.",
    responses=answers(Page[ShadowItem], examples.page(examples_shadow.ITEM)),
)
async def list_shadow_items(
    request: Request,
    context: Context,
    caller: Reader,
    state: Annotated[ShadowState | None, Query(description="Only those in this state.")] = None,
    differs: Annotated[ShadowKind | None, Query(description="Only those that differ so.")] = None,
    customer: Annotated[str | None, only("Only of this billing customer.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await shadow.items(
        context,
        caller.tenant,
        state=state,
        kind=differs,
        customer=customer,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.get(
    "/changes/{change_id}",
    summary="Show what a change would have done",
    description="As the saga's own planner has planned it: documents with lines and tax, access, "
    "support, and what it would have asked; and what is there of it.",
    responses=answers(ShadowDetail, examples_shadow.DETAIL, 404, kept=True),
)
async def show_shadow_change(
    request: Request, context: Context, caller: Reader, change_id: ChangeId
) -> Response:
    return single(request, await shadow.show(context, caller.tenant, change_id))


@router.post(
    "/trials",
    status_code=202,
    summary="Try another policy or mapping beside what holds",
    description="What billing has issued `since` that day is planned twice, as things are and as "
    "they would be, and with `keep_on` each change to come as well. Nothing of it is in force, and "
    "nothing is done. It goes on by itself: see it under `Location`.",
    responses=answers(Trial, examples_shadow.TRIAL, 400, 409, 413, 415, begun=True),
    openapi_extra=takes(TrialAsked, policy=examples_shadow.TRY),
)
async def begin_trial(
    context: Context,
    caller: Beginner,
    asked: Annotated[TrialAsked, Depends(body(TrialAsked))],
    once: Once,
) -> Response:
    async def made() -> Response:
        found = await trials.begin(context, caller.tenant, asked, by=caller.name)
        return begun(found, f"/v1/shadow/trials/{found.batch.batch_id}")

    return await once(made)


@router.get(
    "/trials/{batch_id}",
    summary="Show where what is tried differs from what holds",
    description="Counts, and the changes whose two plans do not say the same, with both sides.",
    responses=answers(Trial, examples_shadow.TRIAL, 404, kept=True),
)
async def show_trial(
    request: Request,
    context: Context,
    caller: TrialReader,
    batch_id: BatchId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    found = await trials.show(context, caller.tenant, batch_id, after=cursor, limit=limit)
    return single(request, found)
