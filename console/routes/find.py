"""/{company}/find: what an id, a number or an address is of. Nothing of it stands in an address."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from console import render
from console.asked import Known
from console.guard import Form
from console.here import Here, Needs
from console.problems import status_of, told
from operations import find
from operations.errors import NotDone
from operations.find import Found

router = APIRouter(dependencies=[Known])

_PAGES = {
    "exception": "cases",
    "cause": "causes",
    "change": "changes",
    "subscription": "subscriptions",
    "document": "documents",
    "message": "messages",
    "batch": "batches",
    "customer": "subscriptions",
}
_CALLED = {"exception": "case"}


@router.post("/{company}/find")
async def look(given: Form, here: Annotated[Here, Depends(Needs(Act.CHANGES_READ))]) -> Response:
    try:
        found = await find.what(here.context, here.company, given.get("q", "")[:320])
    except NotDone as fault:
        problem = await told(here, fault)
        status = status_of(fault)
        return render.page(here, "pages/problem.html", status=status, problem=problem)
    pages = [
        (f"{_CALLED.get(each.kind, each.kind)} {each.key}", _page(here, each)) for each in found
    ]
    if len(pages) == 1:
        return RedirectResponse(pages[0][1], 303)
    return render.page(here, "pages/found.html", pages=pages)


def _page(here: Here, found: Found) -> str:
    if found.kind == "customer":
        return here.url("subscriptions", customer=found.key)
    return here.url(_PAGES[found.kind], found.key)
