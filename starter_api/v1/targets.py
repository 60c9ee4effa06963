"""/v1/targets"""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from operations import targets
from operations.targets import TargetsCheck, TargetsPublished
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_processes
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context, only
from starter_api.v1.described import answers

router = APIRouter(prefix="/targets", tags=["entitlements"])

Reader = Annotated[Principal, Depends(scoped("entitlements:read"))]
Writer = Annotated[Principal, Depends(scoped("entitlements:write"))]
Target = Annotated[
    str | None, only("Only this target, by its connection; `support` is the support platform.")
]
Customer = Annotated[str | None, only("Only of this billing customer.")]


@router.post(
    "/check",
    summary="Compare what targets hold",
    description="Reads what each target holds and lists where it is not what it should be. Answers "
    "what came of it, or `finished: false` while it goes on by itself. Changes nothing.",
    responses=answers(TargetsCheck, examples_processes.TARGETS_CHECK, 404),
)
async def check_targets(
    context: Context, caller: Reader, target: Target = None, customer: Customer = None
) -> Response:
    return fresh(await targets.check(context, caller.tenant, target=target, customer_id=customer))


@router.post(
    "/publish",
    summary="Tell targets again",
    description="Has targets told again all that customers may use, with the next revision, "
    "whatever they hold. Repeating it is harmless.",
    responses=answers(TargetsPublished, examples_processes.TARGETS_PUBLISHED, 404),
)
async def publish_targets(
    context: Context, caller: Writer, target: Target = None, customer: Customer = None
) -> Response:
    return fresh(await targets.publish(context, caller.tenant, target=target, customer_id=customer))
