"""/v1/invoices/{id}/hold, skip, take-back, release, link, correct"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from operations import decisions, invoices
from operations.context import AppContext
from operations.deciding import Decided, decide
from operations.decisions import (
    CorrectRequest,
    Decision,
    HoldRequest,
    LinkRequest,
    SkipRequest,
    TakeBackRequest,
)
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples_books
from starter_api.v1.answers import fresh
from starter_api.v1.asking import Context, IdempotencyKey, InvoiceId
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import unless_changed

router = APIRouter(prefix="/invoices/{invoice_id}", tags=["invoices"])

_REPEATED = (
    " A change of its subject acts on it. Repeating it changes nothing; the same Idempotency-Key "
    "answers as the first time, also where something else has been decided since."
)


@dataclass(frozen=True)
class _Decider:
    """Who decides of which document. The same `key` decides once."""

    context: AppContext
    caller: Principal
    invoice_id: str
    key: str | None

    @property
    def name(self) -> str:
        return self.caller.name

    async def decide(self, decision: Decision) -> Response:
        done = await decide(
            self.context, self.caller.tenant, self.invoice_id, decision, key=self.key
        )
        return fresh(done)


async def _decider(
    context: Context,
    caller: Annotated[Principal, Depends(scoped("invoices:decide"))],
    invoice_id: InvoiceId,
    idempotency_key: IdempotencyKey = None,
    _seen: Annotated[None, unless_changed(invoices.show, "/v1/invoices/{}", "invoice_id")] = None,
) -> _Decider:
    return _Decider(context, caller, invoice_id, idempotency_key)


Decider = Annotated[_Decider, Depends(_decider)]


def _responses(*problems: int) -> Any:
    return answers(Decided, examples_books.DECIDED, 404, 409, 412, *problems)


@router.post(
    "/hold",
    summary="Hold a document",
    description="It stays out of the ERP until the day `until`, or until it is released, and shows "
    "as a difference." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(HoldRequest, disputed=examples_books.HOLD),
)
async def hold_invoice(
    decider: Decider, given: Annotated[HoldRequest, Depends(body(HoldRequest))]
) -> Response:
    return await decider.decide(decisions.hold(given, by=decider.name))


@router.post(
    "/skip",
    summary="Skip a document",
    description="It stays out of the ERP, and shows as a difference that was accepted." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(SkipRequest, booked={"reason": "booked with the opening balance"}),
)
async def skip_invoice(
    decider: Decider, given: Annotated[SkipRequest, Depends(body(SkipRequest))]
) -> Response:
    return await decider.decide(decisions.skip(given, by=decider.name))


@router.post(
    "/take-back",
    summary="Take a document back out of the books",
    description="What is posted, and nothing stands on, is reversed by a document of its own, on "
    "the day that it is done, once those have approved whose yes policy asks for a reversal. It "
    "stays out of the ERP until it is released, and shows as a difference. One that is settled, "
    "credited, void or was made by others is refused." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(TakeBackRequest, wrong={"reason": "posted with a wrong article"}),
)
async def take_back_invoice(
    decider: Decider, given: Annotated[TakeBackRequest, Depends(body(TakeBackRequest))]
) -> Response:
    return await decider.decide(decisions.take_back(given, by=decider.name))


@router.post(
    "/release",
    summary="Release a document",
    description="Takes back what was decided to hold, skip or link it, so that it is posted as "
    "billing has it; what had been taken back out of the books is posted again." + _REPEATED,
    responses=_responses(),
)
async def release_invoice(decider: Decider) -> Response:
    return await decider.decide(decisions.release(by=decider.name))


@router.post(
    "/link",
    summary="Link a document to one made by hand",
    description="Says which ERP document, by id or number, is this one. Its whole content is "
    "compared before it is taken; what differs is an exception." + _REPEATED,
    responses=_responses(400, 413, 415),
    openapi_extra=takes(LinkRequest, number={"document": "INV-2026-0042"}),
)
async def link_invoice(
    decider: Decider, given: Annotated[LinkRequest, Depends(body(LinkRequest))]
) -> Response:
    return await decider.decide(decisions.link(given, by=decider.name))


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
    decider: Decider, given: Annotated[CorrectRequest, Depends(body(CorrectRequest))]
) -> Response:
    return await decider.decide(decisions.correct(given, by=decider.name))
