"""POST /webhooks/{tenant}/{connection}: authentic events are on disk before they are answered.

A bare ASGI endpoint, because it is the hottest path: read, prove the origin, keep, answer. What an
event means is decided by the dispatcher. Temporal is never called here.

    202 {receipt, status}  a new event; `dead_lettered` if it is authentic but cannot be read
    200 {receipt, status}  a duplicate, with the receipt of the first
    401 404 405 429 503    application/problem+json, and nothing was kept; 429 instead of 401 for an
                           address that has sent too many with a bad signature
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from prometheus_client import Counter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors import spans
from connectors.ports import SignatureRefused, UnreadableEvent, WebhookTranslator
from persistence.change_queue import change_id
from persistence.inbox_writer import Delivery, InboxUnavailable, InboxWriter, Kept, storable
from runtime.security import Reason
from starter_api.callers import Callers
from starter_api.problems import problem
from starter_api.refusals import refused

PREFIX = "/webhooks/"

_RETRY_AFTER_S = "5"

_WORD = re.compile(r"[!-~]{1,255}")

EVENTS = Counter(
    "trueup_intake_events",
    "Webhooks by what became of them: accepted, duplicate, dead_lettered, refused, unavailable.",
    ("tenant", "connection", "result"),
)
STRAYS = Counter(
    "trueup_intake_strays",
    "Requests to the intake that are no event of a known connection.",
    ("result",),
)


@dataclass(frozen=True)
class IntakeConnection:
    """How the events of one connection are authenticated. `secrets` are tried in any order. What is
    of an account in `connected` is kept for the connection that it names."""

    translator: WebhookTranslator
    secrets: tuple[str, ...]
    connected: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def whose(self, key: tuple[str, str], body: bytes) -> tuple[str, str]:
        """Tenant and connection of an authentic event that has come to the one of `key`."""
        account = self.translator.account(body) if self.connected else None
        return key if account is None else self.connected.get(account, key)


class Intake:
    """The endpoint. `connections` is keyed by (tenant, connection)."""

    def __init__(
        self,
        connections: Mapping[tuple[str, str], IntakeConnection],
        writer: InboxWriter,
        callers: Callers,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._callers = callers
        self._clock = clock
        self._counters = {
            (*key, result): EVENTS.labels(*key, result)
            for key in connections
            for result in ("accepted", "duplicate", "dead_lettered", "refused", "unavailable")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        if isinstance(answer, Kept):
            await _acknowledge(answer, send)
        elif answer is not None:
            await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Kept | Response | None:
        if scope["method"] != "POST":
            return _stray(405, "method-not-allowed", "webhooks are POSTed", {"allow": "POST"})
        tenant, _, name = scope["path"].removeprefix(PREFIX).partition("/")
        key = (tenant, name)
        connection = self._connections.get(key)
        if connection is None:
            refused(scope, Reason.UNKNOWN_CONNECTION, "no connection takes webhooks there")
            return _stray(
                404,
                "unknown-connection",
                "no connection of that tenant and name takes webhooks: compare the address with "
                "the configuration",
            )
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        body = await _read(receive)
        return None if body is None else await self._keep(scope, key, connection, headers, body)

    async def _keep(
        self,
        scope: Scope,
        key: tuple[str, str],
        connection: IntakeConnection,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Kept | Response:
        translator = connection.translator
        try:
            translator.verify(headers, body, secrets=connection.secrets, now=self._clock())
        except SignatureRefused as refusal:
            self._counters[*key, "refused"].inc()
            refused(scope, Reason.SIGNATURE, str(refusal), tenant=key[0], who=key[1])
            return self._callers.forged(scope) or problem(401, "signature-refused", str(refusal))
        key = connection.whose(key, body)
        delivery = _delivery(key, translator, body)
        traced = time.time_ns() if spans.tracer() else 0
        try:
            kept = await self._writer.keep(delivery)
        except InboxUnavailable as fault:
            self._counters[*key, "unavailable"].inc()
            return problem(
                503,
                "inbox-unavailable",
                f"the event was not kept ({fault}): send it again",
                headers={"retry-after": _RETRY_AFTER_S},
            )
        if kept.duplicate:
            result = "duplicate"
        else:
            result = "dead_lettered" if kept.status == "dead_lettered" else "accepted"
        self._counters[*key, result].inc()
        if traced and result == "accepted":
            _trace(delivery, kept, traced)
        return kept


def _trace(delivery: Delivery, kept: Kept, since_ns: int) -> None:
    spans.received(
        change_id(delivery.tenant, delivery.connection, delivery.event_id),
        since_ns,
        tenant=delivery.tenant,
        connection=delivery.connection,
        receipt=kept.receipt,
        status=kept.status,
    )


async def _acknowledge(kept: Kept, send: Send) -> None:
    """Without a Response object, which costs as much as the signature check."""
    body = orjson.dumps({"receipt": kept.receipt, "status": kept.status})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    status = 200 if kept.duplicate else 202
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes | None:
    """The body, or None when the sender has gone. How much and how long: `starter_api.wire`."""
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    if message.get("more_body"):
        body = bytearray(body)
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
    return bytes(body) if message["type"] == "http.request" else None


def _delivery(key: tuple[str, str], translator: WebhookTranslator, body: bytes) -> Delivery:
    """As it is kept: a dead letter if it cannot be read, known again by its whole body."""
    try:
        event_id, event_type = translator.envelope(body)
        if _WORD.fullmatch(event_id) and _WORD.fullmatch(event_type):
            return Delivery(*key, event_id, event_type, body)
        reason = "id and type of an event are 1 to 255 printable characters without spaces"
    except UnreadableEvent as unreadable:
        reason = storable(str(unreadable))
    digest = hashlib.sha256(body).hexdigest()
    return Delivery(*key, f"sha256:{digest}", "unreadable", body, reason)


def _stray(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    STRAYS.labels(code).inc()
    return problem(status, code, detail, headers=headers)
