"""The way in to Zendesk: an OAuth client's tokens, or an agent's API token until they end.

A token of a client lives for a while. It is kept in memory alone, is asked for once whoever needs
it, is renewed before it ends, and once where Zendesk refuses it before. All of a process share it.
Source: https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/ (client
credentials), RFC 6749, 4.4 and 5.1.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, date, datetime
from typing import Annotated
from weakref import WeakKeyDictionary

import httpx
import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from canonical_models.failures import ContractDrift, TransientFailure
from connectors.config import ConnectionConfig
from connectors.http import FAULTS, TooLarge, retry_after, whole
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.zendesk import SYSTEM
from connectors.zendesk.options import ZendeskOptions

_TOKENS = "/oauth/tokens"
#: Seconds before its end in which a token is not used any more, or a tenth of its life.
_EARLY = 60.0
#: What is asked for, in seconds; Zendesk allows 5 minutes to 2 days.
_LIFE = 3600
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}

SCOPE = "read write"

#: On this day Zendesk's API tokens stop working; nobody can make new ones since 27 October 2026.
TOKENS_END = date(2027, 4, 30)

log = structlog.get_logger()
_CLIENT = (
    "see in Admin Centre, APIs, OAuth clients that the client {it.subject!r} is there, "
    "confidential, and allows client credentials, and that the secret `client_secret` is its own"
)
#: RFC 6749, 5.2.
_REFUSALS = Refusals(
    SYSTEM,
    (
        # A wall before Zendesk knows no client of ours.
        Rule(403, Meaning.BROKE, frozenset({FOREIGN})),
        *(Rule(status, Meaning.CREDENTIALS, advice=_CLIENT) for status in (400, 401, 403)),
    ),
    unforeseen="see what answers at the base_url of the connection {it.connection!r}, then retry",
)


class _Token(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    access_token: SecretStr
    token_type: str
    #: None: it does not say; it is then renewed when it is refused.
    expires_in: Annotated[float, Field(gt=0)] | None = None


class ClientCredentials(httpx.Auth):
    """Sends the token of an OAuth client with each request; one of it for all calls of a worker."""

    def __init__(
        self,
        config: ConnectionConfig,
        client_id: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = config.base_url.rstrip("/") + _TOKENS
        self._connection = config.name
        self._client_id = client_id
        self._secret = config.secret("client_secret")
        self._timeout = config.timeout_seconds
        self._transport = transport
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0
        self._renewing = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._valid(refused=None)
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Revoked before its end. Nothing was done under it, so a write may go out again.
            token = await self._valid(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    async def _valid(self, *, refused: str | None) -> str:
        """The token in force; a new one in place of one that was refused, unless somebody else has
        renewed it meanwhile."""
        async with self._renewing:
            if self._token is None or self._token == refused or self._clock() >= self._until:
                self._token = None
                asked_at = self._clock()
                found = await self._asked()
                life = found.expires_in or float("inf")
                self._until = asked_at + life - min(_EARLY, life / 10 if life < 1e9 else _EARLY)
                self._token = found.access_token.get_secret_value()
            return self._token

    async def _asked(self) -> _Token:
        body = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret,
            "scope": SCOPE,
            "expires_in": _LIFE,
        }
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, trust_env=False) as client,
                asyncio.timeout(self._timeout),
                client.stream(
                    "POST",
                    self._url,
                    content=orjson.dumps(body),
                    headers=_HEADERS,
                    timeout=None,
                ) as streamed,
            ):
                answer = await whole(streamed)
        except FAULTS as fault:
            raise TransientFailure(
                f"Zendesk gave no token for the connection {self._connection!r} "
                f"({type(fault).__name__}): it is tried again",
                system=SYSTEM,
            ) from None
        except TooLarge:
            raise self._drift(
                "Zendesk's answer to a request for a token is far too large", "$"
            ) from None
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> _Token:
        status = answer.status_code
        if status not in (200, 201):
            raise _REFUSALS.failure(
                status,
                f"Zendesk answered {status} when asked for a token for the connection "
                f"{self._connection!r}",
                RequestContext("give a token", self._connection, self._client_id),
                names=() if _is_told(answer) else (FOREIGN,),
                delay=retry_after(answer),
            )
        try:
            token = _Token.model_validate_json(answer.content)
        except ValidationError:
            raise self._drift("Zendesk's answer to a request for a token is none", "$") from None
        if token.token_type.lower() != "bearer":
            raise self._drift("Zendesk gave a token that is no bearer token", "$.token_type")
        return token

    def _drift(self, said: str, path: str) -> ContractDrift:
        return ContractDrift(
            f"{said}: see what answers at the base_url of the connection {self._connection!r}, and "
            "compare Zendesk's changelog",
            system=SYSTEM,
            payload_path=path,
        )


def _is_told(answer: httpx.Response) -> bool:
    """Whether it is an error of RFC 6749, 5.2, and not of something before Zendesk."""
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(said, dict) and "error" in said


#: Of this process: by the loop that they serve, address, client and secret. Who asks for a moment
#: uses the token that there is already.
_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], ClientCredentials]] = (
    WeakKeyDictionary()
)
#: Connections that were warned of.
_warned: set[str] = set()


def _shared(config: ConnectionConfig, client_id: str) -> ClientCredentials:
    made = ClientCredentials(config, client_id)
    try:
        of_loop = _SHARED.setdefault(asyncio.get_running_loop(), {})
    except RuntimeError:
        return made
    secret = hashlib.sha256(config.secret("client_secret").encode()).hexdigest()
    return of_loop.setdefault((config.base_url, client_id, secret), made)


def _warn(connection: str) -> None:
    if connection in _warned:
        return
    _warned.add(connection)
    log.warning(
        "Zendesk's API tokens end: make an OAuth client of the grant type client credentials, and "
        "set the option client_id and the secret client_secret before that day",
        connection=connection,
        end=str(TOKENS_END),
        days_left=(TOKENS_END - datetime.now(UTC).date()).days,
    )


def authentication(
    config: ConnectionConfig,
    options: ZendeskOptions,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.Auth:
    """As the options say. Raises KeyError without the secret that it takes."""
    if options.client_id is not None:
        if transport is None:
            return _shared(config, options.client_id)
        return ClientCredentials(config, options.client_id, transport=transport)
    _warn(config.name)
    return httpx.BasicAuth(f"{options.email}/token", config.secret("token"))
