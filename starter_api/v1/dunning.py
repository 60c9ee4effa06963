"""/v1/dunning"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import dunning
from operations.dunning import CaseView
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_processes
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.described import answers

router = APIRouter(prefix="/dunning", tags=["dunning"])

Reader = Annotated[Principal, Depends(scoped("subscriptions:read"))]


@router.get(
    "",
    summary="List dunning cases",
    description="Overdue invoices and how far their dunning has gone, by invoice. One "
    "that finance decides has an `exception_id`.",
    responses=answers(Page[CaseView], examples.page(examples_processes.CASE)),
)
async def list_dunning(
    request: Request, context: Context, caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    page = await dunning.list_(context, caller.tenant, after=cursor, limit=limit)
    return listed(request, page, page.next)
