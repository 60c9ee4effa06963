"""/{company}/approvals: what waits for a yes, one by one or whole. A yes is to what was shown."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from canonical_models.exceptions import Action
from canonical_models.preview import Mend
from console import render
from console.asked import After, Id, Known
from console.here import Here, Needs
from console.routes.cases import page
from operations import exceptions, preview, release_approving
from operations.causes import Which
from operations.errors import NotDone
from operations.exceptions import CODES_OF_A_YES

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]


@router.get("/{company}/approvals")
async def list_(here: Reader, code: str = CODES_OF_A_YES[0], after: After = None) -> Response:
    """Those that were asked last first."""
    chosen = code if code in CODES_OF_A_YES else CODES_OF_A_YES[0]
    found = await exceptions.list_(
        here.context, here.company, which=Which(code=chosen), after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/approvals.html",
        cases=found.items,
        releases=await release_approving.waiting(here.context, here.company),
        chosen=chosen,
        codes=CODES_OF_A_YES,
        following=found.next and here.url("approvals", code=chosen, after=found.next),
        may=here.may("exceptions:approve"),
    )


@router.get("/{company}/approvals/{exception_id}")
async def show(here: Reader, exception_id: Id) -> Response:
    """With the documents as they would be booked, which a worker is asked for."""
    found = await exceptions.show(here.context, here.company, exception_id)
    would, untold = None, None
    if Action.APPROVE in found.decisions and found.exception.state == "open":
        try:
            would = await preview.of_exception(
                here.context, here.company, exception_id, Mend(), known=found.exception
            )
        except NotDone as fault:
            untold = fault.detail
    return await page(
        here,
        exception_id,
        template="pages/approval.html",
        known=found,
        foreseen=would,
        untold=untold,
    )
