"""/v1/grants"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from canonical_models.base import Canonical
from operations import grants
from operations.grants import LONGEST_GRACE_DAYS, GrantChanged, GrantView, NewGrant
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_processes
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import Context, Cursor, GrantId, IdempotencyKey, Limit, wanted
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/grants", tags=["grants"])

Reader = Annotated[Principal, Depends(scoped("entitlements:read"))]
Writer = Annotated[Principal, Depends(scoped("entitlements:write"))]
Seen = Annotated[None, unless_changed(grants.show, "/v1/grants/{}", "grant_id")]


class SuspendRequest(Canonical):
    """`reason` is shown to whoever asks why the feature is held back."""

    reason: str = Field(min_length=1, max_length=500)


@router.get(
    "",
    summary="List a customer's grants",
    description="All that the customer holds by any source, by feature: subscriptions' grants and "
    "those that people gave, suspended, ended and future ones included.",
    responses=answers(Page[GrantView], examples.page(examples_processes.GRANT)),
)
async def list_grants(
    request: Request,
    context: Context,
    caller: Reader,
    customer: Annotated[str, wanted("The billing customer.", "cus_QfTrueup")],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await grants.list_(context, caller.tenant, customer, after=cursor, limit=limit)
    return listed(request, page, page.next)


@router.post(
    "",
    summary="Give a grant",
    description="Gives a customer a feature beside what subscriptions give. The same "
    "Idempotency-Key gives once and answers with that grant again (`changed: false`); without one, "
    "each request gives another. Every target hears of it.",
    responses=answers(GrantChanged, examples_processes.GRANT_CHANGED, 400, 409, 413, 415),
    openapi_extra=takes(NewGrant, pilot=examples_processes.NEW_GRANT),
)
async def give_grant(
    context: Context,
    caller: Writer,
    given: Annotated[NewGrant, Depends(body(NewGrant))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    return fresh(
        await grants.give(context, caller.tenant, given, by=caller.name, key=idempotency_key)
    )


@router.get(
    "/{grant_id}",
    summary="Show a grant",
    description="As it is now, with who has made it so. What a person gave is ended, suspended and "
    "restored here; what a subscription gives follows that.",
    responses=answers(GrantView, examples_processes.GRANT, 404, kept=True),
)
async def show_grant(
    request: Request, context: Context, caller: Reader, grant_id: GrantId
) -> Response:
    return single(request, await grants.show(context, caller.tenant, grant_id))


@router.delete(
    "/{grant_id}",
    summary="End a grant",
    description="It ends now, or after `grace_days`, and never later than it would have. It stays "
    "in the list as ended. Repeating it changes nothing.",
    responses=answers(GrantChanged, examples_processes.GRANT_CHANGED, 404, 409, 412),
)
async def revoke_grant(
    context: Context,
    caller: Writer,
    grant_id: GrantId,
    grace_days: Annotated[
        int, Query(ge=0, le=LONGEST_GRACE_DAYS, description="Days for which it still holds.")
    ] = 0,
    _seen: Seen = None,
) -> Response:
    return fresh(
        await grants.revoke(context, caller.tenant, grant_id, by=caller.name, grace_days=grace_days)
    )


@router.post(
    "/{grant_id}/suspend",
    summary="Suspend a grant",
    description="It is kept and gives nothing until it is restored. Repeating it changes nothing.",
    responses=answers(GrantChanged, examples_processes.GRANT_CHANGED, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(SuspendRequest, unpaid={"reason": "the pilot has not been agreed on"}),
)
async def suspend_grant(
    context: Context,
    caller: Writer,
    grant_id: GrantId,
    given: Annotated[SuspendRequest, Depends(body(SuspendRequest))],
    _seen: Seen = None,
) -> Response:
    return fresh(
        await grants.suspend(context, caller.tenant, grant_id, given.reason, by=caller.name)
    )


@router.post(
    "/{grant_id}/restore",
    summary="Restore a grant",
    description="It gives again what it gave until it was suspended. Repeating it changes nothing.",
    responses=answers(GrantChanged, examples_processes.GRANT_CHANGED, 404, 409, 412),
)
async def restore_grant(
    context: Context, caller: Writer, grant_id: GrantId, _seen: Seen = None
) -> Response:
    return fresh(await grants.restore(context, caller.tenant, grant_id, by=caller.name))
