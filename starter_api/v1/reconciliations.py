"""/v1/reconciliations"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from canonical_models.reconciliation import FoundDifference, Scope
from operations import reconciling
from operations.paging import Page
from operations.reconciling import ReconciliationRun
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_reconciliation
from starter_api.v1.answers import fresh, listed
from starter_api.v1.asking import Context, Cursor, Limit, only
from starter_api.v1.described import answers

router = APIRouter(prefix="/reconciliations", tags=["reconciliation"])

Reader = Annotated[Principal, Depends(scoped("invoices:read"))]
Writer = Annotated[Principal, Depends(scoped("invoices:write"))]
Repairer = Annotated[Principal, Depends(scoped("subscriptions:write"))]
Whole = Annotated[
    bool, Query(description="Read everything anew, and not only what has changed since.")
]


def _scope(
    customer: Annotated[str | None, only("Only of this billing customer.")] = None,
    entity: Annotated[str | None, only("Only in the books of this legal entity.")] = None,
    period: Annotated[
        str | None,
        Query(
            pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
            description="Only documents and revenue of this month.",
            examples=["2027-01"],
        ),
    ] = None,
) -> Scope:
    return Scope(customer_id=customer, legal_entity=entity, period=period)


Wanted = Annotated[Scope, Depends(_scope)]


@router.post(
    "",
    summary="Compare all systems",
    description="Reads what has changed in billing, ERP and support, lays it beside each other and "
    "beside what is entitled, and keeps each difference with its cause, owner and repair. What "
    "policy allows is set right. Answers what came of it, or `finished: false` while it goes on by "
    "itself. `not_compared` says what was left out.",
    responses=answers(ReconciliationRun, examples_reconciliation.RUN),
)
async def reconcile(
    context: Context, caller: Writer, scope: Wanted, whole: Whole = False
) -> Response:
    return fresh(await reconciling.run(context, caller.tenant, scope, by=caller.name, whole=whole))


@router.post(
    "/repair",
    summary="Compare all systems and set right what differs",
    description="The same, and whatever a machine can set right is: sagas are begun for subjects "
    "that differ, with the approvals that policy asks for, and targets are told once more. Where "
    "policy has it, billing is told what was paid past it. What is under way, asked or decided is "
    "left alone, and nothing that people have made in the ERP is taken back.",
    responses=answers(ReconciliationRun, examples_reconciliation.RUN),
)
async def repair(
    context: Context, caller: Repairer, scope: Wanted, whole: Whole = False
) -> Response:
    return fresh(
        await reconciling.run(
            context, caller.tenant, scope, by=caller.name, whole=whole, repair=True
        )
    )


@router.get(
    "/latest",
    summary="Show the newest comparison",
    description="The newest comparison that has ended, whoever or whatever asked for it.",
    responses=answers(ReconciliationRun, examples_reconciliation.RUN, 404),
)
async def latest(context: Context, caller: Reader) -> Response:
    return fresh(await reconciling.last(context, caller.tenant))


@router.get(
    "/differences",
    summary="List what comparisons have found",
    description="Each difference that was there when it was last looked for, by what it is about. "
    "Reads no other system.",
    responses=answers(Page[FoundDifference], examples.page(examples_reconciliation.FOUND)),
)
async def differences(
    request: Request,
    context: Context,
    caller: Reader,
    scope: Wanted,
    owner: Annotated[
        Literal["finance", "support", "operations"] | None,
        Query(description="Only those that this team can mend."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await reconciling.found(
        context, caller.tenant, scope, owner=owner, after=cursor, limit=limit
    )
    return listed(request, page, page.next)
