"""From what went wrong to the problem that the caller reads."""

import psycopg
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from operations.errors import Conflict, Invalid, NotDone, NotFound, Unavailable
from operations.permissions import Forbidden, explained
from starter_api.auth import Refused, context_of
from starter_api.problems import problem
from starter_api.v1.bodies import BadBody

log = structlog.get_logger()

#: Seconds after which it is worth asking again.
_LATER = {"retry-after": "5"}


def map_errors(app: FastAPI) -> None:
    app.add_exception_handler(NotDone, _not_done)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(BadBody, _bad_body)
    for fault in (psycopg.OperationalError, psycopg.InterfaceError):
        app.add_exception_handler(fault, _no_database)


async def _not_done(_request: Request, fault: Exception) -> Response:
    match fault:
        case NotFound():
            return problem(404, "not-found", fault.detail, remedy=fault.remedy)
        case Conflict():
            return problem(409, "conflict", fault.detail, remedy=fault.remedy)
        case Invalid():
            return problem(422, "invalid-request", fault.detail, remedy=fault.remedy)
        case Unavailable():
            return problem(503, "unavailable", fault.detail, headers=_LATER, remedy=fault.remedy)
        case _:
            raise fault


async def _refused(_request: Request, fault: Exception) -> Response:
    """RFC 6750, section 3."""
    if not isinstance(fault, Refused):
        raise fault
    return problem(
        401,
        "unauthorized",
        fault.detail,
        headers={"www-authenticate": 'Bearer realm="trueup"'},
        remedy=fault.remedy,
    )


async def _forbidden(request: Request, fault: Exception) -> Response:
    """RFC 6750, section 3.1."""
    if not isinstance(fault, Forbidden):
        raise fault
    told = await explained(context_of(request), fault)
    challenge = f'Bearer realm="trueup", error="insufficient_scope", scope="{told.scope}"'
    return problem(
        403,
        "forbidden",
        told.detail,
        headers={"www-authenticate": challenge},
        remedy=told.remedy,
        scope=told.scope,
    )


async def _bad_body(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, BadBody):
        raise fault
    extensions = {} if fault.errors is None else {"errors": fault.errors}
    headers = {"connection": "close"} if fault.status == 413 else None
    return problem(
        fault.status,
        fault.code,
        fault.detail,
        headers=headers,
        remedy="send what /openapi.json shows for this operation",
        **extensions,
    )


async def _no_database(_request: Request, fault: Exception) -> Response:
    log.error("request not answered: no database", error=type(fault).__name__)
    return problem(
        503,
        "unavailable",
        "the database does not answer",
        headers=_LATER,
        remedy="nothing is known to have changed; ask again in a few seconds",
    )
