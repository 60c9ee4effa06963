"""/v1/exceptions"""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from operations import cases, exceptions, undoing
from operations.cases import AssignRequest, CommentRequest, Noted, TagsRequest
from operations.exceptions import Decision, ExceptionDetail, Resolved
from operations.paging import Page
from operations.permissions import require_decision
from operations.undoing import AbortPreview, Reopened, ReopenRequest
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_causes
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import (
    Context,
    Cursor,
    ExceptionId,
    IdempotencyKey,
    Limit,
    Wanted,
    only,
)
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed
from starter_api.v1.once import Once

router = APIRouter(prefix="/exceptions", tags=["exceptions"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]
Seen = Annotated[None, unless_changed(exceptions.show, "/v1/exceptions/{}", "exception_id")]


@router.get(
    "",
    summary="List exceptions",
    description="What waits for a person, the newest first. `track` says what of a change waits: "
    "its books, its access, or a process beside it. Those that one mend answers share a "
    "`cause_id`. `at_risk` is null where it is not known, which is not zero.",
    responses=answers(Page[ExceptionView], examples.page(examples.EXCEPTION)),
)
async def list_exceptions(  # noqa: PLR0913, PLR0917 - FastAPI takes one parameter a filter
    request: Request,
    context: Context,
    caller: Reader,
    which: Wanted,
    state: Annotated[
        Literal["open", "resolved", "all"], Query(description="Open ones unless told otherwise.")
    ] = "open",
    cause: Annotated[str | None, only("Only cases of this cause.")] = None,
    change: Annotated[
        str | None, Query(pattern=r"^[!-~]+$", max_length=255, description="Only of this change.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await exceptions.list_(
        context,
        caller.tenant,
        state=None if state == "all" else ExceptionState(state),
        change_id=change,
        which=replace(which, cause=cause),
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.get(
    "/{exception_id}",
    summary="Show an exception",
    description="The exception, the change that waits for it, its cause with what else that holds, "
    "its history, and what was decided, by whom and from where. `form` is all that is needed to "
    "decide: where it is mended, what may be decided with which scopes, and for `correct` the JSON "
    "Schema of what is to be sent, with what is known already. `change` is null where a process "
    "asks, such as dunning.",
    responses=answers(ExceptionDetail, examples.EXCEPTION_DETAIL, 404, kept=True),
)
async def show_exception(
    request: Request, context: Context, caller: Reader, exception_id: ExceptionId
) -> Response:
    return single(request, await exceptions.show(context, caller.tenant, exception_id))


@router.post(
    "/{exception_id}/resolve",
    summary="Decide an exception",
    description="Hands the decision to the saga or process that waits and answers when it has "
    "acted on it: `retry` after the data was mended; `correct` with what was missing, a mapping of "
    "the `account` or the `item`, or the tax code, day or ERP document of a `document`; `abort` to "
    "undo the change, posted documents included; `skip` to leave the `document` out of the ERP for "
    "good, with why as `note`; `approve` or `abort` a document above the "
    "tenant's limit; `approve` master data that billing has changed, which carries it on; "
    "`extend`, `credit` or `write_off` an invoice that nobody pays. An exception "
    "takes those of its `decisions` alone. A correction needs the scope of what it sets besides: "
    "`mappings:write` for a mapping, `invoices:decide` for a document. The same decision by the "
    "same key again answers as the first time (`already`), and so does all that is sent under one "
    "Idempotency-Key. The decision is kept before it is handed over: 202 says that nobody has "
    "taken it yet, since the engine or its workers are away, and that they will. Who is second is "
    "told in `facts` who was first. With the `digest` that the exception was shown with, what has "
    "come to ask something else is not decided. `became` says what has come of it by now: that it "
    "was handed over is not that the ERP was read back.",
    responses=answers(
        Resolved, examples.RESOLVED, 400, 404, 409, 413, 415, underway=examples.RESOLVED_LATER
    ),
    openapi_extra=takes(
        Decision,
        retry={"action": "retry", "note": "period opened"},
        correct={"action": "correct", "item": examples.ITEM},
        tax={"action": "correct", "document": examples.CORRECTION},
        skip={
            "action": "skip",
            "document": {"document_id": "in_1QfTrueup"},
            "note": "booked by hand in another company",
        },
        abort={"action": "abort", "note": "sold by mistake"},
        approve={"action": "approve", "note": "agreed with the customer"},
        extend={"action": "extend", "note": "pays on the 15th"},
    ),
)
async def resolve_exception(
    context: Context,
    caller: Writer,
    exception_id: ExceptionId,
    decision: Annotated[Decision, Depends(body(Decision))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    resolution = exceptions.resolution_of(exception_id, decision, by=caller.name)
    await require_decision(context, caller, resolution)
    resolved = await exceptions.resolve(
        context,
        caller.tenant,
        resolution,
        digest=decision.digest,
        once=idempotency_key,
        roles=caller.roles,
    )
    return fresh(resolved, underway=resolved.decision.outcome is None)


@router.get(
    "/{exception_id}/abort",
    summary="Preview an abort",
    description="What `abort` would undo, on each system and in its order, as the effect ledger "
    "has it; which documents stay out of the ERP afterwards; and what is reversed in the books, "
    "one amount a currency. Nothing is done.",
    responses=answers(AbortPreview, examples_causes.ABORT, 404, 409),
)
async def preview_abort(context: Context, caller: Reader, exception_id: ExceptionId) -> Response:
    return fresh(await undoing.abort_preview(context, caller.tenant, exception_id))


@router.post(
    "/{exception_id}/reopen",
    summary="Reopen a case whose change was undone",
    description="What was undone stays undone. What its abort has kept out of the ERP is released, "
    "and a change of its own carries out what billing says now, which asks anew where that is "
    "still refused. Refused where the change has settled well, or is still at work.",
    responses=answers(Reopened, examples.REOPENED, 400, 404, 409, 413, 415),
    openapi_extra=takes(ReopenRequest, reopen=examples_causes.REOPEN),
)
async def reopen_exception(
    context: Context,
    caller: Annotated[Principal, Depends(scoped("invoices:decide"))],
    exception_id: ExceptionId,
    given: Annotated[ReopenRequest, Depends(body(ReopenRequest))],
    once: Once,
) -> Response:
    async def reopened() -> Response:
        told = await undoing.reopen(context, caller.tenant, exception_id, given, by=caller.name)
        return fresh(told)

    return await once(reopened)


@router.post(
    "/{exception_id}/assign",
    summary="Assign an exception",
    description="To a person, or with null back to its team. Repeating it is harmless.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 412, 413, 415),
    openapi_extra=takes(AssignRequest, assign=examples_causes.ASSIGN),
)
async def assign_exception(
    context: Context,
    caller: Writer,
    exception_id: ExceptionId,
    given: Annotated[AssignRequest, Depends(body(AssignRequest))],
    _seen: Seen = None,
) -> Response:
    told = await cases.assign(
        context, "exceptions", caller.tenant, exception_id, given, by=caller.name
    )
    return fresh(told)


@router.post(
    "/{exception_id}/tags",
    summary="Tag an exception",
    description="Sets all tags that it has from now on. Repeating it is harmless.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 412, 413, 415),
    openapi_extra=takes(TagsRequest, tags=examples_causes.TAGS),
)
async def tag_exception(
    context: Context,
    caller: Writer,
    exception_id: ExceptionId,
    given: Annotated[TagsRequest, Depends(body(TagsRequest))],
    _seen: Seen = None,
) -> Response:
    told = await cases.tag(
        context, "exceptions", caller.tenant, exception_id, given, by=caller.name
    )
    return fresh(told)


@router.post(
    "/{exception_id}/comments",
    summary="Comment on an exception",
    description="Adds a line to its history. It is kept with the exception and sent nowhere.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 409, 413, 415),
    openapi_extra=takes(CommentRequest, comment=examples_causes.COMMENT),
)
async def comment_on_exception(
    context: Context,
    caller: Writer,
    exception_id: ExceptionId,
    given: Annotated[CommentRequest, Depends(body(CommentRequest))],
    once: Once,
) -> Response:
    async def commented() -> Response:
        told = await cases.comment(
            context, "exceptions", caller.tenant, exception_id, given, by=caller.name
        )
        return fresh(told)

    return await once(commented)
