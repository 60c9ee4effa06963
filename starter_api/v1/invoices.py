"""/v1/invoices"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from operations import invoices
from operations.invoices import InvoiceDetail, Refreshed
from operations.paging import Page
from operations.sides import InvoiceSummary
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_books
from starter_api.v1.answers import fresh as only_now
from starter_api.v1.answers import listed, single
from starter_api.v1.asking import Context, Cursor, InvoiceId, Limit, only
from starter_api.v1.described import answers

router = APIRouter(prefix="/invoices", tags=["invoices"])

Reader = Annotated[Principal, Depends(scoped("invoices:read"))]
Writer = Annotated[Principal, Depends(scoped("invoices:write"))]


@router.get(
    "",
    summary="List invoices and credit notes",
    description="What billing has issued, the newest first, each with the ERP's document beside "
    "it, the difference between them, what was decided of it, and where it stands with the "
    "customer.",
    responses=answers(Page[InvoiceSummary], examples.page(examples_books.INVOICE)),
)
async def list_invoices(  # noqa: PLR0913, PLR0917 - FastAPI takes one parameter a filter
    request: Request,
    context: Context,
    caller: Reader,
    customer: Annotated[str | None, only("Only of this billing customer.")] = None,
    subscription: Annotated[str | None, only("Only of this subscription.")] = None,
    number: Annotated[
        str | None,
        Query(
            pattern=r"^[^\x00-\x1f]+$",
            max_length=255,
            description="Only of this number, billing's or the ERP's.",
        ),
    ] = None,
    erp_status: Annotated[
        Literal["unposted", "posted", "part_paid", "paid", "overdue", "credited"] | None,
        Query(description="Only those that stand so in the ERP."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await invoices.list_(
        context,
        caller.tenant,
        customer_id=customer,
        subscription_id=subscription,
        erp_status=erp_status,
        number=number,
        after=cursor,
        limit=limit,
    )
    return listed(request, page, page.next)


@router.post(
    "/refresh",
    summary="Ask the ERP about all invoices",
    description="Looks up now all invoices that may stand elsewhere, and tells billing what has "
    "changed. Answers what came of it, or `finished: false` while it goes on by itself. Repeating "
    "it is harmless.",
    responses=answers(Refreshed, {**examples_books.REFRESHED, "was": None, "invoice": None}),
)
async def refresh_invoices(context: Context, caller: Writer) -> Response:
    return only_now(await invoices.refresh(context, caller.tenant))


@router.get(
    "/{invoice_id}",
    summary="Show an invoice or credit note",
    description="Billing's document and the ERP's, side by side with the difference and the tax of "
    "each rate, both whole, with where people see them and billing's PDF; what settles it with its "
    "entries, what its books wait for, and its dunning case. `sources` say when each system said "
    "so; with `fresh=true` both are asked now, for some seconds at most, and one that does not "
    "answer is told as it was last read, with its age and the reason. The ETag is over all but the "
    "ages; what is decided of it takes that of an answer without `fresh`.",
    responses=answers(InvoiceDetail, examples_books.INVOICE_DETAIL, 404, 409, kept=True),
)
async def show_invoice(
    request: Request,
    context: Context,
    caller: Reader,
    invoice_id: InvoiceId,
    fresh: Annotated[
        bool, Query(description="Ask billing and the ERP now, for some seconds at most.")
    ] = False,
) -> Response:
    return single(request, await invoices.show(context, caller.tenant, invoice_id, fresh=fresh))


@router.post(
    "/{invoice_id}/refresh",
    summary="Ask the ERP about an invoice",
    description="Looks up now where the invoice stands, and tells billing if that has changed. "
    "`was` is the erp_status before. Repeating it is harmless.",
    responses=answers(Refreshed, examples_books.REFRESHED, 404, 409),
)
async def refresh_invoice(context: Context, caller: Writer, invoice_id: InvoiceId) -> Response:
    return only_now(await invoices.refresh(context, caller.tenant, invoice_id))
