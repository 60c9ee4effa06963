"""Signing in by an identity provider: OpenID Connect, authorization code with PKCE (S256).

State, nonce and verifier are made of one secret that the browser keeps, so that nobody else can end
a sign-in that it has begun, and nothing of it is kept here. What the provider says of who it is has
to be signed by it, for us, for this sign-in, and now, give or take a minute.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from canonical_models.base import Canonical
from operations.context import AppContext
from operations.errors import Unavailable
from operations.sign_in import NotSignedIn
from persistence import people
from runtime.settings import OidcSettings, on_loopback

log = structlog.get_logger()

#: What the provider's clock may be off from ours, in seconds.
SKEW = 60
_TIMEOUT = 10.0
#: The provider's addresses and keys are asked for anew after so many seconds.
_FRESH = 3600
#: Signed with a key that the provider alone has: a shared secret, or none, proves nothing.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]


class Identity(Canonical):
    """Who somebody is to the provider; `email` only where it has verified it."""

    issuer: str
    subject: str
    email: str | None


class Provider:
    """`secret` is the client's, where it has one."""

    def __init__(self, given: OidcSettings, secret: str | None = None) -> None:
        self._given = given
        self._secret = secret
        self._known: dict[str, Any] = {}
        self._known_at = 0.0

    async def begin(self, kept: str) -> str:
        """Where the browser, which keeps `kept`, is sent. Raises Unavailable."""
        async with _client() as client:
            known = await self._metadata(client)
        url: str = prepare_grant_uri(
            known["authorization_endpoint"],
            client_id=self._given.client_id,
            response_type="code",
            redirect_uri=self._given.redirect,
            scope="openid email",
            state=_of(kept, "state"),
            nonce=_of(kept, "nonce"),
            code_challenge=create_s256_code_challenge(_of(kept, "verifier")),
            code_challenge_method="S256",
        )
        return url

    async def finish(self, answer: Mapping[str, str], kept: str | None) -> Identity:
        """Who has come back with `answer`, the parameters of the address, to the browser that has
        kept what was begun. Raises NotSignedIn, Unavailable."""
        if kept is None:
            raise NotSignedIn
        if (
            not hmac.compare_digest(answer.get("state", "").encode(), _of(kept, "state").encode())
            or answer.get("iss", self._given.issuer) != self._given.issuer
        ):
            raise NotSignedIn
        if not (code := answer.get("code")):
            log.info("the identity provider refused", error=answer.get("error", "")[:100])
            raise NotSignedIn
        async with _client() as client:
            known = await self._metadata(client)
            try:
                token = await self._token(client, known["token_endpoint"], code, kept)
                claims = await self._claims(client, token, _of(kept, "nonce"))
            except (JoseError, ValueError, KeyError, TypeError) as fault:
                log.warning("sign-in not accepted", error=type(fault).__name__)
                raise NotSignedIn from fault
            except httpx.HTTPError as fault:
                raise _away(self._given.issuer) from fault
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        return Identity(
            issuer=claims["iss"],
            subject=claims["sub"],
            email=claims["email"].lower() if verified else None,
        )

    async def _token(
        self, client: httpx.AsyncClient, address: str, code: str, kept: str
    ) -> dict[str, Any]:
        """Raises ValueError where the provider does not take the code."""
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._given.redirect,
            "client_id": self._given.client_id,
            "code_verifier": _of(kept, "verifier"),
        }
        # RFC 6749, section 2.3.1: both are encoded as in a form before.
        auth = (
            httpx.BasicAuth(quote(self._given.client_id), quote(self._secret))
            if self._secret
            else httpx.USE_CLIENT_DEFAULT
        )
        headers = {"accept": "application/json"}
        answer = await client.post(address, data=sent, auth=auth, headers=headers)
        if answer.status_code in {400, 401}:
            raise ValueError("the provider does not take the code")
        return _object(answer)

    async def _claims(
        self, client: httpx.AsyncClient, token: Mapping[str, Any], nonce: str
    ) -> CodeIDToken:
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        keys = KeySet.import_key_set(await self._keys(client))
        decoded = jwt.decode(token["id_token"], key=keys, registry=registry)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self._given.issuer},
                "sub": {"essential": True},
                "aud": {"essential": True, "value": self._given.client_id},
                "exp": {"essential": True},
            },
            {
                "nonce": nonce,
                "client_id": self._given.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=SKEW)
        return claims

    async def _metadata(self, client: httpx.AsyncClient) -> dict[str, Any]:
        if not self._known or time.monotonic() - self._known_at > _FRESH:
            issuer = self._given.issuer
            address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                known = await _document(client, address)
                _checked(known, issuer)
            except (httpx.HTTPError, ValueError, KeyError) as fault:
                raise _away(issuer) from fault
            self._known, self._known_at = known, time.monotonic()
        return self._known

    async def _keys(self, client: httpx.AsyncClient) -> Any:
        """Asked for at each sign-in, so that a key that the provider has changed is known."""
        return await _document(client, self._known["jwks_uri"])


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)


def new_secret() -> str:
    """For the browser to keep while it is away."""
    return secrets.token_urlsafe(32)


async def person_of(context: AppContext, identity: Identity) -> str:
    """Whose account it is: known from before, or, the first time, by the e-mail that the provider
    has verified. Raises NotSignedIn for whom nobody has added."""
    async with context.database.transaction() as conn:
        found = await people.by_subject(conn, identity.issuer, identity.subject)
        if found is None and identity.email is not None:
            found = await people.bind(conn, identity.email, identity.issuer, identity.subject)
        if found is None or not await people.roles_of(conn, found.person_id):
            raise NotSignedIn
    return found.person_id


async def _document(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    return _object(await client.get(address))


def _object(answer: httpx.Response) -> dict[str, Any]:
    """Raises ValueError for what is none."""
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError(f"{answer.url} is no object")  # noqa: TRY004 - the answer is wrong
    return found


def _of(kept: str, what: str) -> str:
    """256 bits in base64url, of which nobody learns another one of the same secret."""
    digest = hmac.new(kept.encode(), what.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _checked(known: Mapping[str, Any], issuer: str) -> None:
    """Raises ValueError, KeyError."""
    if known["issuer"] != issuer:
        raise ValueError(f"{issuer} says that it is another")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        url = urlsplit(known[name])
        if url.scheme != "https" and not on_loopback(url.hostname or ""):
            raise ValueError(f"{known[name]} is not encrypted")


def _away(issuer: str) -> Unavailable:
    return Unavailable(
        f"the identity provider {issuer} does not answer as it should",
        remedy="try again in some minutes; administrators check `[sign_in.oidc]`",
    )
