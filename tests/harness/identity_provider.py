"""An OpenID provider on loopback, made with authlib's server: authorization code, S256 required.

Whoever is at the browser is signed in there already. `says` may change what the ID token claims.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants.util import generate_id_token
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.harness.serving import serving

Claims = dict[str, Any]


@dataclass
class Client(ClientMixin):
    client_id: str
    client_secret: str
    redirect: str

    def get_default_redirect_uri(self) -> str:
        return self.redirect

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self.client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic" and endpoint == "token"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code:
    code: str
    redirect_uri: str
    scope: str
    nonce: str
    user: Claims
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


class _Payload(OAuth2Payload):
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    @property
    def data(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def datalist(self) -> dict[str, list[str]]:
        values = defaultdict(list)
        for name, value in self.pairs:
            values[name].append(value)
        return values


class _Asked(OAuth2Request):
    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request.method, str(request.url), headers=request.headers)
        self.sent = parse_qsl(body.decode())
        self.payload = _Payload([*request.query_params.items(), *self.sent])

    @property
    def form(self) -> dict[str, str]:
        return dict(self.sent)


class _OnlyS256(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        super().validate_code_challenge(grant, redirect_uri)
        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("S256 is required")


@dataclass
class Idp:
    """`user` is whoever is at the browser; `says` what becomes of the claims about them."""

    issuer: str
    client: Client
    user: Claims = field(default_factory=dict)
    says: Callable[[Claims], Claims] = dict
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    #: What its tokens are signed with, where that is another than it publishes.
    signs_with: Any = None
    algorithm: str = "RS256"
    codes: dict[str, Code] = field(default_factory=dict)
    server: "_Server" = field(init=False)

    def __post_init__(self) -> None:
        self.server = _Server(self)

    def id_token(self, token: Claims, code: Code) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": code.nonce,
            **code.user,
        }
        made: str = generate_id_token(
            token,
            self.says(claims),
            self.signs_with or self.key,
            self.issuer,
            self.client.client_id,
            alg=self.algorithm,
            kid="one",
        )
        return made

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _configuration(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = _Asked(request, b"")
        grant = self.server.get_consent_grant(asked, end_user=self.user)
        answer: Response = self.server.create_authorization_response(
            asked, grant_user=self.user, grant=grant
        )
        return answer

    async def _token(self, request: Request) -> Response:
        answer: Response = self.server.create_token_response(_Asked(request, await request.body()))
        return answer


class _Server(AuthorizationServer):
    def __init__(self, idp: Idp) -> None:
        super().__init__(scopes_supported=["openid", "email"])
        self.idp = idp
        self.register_token_generator(
            "default", BearerTokenGenerator(lambda *_args, **_more: secrets.token_urlsafe(16))
        )
        self.register_grant(_Grant, [_OnlyS256(required=True)])

    def query_client(self, client_id: str) -> Client | None:
        return self.idp.client if client_id == self.idp.client.client_id else None

    def save_token(self, token: Claims, request: OAuth2Request) -> None:
        token["id_token"] = self.idp.id_token(token, request.authorization_code)

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        if isinstance(body, dict):
            return JSONResponse(body, status, dict(headers))
        return Response(body, status, dict(headers))

    def send_signal(self, name: str, *args: object, **more: object) -> None:
        """Nobody listens."""


class _Grant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        self.server.idp.codes[code] = Code(
            code,
            request.payload.redirect_uri,
            request.scope,
            data["nonce"],
            request.user,
            data["code_challenge"],
            data["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found: Code | None = self.server.idp.codes.get(code)
        return found if client is self.server.idp.client else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del self.server.idp.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> Claims:
        return authorization_code.user


@asynccontextmanager
async def identity_provider(redirect: str) -> AsyncIterator[Idp]:
    """Up within the block."""
    # Its address is known once it listens, which is before anybody asks it.
    idp = Idp("", Client("trueup", "s3cret", redirect))
    async with serving(idp.app()) as address:
        idp.issuer = address
        yield idp
