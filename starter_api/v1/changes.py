"""/v1/changes"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from canonical_models.base import Canonical
from canonical_models.states import ChangeOutcome, ChangeState
from canonical_models.views import ChangeView
from operations import changes, holding, orders
from operations.changes import Cancelled, ChangeDetail
from operations.errors import Invalid
from operations.holding import ChangeHeld, HoldChangeRequest
from operations.orders import Order
from operations.paging import Page
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_orders
from starter_api.v1.answers import fresh, listed, single
from starter_api.v1.asking import ChangeId, Context, Cursor, Limit, only
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, bounded, takes
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/changes", tags=["changes"])

Reader = Annotated[Principal, Depends(scoped("changes:read"))]
Writer = Annotated[Principal, Depends(scoped("changes:write"))]
Seen = Annotated[None, unless_changed(changes.show, "/v1/changes/{}", "change_id")]


class SignalRequest(Canonical):
    """`payload` is any JSON; for `decide` it is a decision with its `exception_id`."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")
    payload: object = None


class Signalled(Canonical):
    change_id: str
    name: str


@router.get(
    "",
    summary="List changes",
    description="Every change of a subscription or an account, the newest first, with where it "
    "stands. The `subject` of an account's change is `account:` and its customer.",
    responses=answers(Page[ChangeView], examples.page(examples.CHANGE)),
)
async def list_changes(  # noqa: PLR0913, PLR0917 - FastAPI takes one parameter a filter
    request: Request,
    context: Context,
    caller: Reader,
    state: Annotated[ChangeState | None, Query(description="Only changes in this state.")] = None,
    outcome: Annotated[
        ChangeOutcome | None, Query(description="Only changes that came to this.")
    ] = None,
    lost: Annotated[
        bool, Query(description="Only changes whose saga was lost, and begun anew.")
    ] = False,
    subscription: Annotated[str | None, only("Only of this subscription.")] = None,
    subject: Annotated[
        str | None, only("Only of this subject: a subscription, or `account:` and a customer.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    if subject is not None and subscription is not None and subject != subscription:
        raise Invalid(
            "`subject` and `subscription` name different subjects",
            remedy="send one of them: the changes of a subscription have it as their subject",
        )
    page = await changes.list_(
        context,
        caller.tenant,
        state=state,
        outcome=outcome,
        lost=lost,
        subject=subject or subscription,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.get(
    "/{change_id}",
    summary="Show a change",
    description="The change, its timeline across all systems with each effect's state and vendor "
    "document, its exceptions, and the proof of its outcome.",
    responses=answers(ChangeDetail, examples.CHANGE_DETAIL, 404, kept=True),
)
async def show_change(
    request: Request, context: Context, caller: Reader, change_id: ChangeId
) -> Response:
    return single(request, await changes.show(context, caller.tenant, change_id))


@router.get(
    "/{change_id}/order",
    summary="Show what a change became",
    description="Its plan, what was written elsewhere, the ERP's documents beside billing's with "
    "their lines, and what pays them; each part with whose word it is and as of when.",
    responses=answers(Order, examples_orders.ORDER, 404),
    openapi_extra=bounded("one change, and the documents that it posted"),
)
async def show_order(context: Context, caller: Reader, change_id: ChangeId) -> Response:
    return fresh(await orders.of_change(context, caller.tenant, change_id))


@router.post(
    "/{change_id}/cancel",
    summary="Cancel a change",
    description="What a change that has begun has done is taken back, to the end, but for "
    "documents that are posted: those are facts, which only `abort` reverses. One that has not "
    "begun is settled at once. Repeating it is harmless, so no Idempotency-Key is needed. 202 says "
    "that its saga could not be asked yet, and will be.",
    responses=answers(
        Cancelled, examples.CANCELLED, 404, 409, 412, underway=examples.CANCELLED_LATER
    ),
)
async def cancel_change(
    context: Context, caller: Writer, change_id: ChangeId, _seen: Seen = None
) -> Response:
    cancelled = await changes.cancel(context, caller.tenant, change_id, by=caller.name)
    return fresh(cancelled, underway=cancelled.how == "kept")


@router.post(
    "/{change_id}/hold",
    summary="Hold a change",
    description="Stops it where it stands, and what comes after it of its subject, until it is "
    "released; nothing is taken back. Repeating it is harmless, so no Idempotency-Key is needed.",
    responses=answers(ChangeHeld, examples.CHANGE_HELD, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(HoldChangeRequest, hold=examples.HOLD_CHANGE),
)
async def hold_change(
    context: Context,
    caller: Writer,
    change_id: ChangeId,
    given: Annotated[HoldChangeRequest, Depends(body(HoldChangeRequest))],
    _seen: Seen = None,
) -> Response:
    return fresh(
        await holding.hold(context, caller.tenant, change_id, by=caller.name, reason=given.reason)
    )


@router.post(
    "/{change_id}/release",
    summary="Release a change",
    description="Lets a change go on that is held, from what billing says then. Repeating it is "
    "harmless, so no Idempotency-Key is needed.",
    responses=answers(ChangeHeld, examples.CHANGE_RELEASED, 404, 409, 412),
)
async def release_change(
    context: Context, caller: Writer, change_id: ChangeId, _seen: Seen = None
) -> Response:
    return fresh(await holding.release(context, caller.tenant, change_id, by=caller.name))


@router.post(
    "/{change_id}/signal",
    summary="Signal the saga of a change",
    description="Sends a Temporal signal to the run of this change. `decide` carries a decision "
    "on the open exception, needs the scopes that `/v1/exceptions/{id}/resolve` needs, passes the "
    "same checks, and is kept and handed over in the same way; prefer that, which says whether it "
    "was taken. Repeating it is harmless.",
    responses=answers(Signalled, examples.SIGNALLED, 400, 404, 409, 412, 413, 415),
    openapi_extra=takes(SignalRequest, decide=examples.SIGNAL),
)
async def signal_change(
    context: Context,
    caller: Writer,
    change_id: ChangeId,
    given: Annotated[SignalRequest, Depends(body(SignalRequest))],
    _seen: Seen = None,
) -> Response:
    await changes.signal(
        context,
        caller.tenant,
        change_id,
        given.name,
        given.payload,
        who=caller,
    )
    return fresh(Signalled(change_id=change_id, name=given.name))
