"""/{company}/changes/{id}: the way of one change across all systems."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from console import render
from console.asked import Id, Known
from console.here import Here, Needs
from operations import changes

router = APIRouter(dependencies=[Known])


@router.get("/{company}/changes/{change_id}")
async def show(here: Annotated[Here, Depends(Needs(Act.CHANGES_READ))], change_id: Id) -> Response:
    found = await changes.show(here.context, here.company, change_id)
    return render.page(here, "pages/change.html", found=found, change=found.change)
