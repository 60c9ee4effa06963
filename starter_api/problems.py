"""Errors as `application/problem+json` (RFC 9457). No answer repeats what was sent, but for the
name of a parameter that an operation does not have."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """`code` is the stable name that programs branch on; `detail` is for people.

    The title is the status in words, as RFC 9457 section 4.2.1 has it for generic types.
    """
    body = {
        "type": f"urn:trueup:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **extensions,
    }
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def speak_problems(app: FastAPI) -> None:
    """Let everything that `app` refuses or fails at be answered as a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, HTTPException):
        raise refusal
    code = HTTPStatus(refusal.status_code).phrase.lower().replace(" ", "-")
    return problem(refusal.status_code, code, str(refusal.detail), headers=refusal.headers)


async def _invalid(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, RequestValidationError):
        raise refusal
    # `input` and `ctx` would send back what came in, which need not even be valid JSON.
    errors = [
        {"at": ".".join(map(str, error["loc"])), "code": error["type"], "message": error["msg"]}
        for error in refusal.errors()
    ]
    return problem(
        422, "invalid-request", "the request does not fit; `errors` says where", errors=errors
    )


async def _failed(_request: Request, _fault: Exception) -> Response:
    return problem(500, "internal-error", "this is our fault and has been logged; try again later")
