"""/v1/renewals"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import renewals
from operations.paging import Page
from operations.renewals import LONGEST_DAYS, RenewalView
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_processes
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.described import answers

router = APIRouter(prefix="/renewals", tags=["renewals"])

Reader = Annotated[Principal, Depends(scoped("subscriptions:read"))]


@router.get(
    "",
    summary="List renewals to come",
    description="The earliest first, each with its forecast: `ready`, or `blocked` with the "
    "problem, or `none` while it has not been tried out.",
    responses=answers(Page[RenewalView], examples.page(examples_processes.RENEWAL)),
)
async def list_renewals(
    request: Request,
    context: Context,
    caller: Reader,
    within_days: Annotated[
        int, Query(ge=0, le=LONGEST_DAYS, description="How far to look ahead.")
    ] = 30,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await renewals.list_(
        context, caller.tenant, within_days=within_days, after=cursor, limit=limit
    )
    return listed(request, page, page.next)
