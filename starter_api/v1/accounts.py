"""/v1/accounts"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import account_places, account_sync, accounts
from operations.account_places import AccountPlaced, PlaceRequest
from operations.account_sync import AccountAsked, AccountSynced
from operations.accounts import AccountDetail
from operations.paging import Page
from operations.syncing import SyncStarted
from persistence.account_places import AccountRow
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_processes, examples_whole
from starter_api.v1 import examples_accounts as shown
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, CustomerId, Limit, only
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed
from starter_api.v1.once import Once

router = APIRouter(prefix="/accounts", tags=["accounts"])

Reader = Annotated[Principal, Depends(scoped("accounts:read"))]
Writer = Annotated[Principal, Depends(scoped("accounts:write"))]


@router.get(
    "",
    summary="List accounts",
    description="Customers that are mapped or stand somewhere among others, by customer, each with "
    "who it is in the ERP and at support, its parent, who pays, and what other programs call it.",
    responses=answers(Page[AccountRow], examples.page(shown.ACCOUNT_ROW)),
)
async def list_accounts(
    request: Request,
    context: Context,
    caller: Reader,
    parent: Annotated[str | None, only("Only those directly below this customer.")] = None,
    payer: Annotated[str | None, only("Only those for which this customer pays.")] = None,
    external: Annotated[
        str | None, only("Only the one that a program calls so: `program:id`, such as `crm:0015`.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await account_places.list_(
        context,
        caller.tenant,
        parent=parent,
        payer=payer,
        external=external,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.post(
    "",
    summary="Bring an account into agreement",
    description="An account as a CRM or billing program has it, by billing's id of the customer: "
    "matched with a party of the ERP by a rule that is certain, proposed to a person with the "
    "candidates, or created by the account's saga, once. Billing's word is what is matched and "
    "made; what is sent besides is looked for as well, laid beside billing's (`differs`), and not "
    "kept. Parent, payer and names at other programs are kept, and what is left out stays. A "
    "proposal is decided like any exception (`exception_id`), or by setting the account's mapping. "
    "202 says that it goes on by itself: see `/v1/changes/{change_id}`, or send it again, under "
    "another Idempotency-Key. With `dry_run=true` it is only said what would become of it.",
    responses=answers(
        AccountSynced,
        shown.SYNCED,
        *(400, 409, 413, 415),
        underway={**shown.PROPOSED, "outcome": "underway", "exception_id": None},
    ),
    openapi_extra=takes(AccountAsked, whole=shown.ASKED, least={"customer_id": "cus_QfTrueup"}),
)
async def bring_account(
    context: Context,
    caller: Writer,
    given: Annotated[AccountAsked, Depends(body(AccountAsked))],
    once: Once,
    dry_run: Annotated[bool, Query(description="Only say what would become of it.")] = False,
) -> Response:
    async def made() -> Response:
        found = await account_sync.sync(
            context, caller.tenant, given, by=caller.name, dry_run=dry_run
        )
        return fresh(found, underway=found.outcome == "underway" and found.done)

    return await once(made)


@router.put(
    "/{customer_id}/place",
    summary="Say where an account stands",
    description="Its parent, who pays for it, and what other programs call it: the whole of it, so "
    "that what is left out is nobody. A parent that is unknown or stands below it is refused, and "
    "so is a payer for whom somebody else pays. It is carried and shown, with who said so; "
    "documents are booked on whom billing bills in any case.",
    responses=answers(AccountPlaced, shown.PLACED, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(PlaceRequest, below=shown.PLACE_ASKED, alone={}),
)
async def place_account(
    context: Context,
    caller: Writer,
    customer_id: CustomerId,
    given: Annotated[PlaceRequest, Depends(body(PlaceRequest))],
    _seen: Annotated[None, unless_changed(accounts.show, "/v1/accounts/{}", "customer_id")] = None,
) -> Response:
    return fresh(
        await account_places.place(context, caller.tenant, customer_id, given, by=caller.name)
    )


@router.get(
    "/{customer_id}",
    summary="Show a customer's account",
    description="Who the customer is elsewhere, where it stands among others and who said so, how "
    "far master data was carried on, documents of no single subscription as billing and the ERP "
    "have them, balance, what stands on the account, and its changes and exceptions.",
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
    "repeating it is harmless. With `dry_run=true` nothing is queued and the answer says what the "
    "change would come to (`foreseen`), by the one what-if.",
    responses=answers(SyncStarted, examples_processes.SYNC_STARTED, 404),
)
async def sync_account(
    context: Context,
    caller: Writer,
    customer_id: CustomerId,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
) -> Response:
    return fresh(await accounts.sync(context, caller.tenant, customer_id, dry_run=dry_run))
