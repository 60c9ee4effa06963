"""/v1/backfills"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import backfills
from operations.backfills import BackfillAsked, BackfillReport
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_backfills
from starter_api.v1.answers import begun, single
from starter_api.v1.asking import BatchId, Context
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.once import Once

router = APIRouter(prefix="/backfills", tags=["backfills"])

Reader = Annotated[Principal, Depends(scoped("batches:read"))]
Writer = Annotated[Principal, Depends(scoped("backfill:write"))]


@router.post(
    "",
    status_code=202,
    summary="Rehearse or begin a backfill",
    description="`history` synchronises subscriptions and accounts again, `mapping` plans again "
    "what a mapping is about, `publish` tells targets and support again. Without `apply` it is "
    "rehearsed by the planner of the saga itself, and nothing is written. With it, what a "
    "rehearsal of exactly the same selection has found to differ within 24 hours is brought "
    "about, behind live changes; `confirmed` goes without one. It goes on by itself: "
    "see it under `Location`, and pause, resume and stop its batch (`/v1/batches/{id}/pause`).",
    responses=answers(
        BackfillReport, examples_backfills.REPORT, 400, 404, 409, 413, 415, begun=True
    ),
    openapi_extra=takes(
        BackfillAsked,
        rehearsed=examples_backfills.ASKED,
        applied=examples_backfills.APPLIED,
    ),
)
async def begin_backfill(
    context: Context,
    caller: Writer,
    asked: Annotated[BackfillAsked, Depends(body(BackfillAsked))],
    once: Once,
) -> Response:
    async def made() -> Response:
        found = await backfills.begin(context, caller.tenant, asked, by=caller.name)
        return begun(found, f"/v1/backfills/{found.batch.batch_id}")

    return await once(made)


@router.get(
    "/{batch_id}",
    summary="Show a backfill",
    description="Effects by system, money by legal entity and currency, and how long it takes by "
    "what each vendor allows, as they were rehearsed; and how far its batch has come. What each "
    "item would come to is in the items of the rehearsal's batch.",
    responses=answers(BackfillReport, examples_backfills.REPORT, 404, kept=True),
)
async def show_backfill(
    request: Request, context: Context, caller: Reader, batch_id: BatchId
) -> Response:
    return single(request, await backfills.show(context, caller.tenant, batch_id))
