"""/v1/invoices/{id}/hold, skip, release, link, correct"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from operations import decisions
from operations.deciding import Decided, decide
from operations.decisions import CorrectRequest, HoldRequest, LinkRequest, SkipRequest
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_books
from starter_api.v1.answers import fresh
from starter_api.v1.asking import IdempotencyKey, InvoiceId, Working
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes

router = APIRouter(prefix="/invoices/{invoice_id}", tags=["invoices"])

Decider = Annotated[Principal, Depends(scoped("invoices:decide"))]

_REPEATED = (
    " A change of its subject acts on it. Repeating it changes nothing; the same Idempotency-Key "
    "answers as the first time, also where something else has been decided since."
)


def _responses(*problems: int) -> Any:
    return answers(Decided, examples_books.DECIDED, 404, 409, *problems)


@router.post(
    "/hold",
    summary="Hold a document",
    description="It stays out of the ERP until the day `until`, or until it is released, and shows "
    "as a difference." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(HoldRequest, disputed=examples_books.HOLD),
)
async def hold_invoice(
    systems: Working,
    caller: Decider,
    invoice_id: InvoiceId,
    given: Annotated[HoldRequest, Depends(body(HoldRequest))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    decision = decisions.hold(given, by=caller.name)
    return fresh(await decide(systems, caller.tenant, invoice_id, decision, key=idempotency_key))


@router.post(
    "/skip",
    summary="Skip a document",
    description="It stays out of the ERP, and shows as a difference that was accepted." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(SkipRequest, booked={"reason": "booked with the opening balance"}),
)
async def skip_invoice(
    systems: Working,
    caller: Decider,
    invoice_id: InvoiceId,
    given: Annotated[SkipRequest, Depends(body(SkipRequest))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    decision = decisions.skip(given, by=caller.name)
    return fresh(await decide(systems, caller.tenant, invoice_id, decision, key=idempotency_key))


@router.post(
    "/release",
    summary="Release a document",
    description="Takes back what was decided to hold, skip or link it, so that it is posted as "
    "billing has it; what had been taken back out of the books is posted again." + _REPEATED,
    responses=_responses(),
)
async def release_invoice(
    systems: Working,
    caller: Decider,
    invoice_id: InvoiceId,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    decision = decisions.release(by=caller.name)
    return fresh(await decide(systems, caller.tenant, invoice_id, decision, key=idempotency_key))


@router.post(
    "/link",
    summary="Link a document to one made by hand",
    description="Says which ERP document, by id or number, is this one. Its whole content is "
    "compared before it is taken; what differs is an exception." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(LinkRequest, number={"document": "INV-2026-0042"}),
)
async def link_invoice(
    systems: Working,
    caller: Decider,
    invoice_id: InvoiceId,
    given: Annotated[LinkRequest, Depends(body(LinkRequest))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    decision = decisions.link(given, by=caller.name)
    return fresh(await decide(systems, caller.tenant, invoice_id, decision, key=idempotency_key))


@router.post(
    "/correct",
    summary="Correct how a document is posted",
    description="Gives the ERP's tax code of its lines, or the day on which it, and what settles "
    "it, is booked where its own is closed. What was given before and is not named stays."
    + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(
        CorrectRequest, tax={"tax_code": "DE-RC"}, day={"posting_date": "2026-12-01"}
    ),
)
async def correct_invoice(
    systems: Working,
    caller: Decider,
    invoice_id: InvoiceId,
    given: Annotated[CorrectRequest, Depends(body(CorrectRequest))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    decision = decisions.correct(given, by=caller.name)
    return fresh(await decide(systems, caller.tenant, invoice_id, decision, key=idempotency_key))
