"""/v1/causes/{cause_id}/releases, /v1/releases"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import preview, releases
from operations.preview import CausePreview
from operations.releases import MoreAsked, Release, ReleaseAsked
from starter_api.auth import Principal, require, scoped
from starter_api.v1 import examples_previews
from starter_api.v1.answers import begun, fresh, single
from starter_api.v1.asking import BatchId, CauseId, Context
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes

router = APIRouter(tags=["releases"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]


@router.post(
    "/causes/{cause_id}/releases",
    status_code=202,
    summary="Release a cause",
    description="Cases that were foreseen to go through: the mend rides on the first one alone, "
    "then the batch pauses. Resuming it (`/v1/batches/{id}/resume`) puts the mend in force and "
    "hands the others over, 1, 5, 20, then at the rate. One whose documents or access are no "
    "longer what was looked at is set aside. A preview is believed for 30 minutes, and one release "
    "of a cause is open at a time. What the mend sets needs its own scope besides.",
    responses=answers(Release, examples_previews.RELEASE, 400, 404, 409, 413, 415, begun=True),
    openapi_extra=takes(ReleaseAsked, previewed=examples_previews.RELEASE_ASKED),
)
async def release_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    asked: Annotated[ReleaseAsked, Depends(body(ReleaseAsked))],
) -> Response:
    looked_at = await preview.show(context, caller.tenant, asked.preview)
    require(caller, *preview.scopes_of(looked_at.mend))
    made = await releases.begin(context, caller.tenant, cause_id, asked, by=caller.name)
    return begun(made, f"/v1/releases/{made.batch.batch_id}")


@router.get(
    "/releases/{batch_id}",
    summary="Show a release",
    description="Where its batch stands, and how many cases of the cause have joined since: they "
    "are foreseen and added, never released unseen.",
    responses=answers(Release, examples_previews.RELEASE, 404, kept=True),
)
async def show_release(
    request: Request, context: Context, caller: Reader, batch_id: BatchId
) -> Response:
    return single(request, await releases.show(context, caller.tenant, batch_id))


@router.post(
    "/releases/{batch_id}/joined",
    status_code=202,
    summary="Foresee the cases that have joined a release",
    description="A preview of these alone, with the mend of the release.",
    responses=answers(CausePreview, examples_previews.CAUSE, 404, 409, begun=True),
)
async def look_at_joined(context: Context, caller: Writer, batch_id: BatchId) -> Response:
    made = await releases.look_at_joined(context, caller.tenant, batch_id, by=caller.name)
    return begun(made, f"/v1/previews/{made.batch.batch_id}")


@router.post(
    "/releases/{batch_id}/add",
    summary="Add cases that have joined to a release",
    description="Those of the preview that go through, behind the others.",
    responses=answers(Release, examples_previews.RELEASE, 400, 404, 409, 413, 415),
    openapi_extra=takes(MoreAsked, previewed={"preview": "pre_1d9c8b7a6f5e"}),
)
async def add_to_release(
    context: Context,
    caller: Writer,
    batch_id: BatchId,
    asked: Annotated[MoreAsked, Depends(body(MoreAsked))],
) -> Response:
    return fresh(await releases.add(context, caller.tenant, batch_id, asked))
