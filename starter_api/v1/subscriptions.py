"""/v1/subscriptions"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import orders, subscriptions
from operations.orders import Orders
from operations.paging import Page
from operations.subscriptions import SubscriptionDetail, SubscriptionSummary
from operations.syncing import SyncStarted
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_orders, examples_processes, examples_whole
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, Limit, SubscriptionId
from starter_api.v1.described import answers

router = APIRouter(prefix="/subscriptions", tags=["subscriptions"])

Reader = Annotated[Principal, Depends(scoped("subscriptions:read"))]
Writer = Annotated[Principal, Depends(scoped("subscriptions:write"))]


@router.get(
    "",
    summary="List subscriptions",
    description="Each as every system last agreed on it, by subscription id.",
    responses=answers(Page[SubscriptionSummary], examples.page(examples.AGREED)),
)
async def list_subscriptions(
    request: Request,
    context: Context,
    caller: Reader,
    customer: Annotated[
        str | None,
        Query(pattern=r"^[!-~]+$", max_length=255, description="Only of this billing customer."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await subscriptions.list_(
        context, caller.tenant, customer_id=customer, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.get(
    "/{subscription_id}",
    summary="Show a subscription",
    description="The last agreed state, the contract with the forecast of its renewal, what it "
    "entitles to and why, what is held back, invoices and credit notes as billing and the ERP have "
    "them, what settles them, what is not billed yet, dunning cases, how far each target follows, "
    "and the changes.",
    responses=answers(SubscriptionDetail, examples_whole.SUBSCRIPTION_DETAIL, 404, kept=True),
)
async def show_subscription(
    request: Request, context: Context, caller: Reader, subscription_id: SubscriptionId
) -> Response:
    return single(request, await subscriptions.show(context, caller.tenant, subscription_id))


@router.get(
    "/{subscription_id}/orders",
    summary="List what a subscription became",
    description="Each change of the subscription, the newest first, with its plan, what was "
    "written elsewhere, the ERP's documents beside billing's (number, state, both totals, lines by "
    "billing's items) and what pays them; each part with whose word it is and as of when. "
    "`waiting` are documents that no change has posted yet, on the first page.",
    responses=answers(Orders, examples_orders.ORDERS, 404),
)
async def list_orders(
    request: Request,
    context: Context,
    caller: Reader,
    subscription_id: SubscriptionId,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    page = await orders.of_subscription(
        context, caller.tenant, subscription_id, after=cursor, limit=limit
    )
    return listed(request, page, page.next)


@router.post(
    "/{subscription_id}/sync",
    summary="Look at a subscription now",
    description="Queues a change that reads anew all that billing has issued and brings every "
    "system to what it says; follow it under `/v1/changes/{change_id}`. One that waits already is "
    "answered instead (`already`), so repeating it is harmless. With `dry_run=true` nothing is "
    "queued and the answer says what the change would come to (`foreseen`), by the one what-if.",
    responses=answers(SyncStarted, examples_processes.SYNC_STARTED, 404),
)
async def sync_subscription(
    context: Context,
    caller: Writer,
    subscription_id: SubscriptionId,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> Response:
    return fresh(await subscriptions.sync(context, caller.tenant, subscription_id, dry_run=dry_run))
