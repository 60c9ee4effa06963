"""/v1/support"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from operations import support
from operations.support import Asked
from operations.support_views import SupportContext
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_support
from starter_api.v1.answers import fresh as only_now
from starter_api.v1.asking import Context, only
from starter_api.v1.described import answers, bounded

router = APIRouter(prefix="/support", tags=["support"])

Reader = Annotated[Principal, Depends(scoped("support:read"))]


@router.get(
    "/context",
    summary="Show all that is known of a customer",
    description="For a support desk: account, contract, tier and what is promised, assets, "
    "entitlements, open documents, payments, open cases, changes on their way and open questions. "
    "Each part says whose word it is and when it was so; one whose source is away is told as it "
    "was last read, with its age and the reason. Name exactly one of `organization`, `customer` "
    "and `email`.",
    responses=answers(SupportContext, examples_support.CONTEXT, 404),
    openapi_extra=bounded("five customers, each with what its parts say is left out"),
)
async def show_context(
    context: Context,
    caller: Reader,
    organization: Annotated[
        str | None, only("Our id of the organisation at the support desk.")
    ] = None,
    customer: Annotated[str | None, only("The billing customer.")] = None,
    email: Annotated[
        str | None,
        Query(
            min_length=3,
            max_length=320,
            description="An address that billing's documents name. It is neither kept nor logged.",
        ),
    ] = None,
    fresh: Annotated[
        bool, Query(description="Ask billing, ERP and support now, for some seconds at most.")
    ] = False,
) -> Response:
    asked = Asked(organization=organization, customer=customer, email=email)
    return only_now(await support.context_of(context, caller.tenant, asked, fresh=fresh))
