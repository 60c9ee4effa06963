"""/{company}/shadow: what would have been done, and how far it agrees with what others do."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from canonical_models.shadow import ShadowState
from console import render
from console.asked import After, Known
from console.here import Here, Needs
from operations import shadow

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.CHANGES_READ))]


@router.get("/{company}/shadow")
async def show(
    here: Reader, state: ShadowState = ShadowState.DIFFERS, after: After = None
) -> Response:
    """As it was found last; no system is read."""
    found = await shadow.status(here.context, here.company)
    page = await shadow.items(
        here.context,
        here.company,
        state=state,
        after=after,
        limit=here.rows,
    )
    return render.page(
        here,
        "pages/shadow.html",
        found=found,
        items=page.items,
        chosen=state,
        states=tuple(ShadowState),
        following=page.next and here.url("shadow", state=state.value, after=page.next),
    )
