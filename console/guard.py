"""The cookie of a browser's session, and who comes with it.

`HttpOnly`, so that no script reads it; `SameSite=Lax`, so that no other site posts with it; outside
this machine `Secure` and `__Host-`, so that no other host of the domain sets it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
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
#: What a page asks without its reader says so, and does not keep a session from ending.
BY_ITSELF = "x-by-itself"
#: Of a table that is filled in, and of a file of one.
_TABLE_BYTES, _TABLE_FIELDS = 1_048_576, 2_000
#: The field of a form that says that it is of this session's page.
CSRF = "csrf"


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def signed_in(request: Request, entered: Entered) -> SignedIn:
    """Whoever the browser's session is of. 401 where it is nobody's."""
    token = session_of(request)
    found = None
    if token is not None:
        found = await sign_in.found(
            entered.context, token, entered.settings, used=not _by_itself(request)
        )
    if found is None:
        raise HTTPException(401, "nobody is signed in here: sign in first")
    request.state.signed_in = found
    return found


def _by_itself(request: Request) -> bool:
    return BY_ITSELF in request.headers or request.url.path.startswith("/live")


def csrf_of(request: Request) -> str:
    """What a form of this session sends along. Who cannot read the cookie cannot make it."""
    token = session_of(request) or ""
    return hmac.new(token.encode(), CSRF.encode(), hashlib.sha256).hexdigest()


async def own_origin(request: Request) -> None:
    """A browser says where a request comes from; what another site posts is refused."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in {"same-origin", "none"}:
        raise HTTPException(403, "this was sent by another site: sign in on the console's own page")


async def form(request: Request) -> dict[str, str]:
    """What a form has sent, each field once. 413 and 422 where it is none of ours."""
    return _fields(await _body(request, _FORM_BYTES), _FORM_FIELDS)


async def table(request: Request) -> dict[str, str]:
    """The same of a table, which has many fields, or comes as a file: its text is then the field
    that the file was chosen in."""
    sent = await _body(request, _TABLE_BYTES)
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _parts(kind, sent)
    return _fields(sent, _TABLE_FIELDS)


async def _body(request: Request, most: int) -> bytes:
    sent = bytearray()
    async for part in request.stream():
        sent += part
        if len(sent) > most:
            raise HTTPException(413, f"a form has {most} bytes at most")
    return bytes(sent)


def _fields(sent: bytes, most: int) -> dict[str, str]:
    try:
        return dict(parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=most))
    except ValueError as fault:
        raise HTTPException(422, "this is not what the form on the page sends") from fault


def _parts(kind: str, sent: bytes) -> dict[str, str]:
    found = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + sent)
    fields = {}
    try:
        for part in found.iter_parts():
            name = part.get_param("name", header="content-disposition")
            text = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(text, bytes):
                fields[name] = text.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise HTTPException(
            422, "the file is not text in UTF-8: save it so, and send it again"
        ) from fault
    return fields


async def own_form(
    request: Request,
    given: Annotated[dict[str, str], Depends(form)],
    _own: Annotated[None, Depends(own_origin)],
) -> dict[str, str]:
    """What a form has sent that was on a page of this very session. 403 for any other."""
    return _of_session(request, given)


async def own_table(
    request: Request,
    given: Annotated[dict[str, str], Depends(table)],
    _own: Annotated[None, Depends(own_origin)],
) -> dict[str, str]:
    """The same of a table."""
    return _of_session(request, given)


def _of_session(request: Request, given: dict[str, str]) -> dict[str, str]:
    if not hmac.compare_digest(given.get(CSRF, "").encode(), csrf_of(request).encode()):
        raise HTTPException(403, "the form is not of this session: open the page again, then send")
    return given


Form = Annotated[dict[str, str], Depends(own_form)]
Table = Annotated[dict[str, str], Depends(own_table)]


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
