"""/v1/causes: what is wrong, and all that it holds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.states import CauseState
from canonical_models.views import CauseView
from operations import cases, causes
from operations.cases import AssignRequest, CommentRequest, Noted, TagsRequest
from operations.causes import CauseDetail
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_causes
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import CauseId, Context, Cursor, Limit, Wanted
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed
from starter_api.v1.once import Once

router = APIRouter(prefix="/causes", tags=["causes"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]
Seen = Annotated[None, unless_changed(causes.show, "/v1/causes/{}", "cause_id")]


@router.get(
    "",
    summary="List causes",
    description="What is wrong and how much it holds, those first that are due first: exceptions "
    "of equal code, system and subject are cases of one cause, and one mend answers all of them. "
    "`at_risk` is of its open cases, one amount a currency; what `unknown_cases` put at risk is "
    "not known, and in none of them.",
    responses=answers(Page[CauseView], examples.page(examples_causes.CAUSE)),
)
async def list_causes(
    request: Request,
    context: Context,
    caller: Reader,
    which: Wanted,
    state: Annotated[
        CauseState, Query(description="Open ones unless told otherwise.")
    ] = CauseState.OPEN,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await causes.list_(
        context, caller.tenant, state=state, which=which, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.get(
    "/{cause_id}",
    summary="Show a cause",
    description="The cause with the newest of its open cases, the form of a decision that mends "
    "it, and its history. The rest of the cases is in `/v1/exceptions?cause=` with `next` as its "
    "cursor.",
    responses=answers(CauseDetail, examples.CAUSE_DETAIL, 404, kept=True),
)
async def show_cause(
    request: Request, context: Context, caller: Reader, cause_id: CauseId
) -> Response:
    return single(request, await causes.show(context, caller.tenant, cause_id))


@router.post(
    "/{cause_id}/assign",
    summary="Assign a cause",
    description="To a person, or with null back to its team. Repeating it is harmless.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 412, 413, 415),
    openapi_extra=takes(AssignRequest, assign=examples_causes.ASSIGN),
)
async def assign_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    given: Annotated[AssignRequest, Depends(body(AssignRequest))],
    _seen: Seen = None,
) -> Response:
    told = await cases.assign(context, "causes", caller.tenant, cause_id, given, by=caller.name)
    return fresh(told)


@router.post(
    "/{cause_id}/tags",
    summary="Tag a cause",
    description="Sets all tags that it has from now on. Repeating it is harmless.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 412, 413, 415),
    openapi_extra=takes(TagsRequest, tags=examples_causes.TAGS),
)
async def tag_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    given: Annotated[TagsRequest, Depends(body(TagsRequest))],
    _seen: Seen = None,
) -> Response:
    told = await cases.tag(context, "causes", caller.tenant, cause_id, given, by=caller.name)
    return fresh(told)


@router.post(
    "/{cause_id}/comments",
    summary="Comment on a cause",
    description="Adds a line to its history. It is kept with the cause and sent nowhere.",
    responses=answers(Noted, examples_causes.NOTED, 400, 404, 409, 413, 415),
    openapi_extra=takes(CommentRequest, comment=examples_causes.COMMENT),
)
async def comment_on_cause(
    context: Context,
    caller: Writer,
    cause_id: CauseId,
    given: Annotated[CommentRequest, Depends(body(CommentRequest))],
    once: Once,
) -> Response:
    async def commented() -> Response:
        told = await cases.comment(
            context, "causes", caller.tenant, cause_id, given, by=caller.name
        )
        return fresh(told)

    return await once(commented)
