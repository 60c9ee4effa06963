"""/v1/accounts"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from operations import accounts
from operations.accounts import AccountDetail
from operations.syncing import SyncStarted
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_processes, examples_whole
from starter_api.v1.answers import fresh, single
from starter_api.v1.asking import Context, CustomerId
from starter_api.v1.described import answers

router = APIRouter(prefix="/accounts", tags=["accounts"])

Reader = Annotated[Principal, Depends(scoped("accounts:read"))]
Writer = Annotated[Principal, Depends(scoped("accounts:write"))]


@router.get(
    "/{customer_id}",
    summary="Show a customer's account",
    description="Who the customer is elsewhere and how far master data was carried on, documents "
    "of no single subscription as billing and the ERP have them, balance, what stands on the "
    "account, and its changes and exceptions.",
    responses=answers(AccountDetail, examples_whole.ACCOUNT_DETAIL, 404, kept=True),
)
async def show_account(
    request: Request, context: Context, caller: Reader, customer_id: CustomerId
) -> Response:
    return single(request, await accounts.show(context, caller.tenant, customer_id))


@router.post(
    "/{customer_id}/sync",
    summary="Look at a customer's account now",
    description="Queues a change that reads anew the customer, the balance and all that billing "
    "has issued beside subscriptions, and brings every system to what it says; follow it under "
    "`/v1/changes/{change_id}`. One that waits already is answered instead (`already`), so "
    "repeating it is harmless.",
    responses=answers(SyncStarted, examples_processes.SYNC_STARTED, 404),
)
async def sync_account(context: Context, caller: Writer, customer_id: CustomerId) -> Response:
    return fresh(await accounts.sync(context, caller.tenant, customer_id))
