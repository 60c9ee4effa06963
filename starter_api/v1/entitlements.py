"""/v1/entitlements"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from operations import entitlements
from operations.entitlements import Check, EntitlementList
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context, wanted
from starter_api.v1.described import answers, bounded

router = APIRouter(prefix="/entitlements", tags=["entitlements"])

Reader = Annotated[Principal, Depends(scoped("entitlements:read"))]
Customer = Annotated[str, wanted("The billing customer.", "cus_QfTrueup")]


@router.get(
    "",
    summary="List a customer's entitlements",
    description="What holds now: the merge of all live grants, each with its reasons; and the "
    "grants that give nothing now, each with why.",
    responses=answers(EntitlementList, examples.ENTITLEMENTS),
    openapi_extra=bounded("what one customer may use: a row a feature, of those that are sold"),
)
async def list_entitlements(context: Context, caller: Reader, customer: Customer) -> Response:
    return fresh(await entitlements.list_(context, caller.tenant, customer))


@router.get(
    "/check",
    summary="May a customer use a feature?",
    description="Whether, how much, until when, and why; if not, `because_not` says why: suspended "
    "because unpaid, ended, not yet begun. A customer who is not known may nothing.",
    responses=answers(Check, examples.CHECK),
)
async def check_entitlement(
    context: Context,
    caller: Reader,
    customer: Customer,
    feature: Annotated[str, wanted("The feature.", "seats")],
    at: Annotated[
        AwareDatetime | None,
        Query(description="By the grants as they are held now, for this instant; default now."),
    ] = None,
) -> Response:
    return fresh(await entitlements.check(context, caller.tenant, customer, feature, at=at))
