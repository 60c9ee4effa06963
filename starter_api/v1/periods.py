"""/v1/periods"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from canonical_models.base import Canonical
from canonical_models.closing import MONTH, CloseReport, PeriodView
from operations import closing, closing_accepting
from operations.closing import Closed
from operations.closing_accepting import Accepting
from operations.closing_page import page_of
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_closing
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, Limit, only
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, bounded, takes
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/periods", tags=["periods"])

Reader = Annotated[Principal, Depends(scoped("periods:read"))]
Closer = Annotated[Principal, Depends(scoped("periods:close"))]
Entity = Annotated[str, Path(pattern=r"^[!-~]+$", max_length=255, examples=["LE-DE"])]
Month = Annotated[str, Path(pattern=MONTH, examples=["2027-01"])]
DifferenceId = Annotated[
    str, Path(pattern=r"^[!-~]+$", max_length=255, examples=["dif_0d9c8b7a6f5e4d3c2b1a"])
]
#: What a sealed report is sent with: it is that version for good, and may be of money.
_SEALED = {"cache-control": "private, no-cache", "vary": "authorization, accept"}
_LOADS_NOTHING = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}


Seen = Annotated[
    None, unless_changed(closing_accepting.show, "/v1/periods/{}/{}", "entity", "period")
]


class CloseAsked(Canonical):
    """`note` is for those who read the report later."""

    note: str = Field(default="", max_length=2000)


class WhyAsked(Canonical):
    """`reason` is sealed with what is decided."""

    reason: str = Field(min_length=1, max_length=2000)


@router.get(
    "",
    summary="List months",
    description="Months that somebody has begun to close, the newest first. `standing` is what "
    "kept one open when it was last to be closed.",
    responses=answers(Page[PeriodView], examples.page(examples_closing.OPEN)),
)
async def list_periods(
    request: Request,
    context: Context,
    caller: Reader,
    entity: Annotated[str | None, only("Only of this legal entity.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await closing.list_(
        context, caller.tenant, legal_entity=entity, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.get(
    "/{entity}/{period}",
    summary="Show where a month stands",
    description="Whether it is closed, by whom, and by which report; or what kept it open when it "
    "was last to be closed, with what was accepted of that since.",
    responses=answers(PeriodView, examples_closing.OPEN, 404, kept=True),
)
async def show_period(
    request: Request, context: Context, caller: Reader, entity: Entity, period: Month
) -> Response:
    return single(request, await closing_accepting.show(context, caller.tenant, entity, period))


@router.get(
    "/{entity}/{period}/report",
    summary="Read the report of a month",
    description="Byte by byte as it was sealed (RFC 8785), the newest version unless another is "
    "named; with `Accept: text/html` as one page to print, which loads nothing.",
    responses=answers(CloseReport, examples_closing.REPORT, 404),
    openapi_extra=bounded("one report, whole, as it was sealed"),
)
async def show_report(
    context: Context,
    caller: Reader,
    entity: Entity,
    period: Month,
    version: Annotated[
        int | None, Query(ge=1, le=10**6, description="This version of the report.")
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    kept = await closing.report(context, caller.tenant, entity, period, version)
    if accept is not None and accept.strip().lower().startswith("text/html"):
        return Response(page_of(kept), 200, _SEALED | _LOADS_NOTHING, "text/html; charset=utf-8")
    return Response(kept.report, 200, _SEALED, "application/json")


@router.post(
    "/{entity}/{period}/close",
    summary="Close a month",
    description="Reads billing and the books, compares them, and seals what both sides say. While "
    "a difference stands that nobody has decided, or a write is under way, it is refused: `facts` "
    "of the problem list what stands, each with what to do next. Repeating it shows the same "
    "report as long as both sides say the same.",
    responses=answers(Closed, examples_closing.CLOSED, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(CloseAsked, reviewed={"note": "reviewed by Jane"}),
)
async def close_period(
    context: Context,
    caller: Closer,
    entity: Entity,
    period: Month,
    given: Annotated[CloseAsked, Depends(body(CloseAsked))],
    _: Seen,
) -> Response:
    done = await closing.close(
        context, caller.tenant, entity, period, by=caller.name, note=given.note
    )
    if done.outcome == "refused":
        raise closing.refusal(done)
    return fresh(done)


@router.post(
    "/{entity}/{period}/reopen",
    summary="Reopen a month",
    description="Documents may be dated into it again. Its report is kept, and the next one names "
    "it. One that is not closed is a conflict.",
    responses=answers(PeriodView, examples_closing.OPEN, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(WhyAsked, late={"reason": "a credit of a supplier came late"}),
)
async def reopen_period(
    context: Context,
    caller: Closer,
    entity: Entity,
    period: Month,
    given: Annotated[WhyAsked, Depends(body(WhyAsked))],
    _: Seen,
) -> Response:
    return fresh(
        await closing.reopen(context, caller.tenant, entity, period, given.reason, by=caller.name)
    )


@router.post(
    "/{entity}/{period}/differences/{difference_id}/accept",
    summary="Accept a difference",
    description="It may stand in the month, for this reason, as it was when the month was last to "
    "be closed: once it differs otherwise it is open again. What is under way is not accepted. "
    "Repeating it changes nothing.",
    responses=answers(Accepting, examples_closing.ACCEPTED, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(WhyAsked, agreed={"reason": "agreed with the auditor"}),
)
async def accept_difference(
    context: Context,
    caller: Closer,
    entity: Entity,
    period: Month,
    difference_id: DifferenceId,
    given: Annotated[WhyAsked, Depends(body(WhyAsked))],
    _: Seen,
) -> Response:
    return fresh(
        await closing_accepting.accept(
            context, caller.tenant, entity, period, difference_id, given.reason, by=caller.name
        )
    )


@router.post(
    "/{entity}/{period}/differences/{difference_id}/withdraw",
    summary="Take back that a difference was accepted",
    description="It keeps the month open again, as long as that is not closed. One that is not "
    "accepted is a conflict.",
    responses=answers(
        Accepting,
        {**examples_closing.ACCEPTED, "difference": examples_closing.DIFFERENCE},
        *(400, 404, 409, 412, 413, 415),
    ),
    openapi_extra=takes(WhyAsked, slip={"reason": "a slip"}),
)
async def withdraw_acceptance(
    context: Context,
    caller: Closer,
    entity: Entity,
    period: Month,
    difference_id: DifferenceId,
    given: Annotated[WhyAsked, Depends(body(WhyAsked))],
    _: Seen,
) -> Response:
    return fresh(
        await closing_accepting.withdraw(
            context, caller.tenant, entity, period, difference_id, given.reason, by=caller.name
        )
    )
