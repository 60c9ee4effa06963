"""/{company}/differences: where systems do not say the same, with cause and owner."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from console import render
from console.asked import After, Known, Word
from console.here import Here, Needs
from operations import differences, reconciling
from operations.differences import Wanted
from operations.errors import NotFound

router = APIRouter(dependencies=[Known])


@router.get("/{company}/differences")
async def list_(
    here: Annotated[Here, Depends(Needs(Act.INVOICES_READ))],
    entity: Word = None,
    customer: Word = None,
    owner: Literal["finance", "support", "operations"] | None = None,
    after: After = None,
) -> Response:
    """None is no tick: it says against what, and when it was compared."""
    wanted = Wanted(customer_id=customer, legal_entity=entity, owner=owner)
    found = await differences.list_(
        here.context, here.company, wanted, after=after, limit=here.rows
    )
    try:
        compared = (await reconciling.last(here.context, here.company)).result
    except NotFound:
        compared = None
    return render.page(
        here,
        "pages/differences.html",
        differences=found.items,
        chosen={"entity": entity, "customer": customer, "owner": owner},
        compared=compared,
        following=found.next
        and here.url(
            "differences", entity=entity, customer=customer, owner=owner, after=found.next
        ),
    )
