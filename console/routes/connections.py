"""/{company}/connections: whether each system answers, and asking it now."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from console import render
from console.asked import Id, Known
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import connections
from operations.connections import Tested
from operations.errors import NotDone

router = APIRouter(dependencies=[Known])


@router.get("/{company}/connections")
async def list_(here: Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]) -> Response:
    return await _page(here)


async def _page(
    here: Here, refusal: Refused = NOTHING_SENT, *, tested: Tested | None = None
) -> Response:
    """Those that the settings name, with what workers have found of each."""
    found = await connections.list_(here.context, here.company, limit=200)
    settings = here.context.tenants.get(here.company)
    parts = dict(settings.parts) if settings else {}
    return render.page(
        here,
        "pages/connections.html",
        status=refusal.status,
        problem=refusal.problem,
        parts=parts,
        seen={each.connection: each for each in found.items},
        lanes=found.lanes,
        tested=tested,
        asked=("billing", "erp", "support"),
    )


@router.post("/{company}/connections/{name}/test")
async def test(
    given: Form, here: Annotated[Here, Depends(Needs(Act.EXCEPTIONS_WRITE))], name: Id
) -> Response:
    """A reading that changes nothing."""
    del given
    try:
        found = await connections.test(here.context, here.company, name)
    except NotDone as fault:
        return await _page(here, await refused(here, fault, {}))
    return await _page(here, tested=found)
