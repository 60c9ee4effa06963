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

from starter_api.methods import HeadAsGet, allowed

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """The answer; see `problem_of`."""
    body = problem_of(status, code, detail, **extensions)
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def problem_of(status: int, code: str, detail: str, **extensions: Any) -> dict[str, Any]:
    """`code` is the stable name that programs branch on; `detail` is for people.

    The title is the status in words, as RFC 9457 section 4.2.1 has it for generic types.
    """
    return {
        "type": f"urn:trueup:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **extensions,
    }


def speak_problems(app: FastAPI) -> None:
    """Let everything that `app` refuses or fails at be answered as a problem, and every address say
    what it takes."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(HeadAsGet)


async def _refused(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, HTTPException):
        raise refusal
    headers = refusal.headers
    if refusal.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": allowed(request.app, request.url.path)}
        if request.method == "OPTIONS":
            return Response(None, HTTPStatus.NO_CONTENT, headers)
    code = HTTPStatus(refusal.status_code).phrase.lower().replace(" ", "-")
    return problem(refusal.status_code, code, str(refusal.detail), headers=headers)


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
