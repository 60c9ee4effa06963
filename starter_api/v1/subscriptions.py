"""/v1/subscriptions"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import subscriptions
from operations.paging import Page
from operations.subscriptions import SubscriptionDetail, SubscriptionSummary
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples
from starter_api.v1.answers import listed, single
from starter_api.v1.asking import Cursor, Limit, SubscriptionId, Working
from starter_api.v1.described import answers

router = APIRouter(prefix="/subscriptions", tags=["subscriptions"])

Reader = Annotated[Principal, Depends(scoped("subscriptions:read"))]


@router.get(
    "",
    summary="List subscriptions",
    description="Each as every system last agreed on it, by subscription id.",
    responses=answers(Page[SubscriptionSummary], examples.page(examples.AGREED)),
)
async def list_subscriptions(
    request: Request,
    systems: Working,
    caller: Reader,
    customer: Annotated[
        str | None,
        Query(pattern=r"^[!-~]+$", max_length=255, description="Only of this billing customer."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await subscriptions.list_(
        systems, caller.tenant, customer_id=customer, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.get(
    "/{subscription_id}",
    summary="Show a subscription",
    description="The last agreed state, what it entitles to and why, changes on their way, the "
    "latest changes, and the ERP documents that carry its lines.",
    responses=answers(SubscriptionDetail, examples.SUBSCRIPTION_DETAIL, 404, kept=True),
)
async def show_subscription(
    request: Request, systems: Working, caller: Reader, subscription_id: SubscriptionId
) -> Response:
    return single(request, await subscriptions.show(systems, caller.tenant, subscription_id))
