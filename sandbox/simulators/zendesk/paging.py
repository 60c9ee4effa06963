"""Lists in pages: by cursor when `page[size]` or a cursor is given, else by offset."""

import base64
import binascii
from collections.abc import Sequence

from starlette.datastructures import URL
from starlette.requests import Request

from sandbox.simulators.zendesk.wire import Document, bad_parameter

MAX_PAGE = 100


def paged(request: Request, name: str, items: Sequence[Document]) -> Document:
    """One page of `items` (ordered by id) under `name`, with Zendesk's paging attributes.

    Raises ApiError 400 for a page that is none.
    """
    if any(key.startswith("page[") for key in request.query_params):
        return _cursor_page(request, name, items)
    return _offset_page(request, name, items)


def _offset_page(request: Request, name: str, items: Sequence[Document]) -> Document:
    page = _number(request, "page", 1)
    size = min(_number(request, "per_page", MAX_PAGE), MAX_PAGE)
    start = (page - 1) * size
    more = start + size < len(items)
    return {
        name: list(items[start : start + size]),
        "count": len(items),
        "next_page": str(_url(request, page=page + 1)) if more else None,
        "previous_page": str(_url(request, page=page - 1)) if page > 1 else None,
    }


def _cursor_page(request: Request, name: str, items: Sequence[Document]) -> Document:
    size = min(_number(request, "page[size]", MAX_PAGE), MAX_PAGE)
    after, before = (
        request.query_params.get("page[after]"),
        request.query_params.get("page[before]"),
    )
    if before:
        last = _decode(before)
        earlier = [item for item in items if item["id"] < last]
        page, has_more = earlier[-size:], len(earlier) > size
    else:
        first = _decode(after) if after else -1
        later = [item for item in items if item["id"] > first]
        page, has_more = later[:size], len(later) > size
    start = _encode(page[0]["id"]) if page else None
    end = _encode(page[-1]["id"]) if page else None
    return {
        name: list(page),
        "meta": {"has_more": has_more, "after_cursor": end, "before_cursor": start},
        "links": {
            "next": _cursor_url(request, "after", end) if has_more or before else None,
            "prev": _cursor_url(request, "before", start)
            if after or (before and has_more)
            else None,
        },
    }


def _url(request: Request, **parameters: int) -> URL:
    return request.url.include_query_params(**parameters)


def _cursor_url(request: Request, direction: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    url = request.url.remove_query_params(["page[after]", "page[before]"])
    return str(url.include_query_params(**{f"page[{direction}]": cursor}))


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and 0 < len(given) < 10 and int(given) > 0):
        raise bad_parameter(name)
    return int(given)


def _encode(identifier: int) -> str:
    return base64.urlsafe_b64encode(str(identifier).encode()).decode()


def _decode(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error) as broken:
        raise bad_parameter("page cursor") from broken
