"""/{company}/subscriptions, /documents: each as every system has it, side by side."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from console import render
from console.asked import After, Id, Known, Word
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.parts import part
from console.problems import NOTHING_SENT, Refused, refused
from operations import deciding, decisions, invoices, subscriptions
from operations.decisions import TakeBackRequest
from operations.errors import NotDone

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.SUBSCRIPTIONS_READ))]
Syncer = Annotated[Here, Depends(Needs(Act.SUBSCRIPTIONS_WRITE))]
BooksReader = Annotated[Here, Depends(Needs(Act.INVOICES_READ))]
BooksAsker = Annotated[Here, Depends(Needs(Act.INVOICES_WRITE))]
Decider = Annotated[Here, Depends(Needs(Act.INVOICES_DECIDE))]


@router.get("/{company}/subscriptions")
async def list_(here: Reader, customer: Word = None, after: After = None) -> Response:
    found = await subscriptions.list_(
        here.context, here.company, customer_id=customer, after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/subscriptions.html",
        subscriptions=found.items,
        customer=customer,
        following=found.next and here.url("subscriptions", customer=customer, after=found.next),
    )


@router.get("/{company}/subscriptions/{subscription_id}")
async def show(here: Reader, subscription_id: Id) -> Response:
    found = await subscriptions.show(here.context, here.company, subscription_id)
    desk = None
    if found.agreed is not None and here.may("support:read"):
        customer = found.agreed.subscription.customer.customer_id
        desk = await part(
            "elsewhere", subscriptions.elsewhere(here.context, here.company, customer)
        )
    return render.page(here, "pages/subscription.html", found=found, desk=desk)


@router.post("/{company}/subscriptions/{subscription_id}/sync")
async def sync(given: Form, here: Syncer, subscription_id: Id) -> Response:
    """By a change of its own, which brings every system to what billing says."""
    del given
    await subscriptions.sync(here.context, here.company, subscription_id)
    return RedirectResponse(here.url("subscriptions", subscription_id, done="looked"), 303)


@router.get("/{company}/documents/{invoice_id}")
async def document(here: BooksReader, invoice_id: Id) -> Response:
    """By billing's id, or by a number of either system that is one document's alone."""
    return await _document(here, invoice_id)


async def _document(here: Here, invoice_id: str, refusal: Refused = NOTHING_SENT) -> Response:
    found = await invoices.show(here.context, here.company, invoice_id)
    return render.page(
        here,
        "pages/document.html",
        status=refusal.status,
        found=found,
        shown=found.summary,
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/documents/{invoice_id}/take-back")
async def take_back(given: Form, here: Decider, invoice_id: Id) -> Response:
    """Reversed by a document of its own, and kept out until somebody releases it."""
    try:
        asked = taken(TakeBackRequest, reason=given.get("reason", "").strip())
        decision = decisions.take_back(asked, by=here.who.name)
        made = await deciding.decide(here.context, here.company, invoice_id, decision)
    except (NotDone, Wrong) as fault:
        return await _document(here, invoice_id, await refused(here, fault, given))
    done = "taken-back" if made.changed else "taken-back-already"
    return RedirectResponse(here.url("documents", invoice_id, done=done), 303)


@router.post("/{company}/documents/{invoice_id}/refresh")
async def refresh(given: Form, here: BooksAsker, invoice_id: Id) -> Response:
    """Has the ERP asked now where it stands."""
    del given
    await invoices.refresh(here.context, here.company, invoice_id)
    return RedirectResponse(here.url("documents", invoice_id, done="looked"), 303)
