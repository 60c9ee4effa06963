"""What is shown where something was not done: the frame stays, and it says what, and what next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from console import render
from console.forms import Wrong
from console.guard import address_of
from console.here import Here
from operations.errors import NO_DATABASE, Conflict, Invalid, NotDone, NotFound, Unavailable
from operations.permissions import Forbidden, explained
from runtime import security
from runtime.security import Reason, Refusal

log = structlog.get_logger()

#: By the kind of an object, where this door shows it.
_PAGES = {
    "all_exceptions": "work?state=closed",
    "batch": "releases/{}",
    "batches": "work",
    "cause": "causes/{}",
    "causes": "work",
    "change": "changes/{}",
    "connection": "connections",
    "drifts": "connections",
    "document": "documents/{}",
    "exception": "cases/{}",
    "exceptions": "work",
    "inbox": "messages",
    "keys": "keys",
    "people": "people",
    "roles": "people",
    "admin": "people",
    "subscription_anew": "subscriptions/{}",
    "subscriptions": "subscriptions",
}
_STATUS: dict[type[NotDone], int] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Unavailable: 503,
    Forbidden: 403,
}


def status_of(fault: NotDone) -> int:
    return next((code for kind, code in _STATUS.items() if isinstance(fault, kind)), 422)


def see(here: Here, fault: NotDone) -> str | None:
    """Where what it is about is looked at; None for what has no page."""
    if fault.see is None or (template := _PAGES.get(fault.see[0])) is None:
        return None
    return f"/{here.company}/{template.format(quote(fault.see[1], safe=''))}"


async def told(here: Here, fault: NotDone) -> dict[str, Any]:
    """For the summary of a page: with who could, where somebody may not."""
    if isinstance(fault, Forbidden):
        noted(here, fault)
        fault = await explained(here.context, fault)
    return {
        "title": fault.title,
        "detail": fault.detail,
        "remedy": fault.remedy,
        "see": see(here, fault),
        "by": fault.facts.get("by"),
        "at": fault.facts.get("at"),
    }


@dataclass(frozen=True)
class Refused:
    """A form that was sent and not carried out: the page is shown again, with why and with all that
    was typed."""

    status: int = 200
    problem: dict[str, Any] | None = None
    sent: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)


NOTHING_SENT = Refused()


async def refused(here: Here, fault: NotDone | Wrong, sent: Mapping[str, str]) -> Refused:
    if isinstance(fault, Wrong):
        return Refused(422, fault.problem, sent, fault.faults)
    return Refused(status_of(fault), await told(here, fault), sent)


def noted(here: Here, fault: Forbidden) -> None:
    request = here.request
    security.refused(
        Refusal(
            Reason.NOT_ALLOWED,
            fault.detail,
            address=address_of(request),
            request_id=request.headers.get("x-request-id"),
            tenant=here.company,
            who=here.who.name,
            route=f"{request.method} {request.url.path}",
        )
    )


def speak(app: FastAPI) -> None:
    app.add_exception_handler(NotDone, _not_done)
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unknown_address)
    for fault in NO_DATABASE:
        app.add_exception_handler(fault, _no_database)
    app.add_exception_handler(Exception, _unexpected)


async def _not_done(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, NotDone):
        raise fault
    here: Here | None = getattr(request.state, "here", None)
    if here is None:
        return _bare(request, status_of(fault), fault.title, fault.detail, fault.remedy)
    problem = await told(here, fault)
    return render.page(here, "pages/problem.html", status=status_of(fault), problem=problem)


async def _http(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, StarletteHTTPException):
        raise fault
    match fault.status_code:
        case 401:
            return _sign_in(request)
        case 404:
            told = "There is no such page", "look at the address, or begin at your work"
        case 405:
            told = "This is not done at this address", "open the page and use its form"
        case _:
            told = str(fault.detail), "open the page again"
    return _bare(request, fault.status_code, told[0], "", told[1])


def _sign_in(request: Request) -> Response:
    """The form itself, which leads back to where somebody wanted to go."""
    wanted = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    entered = request.app.state.entrance
    return render.bare(
        request,
        "pages/sign_in.html",
        status=401,
        back=f"{wanted}{query}",
        refused=None,
        provider=entered.provider is not None,
    )


async def _unknown_address(request: Request, fault: Exception) -> Response:
    """What an address or form asks for that this page does not know."""
    if not isinstance(fault, RequestValidationError):
        raise fault
    named = ", ".join(sorted({str(error["loc"][-1]) for error in fault.errors()}))
    told = f"This address asks for what the page does not know: {named}"
    return _bare(request, 422, told, "", "begin at your work, and choose what to see there")


async def _no_database(request: Request, fault: Exception) -> Response:
    log.error("page not answered: no database", error=type(fault).__name__)
    detail = "Nothing is known to have changed."
    return _bare(request, 503, "The database does not answer", detail, "try again in some seconds")


async def _unexpected(request: Request, fault: Exception) -> Response:
    log.error("page not answered", route=request.url.path, error=type(fault).__name__)
    title, detail = "This page could not be made", "We do not know whether what was sent was done."
    return _bare(request, 500, title, detail, "look at the case again; tell operations if it stays")


def _bare(request: Request, status: int, title: str, detail: str, remedy: str) -> Response:
    problem = {"title": title, "detail": detail, "remedy": remedy}
    return render.bare(request, "pages/bare_problem.html", status=status, problem=problem)
