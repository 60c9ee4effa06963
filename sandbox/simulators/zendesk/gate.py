"""What every API request passes before and after its endpoint: faults, credentials, the rate
limit, the journal."""

import asyncio
import base64
import binascii
import secrets

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.simulators.serving import LostConnection
from sandbox.simulators.zendesk.faults import Fault, Faults, RateLimit
from sandbox.simulators.zendesk.oauth import ADMIN, Tokens
from sandbox.simulators.zendesk.store import Store
from sandbox.simulators.zendesk.wire import ApiError, unauthenticated

WRITES = frozenset(["POST", "PUT", "PATCH", "DELETE"])
API = "/api/"


class Gate:
    """Wraps the application with the endpoints. `/_sim/` passes untouched."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: Store,
        faults: Faults,
        rate_limit: RateLimit,
        token: str,
        tokens: Tokens,
    ) -> None:
        self._app = app
        self._store = store
        self._faults = faults
        self._rate_limit = rate_limit
        self._token = token
        self._tokens = tokens

    def close(self) -> None:
        """Release the state file."""
        self._store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        # Zendesk takes every path with and without the suffix.
        scope = {**scope, "path": scope["path"].removesuffix(".json")}
        method, path = scope["method"], scope["path"]
        seq = None
        if method in WRITES:
            key = _headers(scope).get("idempotency-key")
            seq = self._store.journal_arrival(method, path, key)
        fault = self._faults.take(method, path)
        if fault is not None and fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        refusal = self._refusal(scope, fault)
        if refusal is not None:
            outcome = "dropped" if isinstance(refusal, LostConnection) else "refused"
            self._note(seq, outcome, refusal)
            await refusal(scope, receive, send)
            return
        messages = await self._answer(scope, receive)
        if fault is not None and fault.drop == "after":
            self._note(seq, _outcome(messages), None)
            await LostConnection()(scope, receive, send)
            return
        if seq is not None:
            self._store.journal_outcome(seq, _outcome(messages), messages[0]["status"])
        for message in messages:
            await send(message)

    def _refusal(self, scope: Scope, fault: Fault | None) -> Response | None:
        """The answer that keeps the request from its endpoint, or None."""
        if fault is not None:
            if fault.drop == "before":
                return LostConnection()
            refused = fault.refusal()
            if refused is not None:
                return refused.response()
        try:
            scope["zendesk.email"] = self._email(scope)
        except ApiError as unknown:
            return unknown.response()
        too_many = self._rate_limit.admit(scope["method"], scope["path"])
        if too_many is None:
            return None
        answer = too_many.response()
        answer.headers.update(self._rate_limit.headers())
        return answer

    async def _answer(self, scope: Scope, receive: Receive) -> list[Message]:
        """What the endpoint sends, with the rate limit headers; nothing has been sent yet, so
        that the reply can still be lost."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        limits = [(k.lower().encode(), v.encode()) for k, v in self._rate_limit.headers().items()]
        messages[0]["headers"] = [*messages[0]["headers"], *limits]
        return messages

    def _email(self, scope: Scope) -> str:
        """Who calls, by Basic credentials `email/token:TOKEN` or a token of an OAuth client. Raises
        ApiError 401."""
        scheme, _, credentials = _headers(scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._tokens.knows(credentials.strip()):
            return ADMIN
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as broken:
            raise unauthenticated() from broken
        user, _, token = decoded.partition(":")
        email, _, how = user.rpartition("/")
        known = secrets.compare_digest(token.encode(), self._token.encode())
        if scheme.lower() != "basic" or how != "token" or "@" not in email or not known:
            raise unauthenticated()
        return email

    def _note(self, seq: int | None, outcome: str, answer: Response | None) -> None:
        if seq is not None:
            lost = answer is None or isinstance(answer, LostConnection)
            status = None if lost or answer is None else answer.status_code
            self._store.journal_outcome(seq, outcome, status)


def _outcome(messages: list[Message]) -> str:
    start = messages[0]
    if start["status"] >= 400:
        return "refused"
    replayed = (b"x-idempotency-lookup", b"hit") in start["headers"]
    return "replayed" if replayed else "effect"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
