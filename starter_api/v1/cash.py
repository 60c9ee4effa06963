"""/v1/cash"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from canonical_models.cash import PayoutState
from operations import cash
from operations.cash import CashLookedAt, CashStands, PayoutShown
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_cash
from starter_api.v1.answers import fresh, listed
from starter_api.v1.asking import Context, Cursor, Limit, only
from starter_api.v1.described import answers, bounded

router = APIRouter(prefix="/cash", tags=["invoices"])

Reader = Annotated[Principal, Depends(scoped("invoices:read"))]
Writer = Annotated[Principal, Depends(scoped("invoices:write"))]
State = Annotated[PayoutState | None, only("Only payouts in this state.")]


@router.get(
    "",
    summary="Clearing beside billing's balance",
    description="What was seen last, by connection and currency. A `problem` says why nothing is "
    "known of now; `carried` is false where payouts are not booked.",
    responses=answers(CashStands, examples_cash.STANDS),
    openapi_extra=bounded("a row for each connection of billing"),
)
async def show_cash(context: Context, caller: Reader) -> Response:
    return fresh(await cash.show(context, caller.tenant))


@router.post(
    "/look",
    summary="Lay clearing beside billing's balance now",
    description="Reads both, and answers what came of it, or `finished: false` while it goes on by "
    "itself. Books nothing but payouts that nobody has told of.",
    responses=answers(CashLookedAt, examples_cash.LOOKED),
)
async def look_at_cash(context: Context, caller: Writer) -> Response:
    return fresh(await cash.look(context, caller.tenant))


@router.get(
    "/payouts",
    summary="List payouts",
    description="Payouts and what became of them in the ERP, newest first. One that somebody is "
    "asked about has an `exception_id`.",
    responses=answers(Page[PayoutShown], examples.page(examples_cash.PAYOUT)),
)
async def list_payouts(
    request: Request,
    context: Context,
    caller: Reader,
    state: State = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await cash.payouts(context, caller.tenant, state=state, after=cursor, limit=limit)
    return listed(request, page, page.next)
