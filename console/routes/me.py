"""/me: who is signed in, how they want to see the console, where else they are signed in, and their
password."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from console import render
from console.asked import Id
from console.forms import Wrong, taken
from console.guard import (
    Entered,
    Form,
    address_of,
    csrf_of,
    keep_session,
    session_of,
    signed_in,
)
from console.words import DONE
from operations import sign_in
from operations.errors import Invalid, NotFound
from operations.sign_in import SignedIn, Wishes

router = APIRouter()

Person = Annotated[SignedIn, Depends(signed_in)]


@router.get("/me")
async def me(request: Request, entered: Entered, person: Person) -> Response:
    return await _page(request, entered, person)


@router.post("/me/password")
async def choose_password(
    request: Request, entered: Entered, given: Form, person: Person
) -> Response:
    """Every session is over then, and this browser has a new one."""
    try:
        await sign_in.set_password(entered.context, person.person_id, given.get("password", ""))
    except Invalid as fault:
        return await _page(request, entered, person, status=422, problem=_told(fault))
    token = await sign_in.begin(
        entered.context, person.person_id, address_of(request), entered.settings
    )
    response = RedirectResponse("/me?done=password", 303)
    keep_session(request, response, token)
    return response


@router.post("/me/settings")
async def wish(request: Request, entered: Entered, given: Form, person: Person) -> Response:
    """How pages are shown to them from the next one on."""
    try:
        wishes = taken(
            Wishes,
            zone=given.get("zone", "").strip() or None,
            theme=given.get("theme") or None,
            keys=given.get("keys") == "true",
            page_size=given.get("page_size", "50"),
        )
        await sign_in.wish(entered.context, person.person_id, wishes)
    except Wrong as fault:
        return await _page(request, entered, person, status=422, problem=fault.problem, sent=given)
    except Invalid as fault:
        return await _page(request, entered, person, status=422, problem=_told(fault), sent=given)
    return RedirectResponse("/me?done=settings", 303)


@router.post("/me/stay")
async def stay(given: Form, person: Person) -> Response:
    """The session is used, and goes on: how many seconds, and how many at the most."""
    del given
    return JSONResponse({"left": person.left, "whole": int(person.whole)})


@router.post("/me/sessions/{session_id}/end")
async def leave(
    request: Request, entered: Entered, given: Form, person: Person, session_id: Id
) -> Response:
    """That browser is signed out."""
    del given
    try:
        await sign_in.leave(entered.context, person.person_id, session_id)
    except NotFound as fault:
        return await _page(request, entered, person, status=404, problem=_told(fault))
    return RedirectResponse("/me?done=left", 303)


def _told(fault: Invalid | NotFound) -> dict[str, Any]:
    return {"title": fault.title, "detail": fault.detail, "remedy": fault.remedy}


async def _page(
    request: Request,
    entered: Entered,
    person: SignedIn,
    *,
    status: int = 200,
    problem: dict[str, Any] | None = None,
    sent: dict[str, str] | None = None,
) -> Response:
    places = await sign_in.places(
        entered.context, person.person_id, session_of(request) or "", entered.settings
    )
    return render.bare(
        request,
        "pages/me.html",
        status=status,
        person=person,
        wishes=person.settings,
        places=places,
        sent=sent or {},
        csrf=csrf_of(request),
        problem=problem,
        done=DONE.get(request.query_params.get("done", "")),
    )
