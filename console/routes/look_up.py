"""/{company}/look-up: what a system has of what a field is the name of. Sent, not asked for by its
address: what people type are names."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from console import render
from console.asked import Known
from console.forms import Options
from console.guard import Table
from console.here import Here, Needs
from console.words import FIELDS
from operations import lookups
from operations.errors import Invalid

router = APIRouter(dependencies=[Known])

Chooser = Annotated[Here, Depends(Needs(Act.MAPPINGS_WRITE))]


@router.post("/{company}/look-up")
async def look_up(given: Table, here: Chooser) -> Response:
    """As a part of the field's page, or as a page of its own."""
    kind, _, name = given.get("look", "").partition(" ")
    if kind not in set(LookUp):
        raise Invalid("it was not said what is looked for", remedy="use the field of the page")
    said = given.get(name, "")
    entity = given.get(f"{name.rpartition('.')[0]}.legal_entity") or None
    found = await lookups.look_up(
        here.context,
        here.company,
        LookUp(kind),
        said,
        legal_entity=entity if kind == LookUp.TAX_CODE else None,
    )
    if here.request.headers.get("hx-request"):
        return render.page(here, "parts/looked.html", found=found, id=given.get("id", "")[:200])
    label = FIELDS.get(name.rpartition(".")[2], (name, ""))[0]
    return render.page(here, "pages/looked.html", found=found, said=said, label=label)


def known(here: Here) -> Options:
    """Of what a field is the name of, that of which all is known here."""
    tiers = lookups.tiers(here.context, here.company)
    return {LookUp.TIER: tuple(LookedUp(id=tier, name=tier) for tier in tiers)}
