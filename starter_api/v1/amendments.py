"""What a change of a subscription would do: /v1/amendments/preview"""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.preview import Foreseen
from operations import preview
from operations.preview import AmendmentAsked
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_previews
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes

router = APIRouter(prefix="/amendments", tags=["previews"])

Reader = Annotated[Principal, Depends(scoped("subscriptions:read"))]


@router.post(
    "/preview",
    summary="Foresee what changing a subscription would do",
    description="Billing is asked for its own preview of the change, and the planner of the saga "
    "says what would come of it; nothing is changed anywhere. `documents` are what would be posted "
    "at once, with lines and tax by code; `unbilled` waits for the next invoice; features, tier "
    "and `contract` are as they would be; `approvals` are whose yes the documents need. `comes` "
    "says whether it would go through, wait for something (`code` and `about` name it), need "
    "approval, or could not be told. `terms` is the digest of it all: the change that then happens "
    "at the same moment has the same. Payments are not foreseen.",
    responses=answers(Foreseen, examples_previews.FORESEEN, 400, 404, 413, 415),
    openapi_extra=takes(
        AmendmentAsked,
        upgrade=examples_previews.UPGRADE,
        end={"subscription_id": "sub_1QfTrueup", "ending": "period_end"},
    ),
)
async def preview_amendment(
    context: Context,
    caller: Reader,
    asked: Annotated[AmendmentAsked, Depends(body(AmendmentAsked))],
) -> Response:
    return fresh(await preview.of_amendment(context, caller.tenant, asked))
