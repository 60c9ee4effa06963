"""From what went wrong to the problem that the caller reads."""

from typing import Any
from urllib.parse import quote

import psycopg
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from operations.errors import Conflict, Invalid, NotDone, NotFound, Unavailable
from operations.permissions import Concealed, Forbidden, Principal, explained
from runtime.security import Reason
from starter_api.auth import Refused, context_of
from starter_api.problems import problem
from starter_api.refusals import refused
from starter_api.v1.bodies import BadBody
from starter_api.v1.matching import Changed

log = structlog.get_logger()

#: Seconds after which it is worth asking again.
_LATER = {"retry-after": "5"}


#: By the kind of an object. What is done to one is found beside it.
_ADDRESSES = {
    "account_anew": "/v1/accounts/{}",
    "all_exceptions": "/v1/exceptions?state=all",
    "asked": "/v1/exceptions?state=all&change={}",
    "batch": "/v1/batches/{}",
    "batches": "/v1/batches",
    "cancel": "/v1/changes/{}",
    "cause": "/v1/causes/{}",
    "causes": "/v1/causes",
    "change": "/v1/changes/{}",
    "changes": "/v1/changes",
    "connection": "/v1/connections",
    "customers": "/v1/mappings?kind=account",
    "document": "/v1/invoices/{}",
    "entitlements": "/v1/entitlements?customer={}",
    "exception": "/v1/exceptions/{}",
    "exceptions": "/v1/exceptions",
    "grant": "/v1/grants",
    "inbox": "/v1/inbox",
    "invoices": "/v1/invoices",
    "mapping": "/v1/mappings",
    "periods": "/v1/periods",
    "reconcile": "/v1/reconciliations/latest",
    "stop": "/v1/batches/{}",
    "stream": "/v1/streams/{}",
    "streams": "/v1/streams",
    "subscription_anew": "/v1/subscriptions/{}",
    "subscriptions": "/v1/subscriptions",
}


def map_errors(app: FastAPI) -> None:
    app.add_exception_handler(NotDone, _not_done)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Forbidden, _forbidden)
    app.add_exception_handler(BadBody, _bad_body)
    app.add_exception_handler(Changed, _changed)
    for fault in (psycopg.OperationalError, psycopg.InterfaceError):
        app.add_exception_handler(fault, _no_database)


async def _not_done(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, NotDone):
        raise fault
    if isinstance(fault, Concealed):
        _note(request, fault.why)
    said = _said(fault)
    match fault:
        case NotFound():
            return problem(404, "not-found", fault.detail, **said)
        case Conflict():
            return problem(409, "conflict", fault.detail, **said)
        case Invalid():
            return problem(422, "invalid-request", fault.detail, **said)
        case Unavailable():
            return problem(503, "unavailable", fault.detail, headers=_LATER, **said)
        case _:
            raise fault


def _said(fault: NotDone) -> dict[str, Any]:
    said: dict[str, Any] = {"remedy": fault.remedy}
    if fault.see is not None and (address := _address(*fault.see)) is not None:
        said["see"] = address
    if fault.facts:
        said["facts"] = fault.facts
    return said


def _address(kind: str, key: str) -> str | None:
    """Where it is looked at by this door; None for what it does not show."""
    template = _ADDRESSES.get(kind)
    return None if template is None else template.format(quote(key, safe=""))


async def _refused(request: Request, fault: Exception) -> Response:
    """RFC 6750, section 3."""
    if not isinstance(fault, Refused):
        raise fault
    _note(request, fault.detail)
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
    _note(request, fault.detail)
    told = await explained(context_of(request), fault)
    challenge = f'Bearer realm="trueup", error="insufficient_scope", scope="{told.scope}"'
    return problem(
        403,
        "forbidden",
        told.detail,
        headers={"www-authenticate": challenge},
        scope=told.scope,
        **_said(told),
    )


def _note(request: Request, detail: str) -> None:
    """In the security log: who it was, as far as that is known."""
    who: Principal | None = getattr(request.state, "who", None)
    if who is not None:
        refused(request.scope, Reason.NOT_ALLOWED, detail, tenant=who.tenant, who=who.name)
    else:
        sent = getattr(request.state, "sent_key", False)
        refused(request.scope, Reason.UNKNOWN_KEY if sent else Reason.NO_KEY, detail)


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


async def _changed(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, Changed):
        raise fault
    return problem(
        412,
        "changed-meanwhile",
        str(fault),
        remedy="look at it again, and send what is to be done with the new ETag",
        see=fault.see,
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
