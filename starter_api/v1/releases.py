"""/v1/causes/{cause_id}/releases, /v1/releases, and its undo and approval"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from canonical_models.batch import Batch
from operations import preview, release_approving, releases, undoing_releases
from operations.preview import CausePreview
from operations.release_approving import ReleaseApproval, ReleaseYes
from operations.releases import MoreAsked, Release, ReleaseAsked
from operations.undoing_releases import ReleaseUndo, ReleaseUndoAsked
from starter_api.auth import Principal, require, scoped
from starter_api.v1 import examples_previews
from starter_api.v1.answers import begun, fresh, single
from starter_api.v1.asking import BatchId, CauseId, Context
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.once import Once

router = APIRouter(tags=["releases"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]
Undoer = Annotated[Principal, Depends(scoped("invoices:decide"))]
Approver = Annotated[Principal, Depends(scoped("exceptions:approve"))]


@router.post(
    "/causes/{cause_id}/releases",
    status_code=202,
    summary="Release a cause",
    description="Cases that were foreseen to go through: the mend rides on the first one alone, "
    "then the batch pauses. Resuming it (`/v1/batches/{id}/resume`) puts the mend in force and "
    "hands the others over, 1, 5, 20, then at the rate. One whose documents or access are no "
    "longer what was looked at is set aside. Where policy asks for it, resuming waits for "
    "somebody's yes (`/v1/releases/{id}/approval`). A preview is believed for 30 minutes, and one "
    "release of a cause is open at a time. What the mend sets needs its own scope besides.",
    responses=answers(Release, examples_previews.RELEASE, 400, 404, 409, 413, 415, begun=True),
    openapi_extra=takes(ReleaseAsked, previewed=examples_previews.RELEASE_ASKED),
)
async def release_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    asked: Annotated[ReleaseAsked, Depends(body(ReleaseAsked))],
    once: Once,
) -> Response:
    looked_at = await preview.show(context, caller.tenant, asked.preview)
    require(caller, *preview.scopes_of(looked_at))

    async def made() -> Response:
        release = await releases.begin(context, caller.tenant, cause_id, asked, by=caller.name)
        return begun(release, f"/v1/releases/{release.batch.batch_id}")

    return await once(made)


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
async def look_at_joined(
    context: Context, caller: Writer, batch_id: BatchId, once: Once
) -> Response:
    async def made() -> Response:
        found = await releases.look_at_joined(context, caller.tenant, batch_id, by=caller.name)
        return begun(found, f"/v1/previews/{found.batch.batch_id}")

    return await once(made)


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


@router.get(
    "/releases/{batch_id}/undo",
    summary="See what undoing a release would take back",
    description="The documents that it has posted, each with why it stays where it cannot be taken "
    "back: settled, credited, void, or made by others. And what its mappings would be again. "
    "Nothing is done.",
    responses=answers(ReleaseUndo, examples_previews.RELEASE_UNDO, 404),
)
async def foresee_undo(context: Context, caller: Reader, batch_id: BatchId) -> Response:
    return fresh(await undoing_releases.foresee(context, caller.tenant, batch_id))


@router.post(
    "/releases/{batch_id}/undo",
    status_code=202,
    summary="Undo a release",
    description="One document is taken back alone, then the batch pauses. Resuming it "
    "(`/v1/batches/{id}/resume`) has what held before the release hold again, and takes back the "
    "others, 1, 5, 20, then at the rate. Each is reversed by a document of its own once those have "
    "approved whose yes policy asks for a reversal, and stays out of the ERP until it is released. "
    "What is settled or credited meanwhile is set aside. Mappings that are set back need "
    "`mappings:write` besides.",
    responses=answers(Batch, examples_previews.UNDO, 400, 404, 409, 413, 415, begun=True),
    openapi_extra=takes(ReleaseUndoAsked, wrong=examples_previews.UNDO_ASKED),
)
async def undo_release(
    context: Context,
    caller: Undoer,
    batch_id: BatchId,
    asked: Annotated[ReleaseUndoAsked, Depends(body(ReleaseUndoAsked))],
    once: Once,
) -> Response:
    async def made() -> Response:
        batch = await undoing_releases.begin(context, caller.tenant, batch_id, asked, who=caller)
        return begun(batch, f"/v1/batches/{batch.batch_id}")

    return await once(made)


@router.get(
    "/releases/{batch_id}/approval",
    summary="See whose yes a release or an undo needs as a whole",
    description="By policy, now: `standing` is empty where nobody's is needed. `content` is the "
    "digest of all on its list as it was looked at, and of the mend; what has joined since changes "
    "it, and is asked about with all of it. `caused_by` may not say yes.",
    responses=answers(ReleaseApproval, examples_previews.APPROVAL, 404),
)
async def show_release_approval(context: Context, caller: Reader, batch_id: BatchId) -> Response:
    return fresh(await release_approving.show(context, caller.tenant, batch_id))


@router.post(
    "/releases/{batch_id}/approve",
    summary="Approve a release or an undo as a whole",
    description="To exactly what was looked at: `digest` is its `content`. It goes on once it is "
    "resumed. A key has no roles, and counts where the policy names none.",
    responses=answers(ReleaseApproval, examples_previews.APPROVAL, 400, 404, 409, 413, 415),
    openapi_extra=takes(ReleaseYes, looked_at=examples_previews.YES),
)
async def approve_release(
    context: Context,
    caller: Approver,
    batch_id: BatchId,
    asked: Annotated[ReleaseYes, Depends(body(ReleaseYes))],
) -> Response:
    return fresh(
        await release_approving.approve(context, caller.tenant, batch_id, asked, who=caller)
    )
