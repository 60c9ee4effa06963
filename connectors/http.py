"""The one place where Trueup speaks HTTP to a vendor, and each request passes its governor.

Says of every transport fault whether the vendor can have acted: a request that never left is
transient, a write whose answer is missing is uncertain. What a status code means is the vendor's
own table (`connectors/<vendor>/errors.py`). No retries here: the engine retries.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import orjson

from canonical_models.failures import ContractDrift, Failure, TransientFailure, UncertainWrite
from connectors.attempts import too_late
from connectors.failpoints import marked
from connectors.governor import Call, Governor

#: An answer larger than this is not one of ours; in bytes.
MAX_ANSWER = 16 * 1024 * 1024

#: Raised before any byte of the request can have reached the vendor.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

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


class VendorHttp(Closing):
    """An HTTP client of one connection. `system` names it in every failure; without a `governor`
    it has one of its own."""

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
            base_url=base_url,
            headers=headers,
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
                async with asyncio.timeout(patience):
                    answer = await self._client.request(
                        method,
                        path,
                        headers=marked(headers) if writes else headers,
                        params=params,
                        content=content,
                    )
                outcome = str(answer.status_code)
                call.answered(answer.status_code, retry_after(answer))
            except (httpx.TransportError, TimeoutError) as fault:
                raise self._told(call, fault, f"{method} {path}", writes) from fault
            finally:
                self._observe(self.system, method, outcome, time.perf_counter() - started)
        if len(answer.content) > MAX_ANSWER:
            raise ContractDrift(
                f"{self.system} answered {method} {path} with {len(answer.content)} bytes, more "
                f"than the {MAX_ANSWER} accepted",
                system=self.system,
            )
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
            ) from fault

    async def close(self) -> None:
        await self._client.aclose()


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
