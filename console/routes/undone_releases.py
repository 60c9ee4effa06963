"""/{company}/releases/{id}/undo: what a release has posted is taken back, one first."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from console import render
from console.asked import Id, Known
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import undoing, undoing_releases
from operations.errors import NotDone
from operations.undoing_releases import ReleaseUndoAsked

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.BATCHES_READ))]
Undoer = Annotated[Here, Depends(Needs(Act.INVOICES_DECIDE))]


@router.get("/{company}/releases/{batch_id}/undo")
async def look(here: Reader, batch_id: Id) -> Response:
    """A page of its own: what would be taken back, and what cannot be."""
    return await _page(here, batch_id)


async def _page(here: Here, batch_id: str, refusal: Refused = NOTHING_SENT) -> Response:
    would = await undoing_releases.foresee(here.context, here.company, batch_id)
    return render.page(
        here,
        "pages/undo_release.html",
        status=refusal.status,
        would=would,
        taken=[each for each in would.documents if each.why is None],
        stay=[each for each in would.documents if each.why is not None],
        many=undoing.MANY,
        may=here.may("invoices:decide"),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/releases/{batch_id}/undo")
async def undo(given: Form, here: Undoer, batch_id: Id) -> Response:
    """One is taken back alone; then it waits to be let go on."""
    try:
        asked = taken(
            ReleaseUndoAsked,
            reason=given.get("reason", "").strip(),
            count=given.get("count", "").strip() or None,
            first=given.get("first") or None,
            rate=given.get("rate") or "60",
        )
        made = await undoing_releases.begin(
            here.context, here.company, batch_id, asked, who=here.who
        )
    except (NotDone, Wrong) as fault:
        return await _page(here, batch_id, await refused(here, fault, given))
    return RedirectResponse(here.url("releases", made.batch_id), 303)
