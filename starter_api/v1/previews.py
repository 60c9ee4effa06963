"""What would happen: /v1/exceptions/{id}/preview, /v1/causes/{cause_id}/preview, /v1/previews"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from canonical_models.preview import Foreseen, Mend
from operations import preview
from operations.preview import CausePreview
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_previews
from starter_api.v1.answers import begun, fresh, single
from starter_api.v1.asking import BatchId, CauseId, Context, ExceptionId
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.once import Once

router = APIRouter(tags=["previews"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]
_MENDS = takes(Mend, mapped=examples_previews.MEND, mended_elsewhere={})


@router.post(
    "/exceptions/{exception_id}/preview",
    summary="Foresee what deciding an exception would do",
    description="By the planner of the saga itself, over billing's present word and this mend, and "
    "nothing is written anywhere: the documents with lines and tax, access, support tier. `comes` "
    "says whether it goes through, then waits for something else (`code` and `about` name it), "
    "needs approval, is not affected any more, or could not be told. An empty body foresees "
    "`retry`.",
    responses=answers(Foreseen, examples_previews.FORESEEN, 400, 404, 413, 415),
    openapi_extra=_MENDS,
)
async def preview_exception(
    context: Context,
    caller: Reader,
    exception_id: ExceptionId,
    mend: Annotated[Mend, Depends(body(Mend))],
) -> Response:
    return fresh(await preview.of_exception(context, caller.tenant, exception_id, mend))


@router.post(
    "/causes/{cause_id}/preview",
    status_code=202,
    summary="Foresee what mending a cause would do",
    description="Of each open case of the cause, as a frozen list that a release is held against. "
    "It goes on by itself: see it under `Location`, and what each comes to in the items of its "
    "batch. The mend is in force nowhere.",
    responses=answers(CausePreview, examples_previews.CAUSE, 400, 404, 409, 413, 415, begun=True),
    openapi_extra=_MENDS,
)
async def preview_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    mend: Annotated[Mend, Depends(body(Mend))],
    once: Once,
) -> Response:
    async def made() -> Response:
        found = await preview.of_cause(context, caller.tenant, cause_id, mend, by=caller.name)
        return begun(found, f"/v1/previews/{found.batch.batch_id}")

    return await once(made)


@router.get(
    "/previews/{batch_id}",
    summary="Show what mending a cause would do",
    description="Counts by what cases come to, and what would be posted, by legal entity and "
    "currency.",
    responses=answers(CausePreview, examples_previews.CAUSE, 404, kept=True),
)
async def show_preview(
    request: Request, context: Context, caller: Reader, batch_id: BatchId
) -> Response:
    return single(request, await preview.show(context, caller.tenant, batch_id))
