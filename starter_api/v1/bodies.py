"""Request bodies: bounded, strictly JSON, checked by a model, and never sent back."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

LARGEST_BODY = 64 * 1024

Body = TypeVar("Body", bound=BaseModel)


class BadBody(Exception):
    """`errors` holds place, code and message of each field that does not fit."""

    def __init__(
        self, status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors


def body(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """The dependency that reads a body of this model. Raises BadBody."""

    async def read(request: Request) -> Body:
        raw = await _bytes(request)
        request.state.sent = raw
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError as fault:
            raise BadBody(
                400, "not-json", f"the body is not JSON in UTF-8 (character {fault.pos})"
            ) from None
        if _holds_nul(document):
            raise BadBody(422, "invalid-request", "the body holds a NUL character: remove it")
        try:
            return model.model_validate_json(raw)
        except ValidationError as fault:
            raise _unfit(fault) from None

    return read


async def _bytes(request: Request) -> bytes:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise BadBody(
            415, "unsupported-media-type", "send the body with content-type application/json"
        )
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > LARGEST_BODY:
                raise BadBody(413, "body-too-large", f"a body may have {LARGEST_BODY} bytes")
    except ClientDisconnect:
        raise BadBody(400, "body-cut-off", "the client left before its body was whole") from None
    return bytes(raw)


def _holds_nul(document: Any) -> bool:
    """PostgreSQL's text cannot hold U+0000. Without recursion: the nesting is the caller's."""
    left = [document]
    while left:
        match left.pop():
            case str() as words if "\0" in words:
                return True
            case dict() as fields:
                left += fields
                left += fields.values()
            case list() as items:
                left += items
            case _:
                pass
    return False


def _unfit(fault: ValidationError) -> BadBody:
    errors = []
    for error in fault.errors(include_url=False, include_input=False, include_context=False):
        place = error["loc"]
        # The name of a field that we do not know is the caller's text.
        known = place[:-1] if error["type"] == "extra_forbidden" else place
        message = (
            "must be a JSON document of this operation"
            if error["type"] == "json_invalid"
            else error["msg"]
        )
        errors.append({"at": ".".join(map(str, known)), "code": error["type"], "message": message})
    return BadBody(422, "invalid-request", "the body does not fit; `errors` says where", errors)
