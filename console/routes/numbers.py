"""/{company}/numbers: how long things take and how often they go well, against the promise."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from console import render
from console.asked import Known
from console.here import Here, Needs
from console.parts import part
from operations import numbers
from operations.numbers import Number

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.CHANGES_READ))]
_DAYS = (7, 30, 90)


@router.get("/{company}/numbers")
async def look(here: Reader) -> Response:
    found, trends = await asyncio.gather(
        numbers.look(here.context, here.company),
        part("trends", numbers.trends(here.context, here.company)),
    )
    return render.page(here, "pages/numbers.html", found=found, trends=trends)


@router.get("/{company}/numbers/{number}")
async def one(here: Reader, number: Number, days: int = 30) -> Response:
    """Day by day; the picture is drawn from the table."""
    chosen = days if days in _DAYS else 30
    found = await numbers.history(here.context, here.company, number, days=chosen)
    return render.page(here, "pages/number.html", found=found, chosen=chosen, ranges=_DAYS)
