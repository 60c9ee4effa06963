"""/v1/numbers"""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from operations import numbers
from operations.numbers import Numbers
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_numbers
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context
from starter_api.v1.described import answers, bounded

router = APIRouter(prefix="/numbers", tags=["numbers"])

Reader = Annotated[Principal, Depends(scoped("changes:read"))]


@router.get(
    "",
    summary="Read the numbers",
    description="How long things take and how often they go well, over the last 30 days and the "
    "last hour, against what the tenant's policy promises. A case is judged when it is done or "
    "when it is due, whichever is first, so what is late counts at once. `burn` is how much of "
    "what may go wrong did: 1 is all of it. What follows from no case at all is null: unknown.",
    responses=answers(Numbers, examples_numbers.NUMBERS),
    openapi_extra=bounded("the numbers that there are, which are one list"),
)
async def read_numbers(context: Context, caller: Reader) -> Response:
    return fresh(await numbers.look(context, caller.tenant))
