"""/sign-in, /sign-out: how people come in and leave.

There is one sentence for every refusal of a sign-in.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response

from console import render
from console.guard import (
    Entered,
    Entrance,
    Form,
    address_of,
    away_of,
    forget_away,
    forget_session,
    form,
    keep_away,
    keep_session,
    own_origin,
    session_of,
    signed_in,
)
from console.here import address
from operations import oidc, sign_in
from operations.errors import Unavailable
from operations.sign_in import NotSignedIn, SignedIn
from runtime import security
from runtime.security import Reason, Refusal

router = APIRouter()

_HOME = "/"
_SignIn = Annotated[dict[str, str], Depends(form)]


@router.get("/sign-in")
async def ask(request: Request, entered: Entered) -> Response:
    return _form(request, entered, _HOME)


@router.post("/sign-in", dependencies=[Depends(own_origin)])
async def sign_in_by_password(request: Request, entered: Entered, given: _SignIn) -> Response:
    """By `name` and `password`. Every sign-in has a new session, and ends the one before it."""
    try:
        person_id = await sign_in.with_password(
            entered.context, given.get("name", ""), given.get("password", ""), address_of(request)
        )
    except NotSignedIn as refusal:
        return _refused(request, entered, refusal)
    return await _entered(request, entered, person_id, _own(given.get("back", "")))


@router.get("/sign-in/link/{invitation}")
async def by_link(request: Request, invitation: Annotated[str, Path(max_length=200)]) -> Response:
    """What looks at links before people do takes nobody's invitation up: a button does."""
    return render.bare(request, "pages/link.html", invitation=invitation)


@router.post("/sign-in/link", dependencies=[Depends(own_origin)])
async def take_up(request: Request, entered: Entered, given: _SignIn) -> Response:
    """An invitation opens once, for whoever has it."""
    try:
        person_id = await sign_in.with_invitation(entered.context, given.get("invitation", ""))
    except NotSignedIn as refusal:
        return _refused(request, entered, refusal)
    return await _entered(request, entered, person_id, _HOME)


@router.get("/sign-in/provider")
async def sign_in_by_provider(request: Request, entered: Entered) -> Response:
    """A link, not a form: browsers apply `form-action` to where a form is redirected."""
    provider, secret = _provider(entered), oidc.new_secret()
    try:
        away = await provider.begin(secret)
    except Unavailable as fault:
        raise HTTPException(503, fault.detail) from fault
    response = RedirectResponse(away, 303)
    keep_away(request, response, secret)
    return response


@router.get("/sign-in/callback")
async def back_from_provider(request: Request, entered: Entered) -> Response:
    """Where the identity provider sends people back to."""
    provider = _provider(entered)
    try:
        identity = await provider.finish(dict(request.query_params), away_of(request))
        person_id = await oidc.person_of(entered.context, identity)
    except NotSignedIn as refusal:
        response = _refused(request, entered, refusal)
        forget_away(request, response)
        return response
    except Unavailable as fault:
        raise HTTPException(503, fault.detail) from fault
    return await _entered(request, entered, person_id, _HOME)


@router.post("/sign-out")
async def sign_out(
    request: Request,
    entered: Entered,
    _given: Form,
    _person: Annotated[SignedIn, Depends(signed_in)],
) -> Response:
    """The session is over, and the browser forgets what it has of it."""
    if (token := session_of(request)) is not None:
        await sign_in.end(entered.context, token)
    cleared = {"clear-site-data": '"cache", "cookies", "storage"'}
    response = RedirectResponse("/sign-in", 303, cleared)
    forget_session(request, response)
    return response


@router.get("/")
async def begin(person: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """One's own work, in the first of one's companies."""
    return RedirectResponse(address(min(person.roles), "work"), 303)


async def _entered(request: Request, entered: Entrance, person_id: str, to: str) -> Response:
    token = await sign_in.begin(
        entered.context,
        person_id,
        address_of(request),
        entered.settings,
        before=session_of(request),
    )
    response = RedirectResponse(to, 303)
    keep_session(request, response, token)
    return response


def _refused(request: Request, entered: Entrance, refusal: NotSignedIn) -> Response:
    """Who it was is not written down: people type their password where their name belongs."""
    security.refused(
        Refusal(
            Reason.SIGN_IN,
            refusal.detail,
            address=address_of(request),
            request_id=request.headers.get("x-request-id"),
            route=f"{request.method} {request.url.path.partition('/link/')[0]}",
        )
    )
    return _form(request, entered, _HOME, refusal)


def _form(
    request: Request, entered: Entrance, back: str, refused: NotSignedIn | None = None
) -> Response:
    return render.bare(
        request,
        "pages/sign_in.html",
        status=401 if refused else 200,
        back=back,
        refused=refused,
        provider=entered.provider is not None,
    )


def _own(back: str) -> str:
    """A path of ours, whatever a form says: `//host` and `/\\host` lead elsewhere."""
    ours = back.startswith("/") and back[1:2] not in {"/", "\\"} and back.isprintable()
    return back if ours else _HOME


def _provider(entered: Entrance) -> oidc.Provider:
    if entered.provider is None:
        raise HTTPException(404, "no identity provider is configured")
    return entered.provider
