"""How `/v1` answers: single objects with an ETag, lists with a cursor."""

import hashlib
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from operations.aging import Aging

_JSON = "application/json"

#: An answer belongs to the key that asked; it is asked for again before it is used again.
_PRIVATE = {"cache-control": "private, no-cache", "vary": "authorization"}


def single(request: Request, found: BaseModel) -> Response:
    """200 with an ETag over the whole answer, or 304 where the caller has it (RFC 9110, 13.1.2)."""
    body, etag = found.model_dump_json().encode(), etag_of(found)
    headers = {**_PRIVATE, "etag": etag}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, _JSON)


def etag_of(found: BaseModel) -> str:
    """Over the whole answer but its age, quoted."""
    told = found.unaged() if isinstance(found, Aging) else found
    body = told.model_dump_json().encode()
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def fresh(found: BaseModel, *, underway: bool = False) -> Response:
    """200 for what is only true now, or was just done; 202 for what is kept and still to be handed
    over (RFC 9110, 15.3.3)."""
    status = 202 if underway else 200
    return Response(found.model_dump_json(), status, {"cache-control": "no-store"}, _JSON)


def begun(found: BaseModel, at: str) -> Response:
    """202 for what goes on by itself; `at` is where its progress is seen."""
    headers = {"cache-control": "no-store", "location": at}
    return Response(found.model_dump_json(), 202, headers, _JSON)


def listed(request: Request, found: BaseModel, following: str | None) -> Response:
    """200; the next page is in the body and as a Link (RFC 8288)."""
    headers = dict(_PRIVATE)
    if following is not None:
        kept = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        query = urlencode([*kept, ("cursor", following)])
        headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    return Response(found.model_dump_json(), 200, headers, _JSON)


def matches(given: str | None, etag: str, *, weak: bool = True) -> bool:
    """Whether a list of ETags has it; `weak` ones count where that is enough (RFC 9110, 8.8.3)."""
    if given is None:
        return False
    known = [tag.strip() for tag in given.split(",")]
    if weak:
        known = [tag.removeprefix("W/") for tag in known]
    return "*" in known or etag in known
