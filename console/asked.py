"""What an address asks for. Names that a page does not know are refused: what is ignored in silence
is taken for done."""

from typing import Annotated

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

#: What every page takes: what was just done, in a word of ours.
_EVERYWHERE = {"done"}
#: An identifier as its system issued it: printable, without spaces.
_ID = r"^[!-~]+$"

Id = Annotated[str, Path(pattern=_ID, max_length=255)]
After = Annotated[str | None, Query(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]
Word = Annotated[str | None, Query(pattern=_ID, max_length=255)]


async def only_known(request: Request) -> None:
    """422 for the rest."""
    route = request.scope["route"]
    if isinstance(route, APIRoute):
        known = _EVERYWHERE | set(_names(route.dependant))
        sent = [name for name, _ in request.query_params.multi_items()]
        if set(sent) - known or len(sent) > len(set(sent)):
            raise HTTPException(422, "This address asks for what the page does not know")


def _names(dependant: Dependant) -> list[str]:
    below = [name for each in dependant.dependencies for name in _names(each)]
    return [*(field.alias for field in dependant.query_params), *below]


Known = Depends(only_known)
