"""/sign-in, /sign-out: how people come in and leave.

There is one sentence for every refusal of a sign-in.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.guard import (
    Entered,
    Entrance,
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
from operations import oidc, sign_in
from operations.errors import Unavailable
from operations.sign_in import NotSignedIn, SignedIn
from runtime import security
from runtime.security import Reason, Refusal

router = APIRouter(tags=["sign-in"])

_HOME = "/me"
_AFTERWARDS = {"cache-control": "no-store"}


@router.post("/sign-in", dependencies=[Depends(own_origin)])
async def sign_in_by_password(
    request: Request, entered: Entered, given: Annotated[dict[str, str], Depends(form)]
) -> Response:
    """By `name` and `password`. Every sign-in has a new session, and ends the one before it."""
    try:
        person_id = await sign_in.with_password(
            entered.context, given.get("name", ""), given.get("password", ""), address_of(request)
        )
    except NotSignedIn as refusal:
        return _refused(request, refusal)
    return await _entered(request, entered, person_id)


@router.get("/sign-in/provider")
async def sign_in_by_provider(request: Request, entered: Entered) -> Response:
    """A link, not a form: browsers apply `form-action` to where a form is redirected."""
    provider, secret = _provider(entered), oidc.new_secret()
    try:
        address = await provider.begin(secret)
    except Unavailable as fault:
        raise HTTPException(503, fault.detail) from fault
    response = RedirectResponse(address, 303, _AFTERWARDS)
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
        response = _refused(request, refusal)
        forget_away(request, response)
        return response
    except Unavailable as fault:
        raise HTTPException(503, fault.detail) from fault
    return await _entered(request, entered, person_id)


@router.post("/sign-out", dependencies=[Depends(own_origin)])
async def sign_out(request: Request, entered: Entered) -> Response:
    """The session is over, and the browser forgets what it has of it."""
    if (token := session_of(request)) is not None:
        await sign_in.end(entered.context, token)
    cleared = {**_AFTERWARDS, "clear-site-data": '"cache", "cookies", "storage"'}
    response = RedirectResponse("/sign-in", 303, cleared)
    forget_session(request, response)
    return response


@router.get("/me")
async def me(person: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """Who is signed in, and what they are to each company."""
    roles = {tenant: sorted(held) for tenant, held in person.roles.items()}
    return JSONResponse({"name": person.name, "roles": roles}, headers=_AFTERWARDS)


async def _entered(request: Request, entered: Entrance, person_id: str) -> Response:
    token = await sign_in.begin(
        entered.context,
        person_id,
        address_of(request),
        entered.settings,
        before=session_of(request),
    )
    response = RedirectResponse(_HOME, 303, _AFTERWARDS)
    keep_session(request, response, token)
    return response


def _refused(request: Request, refusal: NotSignedIn) -> Response:
    """Who it was is not written down: people type their password where their name belongs."""
    security.refused(
        Refusal(
            Reason.SIGN_IN,
            refusal.detail,
            address=address_of(request),
            request_id=request.headers.get("x-request-id"),
            route=f"{request.method} {request.url.path}",
        )
    )
    return JSONResponse(
        {"detail": refusal.detail, "remedy": refusal.remedy}, 401, headers=_AFTERWARDS
    )


def _provider(entered: Entrance) -> oidc.Provider:
    if entered.provider is None:
        raise HTTPException(404, "no identity provider is configured")
    return entered.provider
