"""Parameters of the query that an operation does not have, or has been given twice, are refused.

What is ignored in silence is taken for done: a filter with a typing error lists everything, and
`grace_day=14` ends a grant at once.
"""

import re
from collections import Counter

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

#: A name that can be told in an answer: as ours look, and too short for much else.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


async def only_known_parameters(request: Request) -> None:
    """The dependency of all of `/v1`. Raises RequestValidationError."""
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        raise TypeError(f"{request.url.path} is no operation of the API")
    known = query_parameters(route)
    sent = Counter(name for name, _ in request.query_params.multi_items())
    errors = [_unknown(name, known) for name in sent if name not in known]
    errors += [_repeated(name) for name, times in sent.items() if name in known and times > 1]
    if errors:
        raise RequestValidationError(errors)


def query_parameters(route: APIRoute) -> list[str]:
    """What the operation takes in the query, its dependencies included; sorted."""
    return sorted({name for each in _with_dependencies(route.dependant) for name in _names(each)})


def _with_dependencies(dependant: Dependant) -> list[Dependant]:
    below = (found for each in dependant.dependencies for found in _with_dependencies(each))
    return [dependant, *below]


def _names(dependant: Dependant) -> list[str]:
    return [field.alias for field in dependant.query_params]


def _unknown(name: str, known: list[str]) -> dict[str, object]:
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    # Whatever is not like a name may be anything, and no answer repeats what was sent.
    tellable = _NAME.fullmatch(name) is not None
    what = f"parameter `{name}`" if tellable else "parameter of that name"
    return {
        "type": "unknown_parameter",
        "loc": ("query", name) if tellable else ("query",),
        "msg": f"this operation has no {what}: {takes}",
    }


def _repeated(name: str) -> dict[str, object]:
    return {
        "type": "repeated_parameter",
        "loc": ("query", name),
        "msg": f"parameter `{name}` is given more than once: send it once",
    }
