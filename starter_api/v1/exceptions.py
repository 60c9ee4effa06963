"""/v1/exceptions"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from operations import exceptions
from operations.exceptions import Decision, ExceptionDetail, Resolved
from operations.paging import Page
from operations.permissions import require_decision
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, ExceptionId, Limit
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes

router = APIRouter(prefix="/exceptions", tags=["exceptions"])

Reader = Annotated[Principal, Depends(scoped("exceptions:read"))]
Writer = Annotated[Principal, Depends(scoped("exceptions:write"))]


@router.get(
    "",
    summary="List exceptions",
    description="What waits for a person, the newest first. `track` says what of a change waits: "
    "its books, its access, or a process beside it. Equal causes share a `fingerprint`.",
    responses=answers(Page[ExceptionView], examples.page(examples.EXCEPTION)),
)
async def list_exceptions(
    request: Request,
    context: Context,
    caller: Reader,
    state: Annotated[
        Literal["open", "resolved", "all"], Query(description="Open ones unless told otherwise.")
    ] = "open",
    owner: Annotated[
        Literal["finance", "support", "operations"] | None,
        Query(description="Only those that this team answers."),
    ] = None,
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
        owner=owner,
        change_id=change,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.get(
    "/{exception_id}",
    summary="Show an exception",
    description="The exception, what may be decided of it, and the change that waits for it; "
    "`change` is null where a process asks, such as dunning.",
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
    "undo the change, posted documents included; `approve` or `abort` a document above the "
    "tenant's limit; `approve` master data that billing has changed, which carries it on; "
    "`extend`, `credit` or `write_off` an invoice that nobody pays. An exception "
    "takes those of its `decisions` alone. A correction needs the scope of what it sets besides: "
    "`mappings:write` for a mapping, `invoices:decide` for a document. The same decision by the "
    "same key again answers as the first time (`already`), so no Idempotency-Key is needed.",
    responses=answers(Resolved, examples.RESOLVED, 400, 404, 409, 413, 415),
    openapi_extra=takes(
        Decision,
        retry={"action": "retry", "note": "period opened"},
        correct={"action": "correct", "item": examples.ITEM},
        tax={"action": "correct", "document": examples.CORRECTION},
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
) -> Response:
    resolution = exceptions.resolution_of(exception_id, decision, by=caller.name)
    await require_decision(context, caller, resolution)
    return fresh(await exceptions.resolve(context, caller.tenant, resolution))
