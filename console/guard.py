"""The cookie of a browser's session, and who comes with it.

`HttpOnly`, so that no script reads it; `SameSite=Lax`, so that no other site posts with it; outside
this machine `Secure` and `__Host-`, so that no other host of the domain sets it.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.responses import Response

from operations import oidc, sign_in
from operations.context import AppContext
from operations.sign_in import SignedIn
from runtime.settings import SignInSettings, on_loopback


@dataclass(frozen=True)
class Entrance:
    """What the console is entered with."""

    context: AppContext
    settings: SignInSettings
    provider: oidc.Provider | None = None


def entrance(request: Request) -> Entrance:
    found: Entrance = request.app.state.entrance
    return found


Entered = Annotated[Entrance, Depends(entrance)]

_SESSION = "trueup"
#: What a browser keeps while it is at the identity provider.
_AWAY = "trueup-away"
_AWAY_SECONDS = 600
_FORM_BYTES, _FORM_FIELDS = 16_384, 100


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def signed_in(request: Request, entered: Entered) -> SignedIn:
    """Whoever the browser's session is of. 401 where it is nobody's."""
    token = session_of(request)
    found = None
    if token is not None:
        found = await sign_in.found(entered.context, token, entered.settings)
    if found is None:
        raise HTTPException(401, "nobody is signed in here: sign in first")
    return found


async def own_origin(request: Request) -> None:
    """A browser says where a request comes from; what another site posts is refused."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in {"same-origin", "none"}:
        raise HTTPException(403, "this was sent by another site: sign in on the console's own page")


async def form(request: Request) -> dict[str, str]:
    """What a form has sent, each field once. 413 and 422 where it is none of ours."""
    sent = bytearray()
    async for part in request.stream():
        sent += part
        if len(sent) > _FORM_BYTES:
            raise HTTPException(413, f"a form has {_FORM_BYTES} bytes at most")
    try:
        fields = parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS)
    except ValueError as fault:
        raise HTTPException(422, "this is not what the form on the page sends") from fault
    return dict(fields)


def session_of(request: Request) -> str | None:
    return request.cookies.get(_named(request, _SESSION))


def away_of(request: Request) -> str | None:
    return request.cookies.get(_named(request, _AWAY))


def keep_session(request: Request, response: Response, token: str) -> None:
    _keep(request, response, _SESSION, token, None)
    forget_away(request, response)


def keep_away(request: Request, response: Response, secret: str) -> None:
    _keep(request, response, _AWAY, secret, _AWAY_SECONDS)


def forget_session(request: Request, response: Response) -> None:
    _keep(request, response, _SESSION, "", 0)


def forget_away(request: Request, response: Response) -> None:
    if away_of(request) is not None:
        _keep(request, response, _AWAY, "", 0)


def _keep(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _named(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=not _local(request),
        httponly=True,
        samesite="lax",
    )


def _named(request: Request, name: str) -> str:
    return name if _local(request) else f"__Host-{name}"


def _local(request: Request) -> bool:
    return on_loopback(request.url.hostname or "")
