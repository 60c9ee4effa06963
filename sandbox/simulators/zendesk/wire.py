"""Zendesk's errors and the checks on what a client sent, in Zendesk's own shapes."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

Document = dict[str, Any]
"""A JSON object as it is on the wire."""


class ApiError(Exception):
    """An answer other than success: HTTP status and JSON body."""

    def __init__(
        self, status: int, body: Document, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {body.get('error')}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer itself."""
        return JSONResponse(self.body, self.status, self.headers)


def not_found() -> ApiError:
    """No such record."""
    return ApiError(404, {"error": "RecordNotFound", "description": "Not found"})


def invalid_endpoint() -> ApiError:
    """No such path or method."""
    return ApiError(404, {"error": "InvalidEndpoint", "description": "Not found"})


def unauthenticated() -> ApiError:
    """Credentials missing or wrong."""
    return ApiError(401, {"error": "Couldn't authenticate you"})


def record_invalid(details: Mapping[str, tuple[str, str]]) -> ApiError:
    """Field name to (description, error name such as `DuplicateValue` or `BlankValue`)."""
    return ApiError(
        422,
        {
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {
                field: [{"description": description, "error": error}]
                for field, (description, error) in details.items()
            },
        },
    )


def conflict(description: str) -> ApiError:
    """`safe_update` met a newer ticket."""
    return ApiError(409, {"error": "UpdateConflict", "description": description})


def idempotency_mismatch() -> ApiError:
    """An idempotency key came again with another payload."""
    return ApiError(
        400,
        {
            "error": "IdempotentRequestError",
            "description": "Request parameters don't match the given idempotency key",
        },
    )


def bad_parameter(name: str) -> ApiError:
    """A query parameter, or the object a body must wrap, is missing or malformed."""
    return ApiError(
        400,
        {"error": {"title": "Invalid attribute", "message": f"{name} is missing or invalid"}},
    )


async def body_object(request: Request, wrapper: str) -> Document:
    """The object under `wrapper` in the JSON body. Raises ApiError when there is none."""
    unreadable = ApiError(
        422, {"error": "Unprocessable Entity", "message": "Server could not parse JSON"}
    )
    try:
        payload = json.loads(await request.body(), parse_constant=_refuse_constant)
        # What cannot be written again, a lone surrogate say, cannot be kept either.
        json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as broken:
        raise unreadable from broken
    if not isinstance(payload, dict) or not isinstance(payload.get(wrapper), dict):
        raise bad_parameter(wrapper)
    wrapped: Document = payload[wrapper]
    return wrapped


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check_fields(given: Document, kinds: Mapping[str, object]) -> None:
    """Check the attributes of `given` that `kinds` names; others are ignored, as Zendesk does.

    A kind is `str`, `int`, `bool`, `dict`, a tuple of allowed strings, or a one-element list
    with the kind of each element. None is allowed everywhere. Raises ApiError 422.
    """
    wrong = {
        name: (f"{_label(name)}: is invalid", "InvalidValue")
        for name, value in given.items()
        if name in kinds and value is not None and not _fits(value, kinds[name])
    }
    if wrong:
        raise record_invalid(wrong)


def _fits(value: object, kind: object) -> bool:
    match kind:
        case tuple():
            return value in kind
        case list():
            return isinstance(value, list) and all(_fits(one, kind[0]) for one in value)
        case type() if kind is int:
            # A boolean is an int to Python; an id beyond 64 bits is no id.
            return type(value) is int and abs(value) < 2**63
        case type():
            return isinstance(value, kind)
    raise TypeError(f"no such kind of attribute: {kind!r}")


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def blank(value: object) -> bool:
    """True for what counts as not given."""
    return value is None or (isinstance(value, str) and not value.strip())
