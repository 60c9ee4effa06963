"""/v1/differences"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import differences
from operations.differences import DifferenceView, Wanted
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_books
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit, only
from starter_api.v1.described import answers

router = APIRouter(prefix="/differences", tags=["invoices"])

Reader = Annotated[Principal, Depends(scoped("invoices:read"))]


@router.get(
    "",
    summary="List differences",
    description="Where billing and the ERP do not say the same: documents that are not in the "
    "books or of other amounts there, by date; then debts that a refund or dispute left and no "
    "document shows; then balances that the ERP was not told of. Each with a cause, who decided "
    "it, and the team that can mend it. An empty list means that they agree.",
    responses=answers(Page[DifferenceView], examples.page(examples_books.DIFFERENCE)),
)
async def list_differences(
    request: Request,
    context: Context,
    caller: Reader,
    customer: Annotated[str | None, only("Only of this billing customer.")] = None,
    entity: Annotated[str | None, only("Only in the books of this legal entity.")] = None,
    owner: Annotated[
        Literal["finance", "support", "operations"] | None,
        Query(description="Only those that this team can mend."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    wanted = Wanted(customer_id=customer, legal_entity=entity, owner=owner)
    page = await differences.list_(context, caller.tenant, wanted, after=cursor, limit=limit)
    return listed(request, page, page.next)
