"""The one place where Trueup speaks HTTP to a vendor, and each request passes its governor.

Says of every transport fault whether the vendor can have acted: a request that never left is
transient, a write whose answer is missing is uncertain. What a status code means is the vendor's
own table (`connectors/<vendor>/errors.py`). No retries here: the engine retries.
"""

import asyncio
import math
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import orjson
import structlog
from opentelemetry.trace import SpanKind

from canonical_models.failures import ContractDrift, Failure, TransientFailure, UncertainWrite
from connectors import notices, recording, spans
from connectors.attempts import too_late
from connectors.failpoints import marked
from connectors.governor import Call, Governor
from connectors.misfits import operation_of, reading
from connectors.secrecy import keep_secret

log = structlog.get_logger()

#: An answer larger than this, packed or not, is not one of ours; in bytes.
MAX_ANSWER = 16 * 1024 * 1024

#: Raised before any byte of the request can have reached the vendor.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
#: All that a request can end with in place of an answer. Packed so that it cannot be unpacked is as
#: good as none.
FAULTS = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    TimeoutError,
)

#: (system, method, outcome, seconds): `outcome` is the status code or the fault's name.
Observer = Callable[[str, str, str, float], None]


def _unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
    del system, method, outcome, seconds


class Closing:
    """`async with` closes it at the end."""

    async def close(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()


class TooLarge(Exception):
    """The answer is larger than MAX_ANSWER; no more of it was read."""


class VendorHttp(Closing):
    """An HTTP client of one connection. `system` names it in every failure; without a `governor`
    it has one of its own. Raises ValueError for a `base_url` that is none."""

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: httpx.Auth | tuple[str, str] | None = None,
        timeout_seconds: float = 20,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.system = system
        self._observe = observe or _unobserved
        self._timeout_seconds = timeout_seconds
        self._governor = governor or Governor(system, patience=timeout_seconds, start=8)
        self._client = httpx.AsyncClient(
            base_url=_address(base_url, system),
            # What else an answer might be packed with is not unpacked here.
            headers={"Accept-Encoding": "gzip", **(headers or {})},
            auth=auth,
            # The time of a whole request is bounded below; that of a connection shows who is away.
            timeout=httpx.Timeout(None, connect=5),
            # Many servers close what is idle for five seconds: a write that meets that moment would
            # be one whose answer was lost.
            limits=httpx.Limits(
                max_connections=64, max_keepalive_connections=32, keepalive_expiry=3
            ),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        writes: bool = False,
        headers: Mapping[str, str] | None = None,
        params: Any = None,
        content: bytes | None = None,
        more_seconds: float = 0,
    ) -> httpx.Response:
        """The vendor's answer, whatever its status.

        `more_seconds` come on top of the connection's own time, for a request that is known to
        take long. Together they are for all of the request, from when it has its place (of a write
        `governor.LONGEST_WAIT` later at most): afterwards nothing more of it leaves us.

        Raises NotNow without having asked the vendor, TransientFailure when it cannot have acted
        (or `writes` is false), UncertainWrite when it may have, ContractDrift when the answer is
        far too large.
        """
        patience = self._timeout_seconds + more_seconds
        governor = self._governor
        async with governor.call(self.system, writes=writes, patience=patience) as call:
            if writes and too_late():
                raise TransientFailure(
                    f"{self.system} was not sent {method} {path}: it had waited for too long; it "
                    "is tried again",
                    system=self.system,
                )
            started = time.perf_counter()
            outcome = "fault"
            try:
                with spans.span(
                    f"{method} {self.system}",
                    SpanKind.CLIENT,
                    system=self.system,
                    method=method,
                ) as span:
                    async with (
                        asyncio.timeout(patience),
                        self._client.stream(
                            method,
                            path,
                            headers=spans.carried(marked(headers) if writes else headers),
                            params=params,
                            content=content,
                        ) as streamed,
                    ):
                        status = streamed.status_code
                        outcome = str(status)
                        span.set_attribute("trueup.outcome", status)
                        answer = await whole(streamed)
                call.answered(status, retry_after(answer))
                if (seconds := spent_for(answer)) is not None:
                    call.spent(seconds)
                notices.heard(self.system, answer)
                recording.heard(answer)
                reading(answer.request)
                # What proves who we are, without the name of the scheme.
                keep_secret(answer.request.headers.get("authorization", "").rpartition(" ")[2])
            # Their own text may hold what was sent, secrets too: it goes no further than here.
            except FAULTS as fault:
                outcome = "fault"
                raise self._told(call, fault, f"{method} {path}", writes) from None
            except TooLarge:
                call.answered(int(outcome))
                raise ContractDrift(
                    f"{self.system} answered {method} {path} with more than the {MAX_ANSWER} bytes "
                    "accepted: see what answers at the connection's base address, then retry",
                    system=self.system,
                    payload_path="$",
                    operation=operation_of(streamed.request),
                    change="is larger than any answer was",
                ) from None
            finally:
                took = time.perf_counter() - started
                self._observe(self.system, method, outcome, took)
                _say(self.system, method, outcome, took, writes=writes)
        return answer

    def _told(self, call: Call, fault: Exception, what: str, writes: bool) -> Failure:
        """The failure that a fault of the transport is, and the governor has heard of it."""
        kind = type(fault).__name__
        if isinstance(fault, _NEVER_SENT):
            call.unreachable(kind)
            return TransientFailure(
                f"{self.system} cannot be reached for {what} ({kind}): it is tried again; check "
                "the address and the network",
                system=self.system,
            )
        call.silent(kind)
        words = f"{self.system} gave no answer to {what} ({kind})"
        if writes:
            return UncertainWrite(
                f"{words}: the write may have happened and is looked up before the next try",
                system=self.system,
            )
        return TransientFailure(f"{words}: it is tried again", system=self.system)

    def decode(self, answer: httpx.Response) -> Any:
        """The JSON of an answer. Raises ContractDrift when it is none."""
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError as fault:
            raise ContractDrift(
                f"{self.system} answered {answer.request.method} {answer.request.url.path} with "
                f"status {answer.status_code} and a body that is not JSON ({fault.msg})",
                system=self.system,
                payload_path="$",
                operation=operation_of(answer.request),
                change="was JSON and is none now",
            ) from fault

    async def close(self) -> None:
        await self._client.aclose()


def _address(base_url: str, system: str) -> httpx.URL:
    """Raises ValueError for what is no address of a server."""
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError(
            f"the base_url of the connection to {system} is no address: it is https:// or http:// "
            "and a host"
        )
    return address


async def whole(streamed: httpx.Response) -> httpx.Response:
    """The answer, read and unpacked no further than is accepted. Raises TooLarge, and what is among
    FAULTS."""
    if streamed.is_stream_consumed:
        # A transport that has handed it over whole.
        packed = streamed.content
        encoding = ""
    else:
        parts = bytearray()
        async for part in streamed.aiter_raw():
            parts += part
            if len(parts) > MAX_ANSWER:
                raise TooLarge
        packed = bytes(parts)
        encoding = streamed.headers.get("content-encoding", "").strip().lower()
    content = _unpacked(packed, encoding)
    if len(content) > MAX_ANSWER:
        raise TooLarge
    headers = streamed.headers.copy()
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        headers.pop(name, None)
    return httpx.Response(
        streamed.status_code, headers=headers, content=content, request=streamed.request
    )


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """At most a byte more than is accepted. Raises DecodingError for what is packed otherwise than
    was asked for, or broken off."""
    if not packed or encoding in ("", "identity"):
        return packed
    if encoding not in ("gzip", "x-gzip"):
        raise httpx.DecodingError("the answer is packed in a way that was not asked for")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(packed, MAX_ANSWER + 1)
    except zlib.error as broken:
        raise httpx.DecodingError(str(broken)) from broken
    if not unpacker.eof and len(content) <= MAX_ANSWER:
        raise httpx.DecodingError("the packed answer breaks off")
    return content


def _say(system: str, method: str, outcome: str, took: float, *, writes: bool) -> None:
    """One line for each call that writes or fails; the change that it is for is in the context.
    Reads that are answered are many more, and are in the metrics."""
    if not writes and outcome.startswith("2"):
        return
    log.info(
        "vendor call",
        system=system,
        method=method,
        outcome=outcome,
        writes=writes,
        seconds=round(took, 3),
    )


def spent_for(answer: httpx.Response) -> float | None:
    """Seconds until the vendor takes more, where this answer says that nothing is left of what it
    allows the account; None where something is, or it does not say.

    Source: draft-ietf-httpapi-ratelimit-headers (`RateLimit-Remaining`, `RateLimit-Reset`), and
    https://developer.zendesk.com/api-reference/introduction/rate-limits/. Limits of one endpoint
    have headers of their own, and hold up nothing else.
    """
    if answer.headers.get("ratelimit-remaining", "").strip() != "0":
        return None
    reset = answer.headers.get("ratelimit-reset", "").strip()
    return float(reset) if reset.isascii() and reset.isdigit() else None


def retry_after(answer: httpx.Response, *, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3), at most an hour."""
    value = answer.headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - (now or time.time())
        except ValueError:
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), 3600.0)
