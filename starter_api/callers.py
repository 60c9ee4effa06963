"""Who sends, as far as that is known before anything is looked up, and how much they may send.

The address of a client is the connection's other end. Where that is a proxy of ours, it is what the
proxy says: the last hop that is not one of ours, since whatever stands before it anybody may have
written. One header is read: a proxy that sets the one lets the other through as its client sent it.

Requests are counted in this process, a minute at a time. Those with a key that is known to be good
count for the key, all others for their address: who guesses keys soon has none looked up, and takes
nothing from the keys at work that share the address.
"""

import hashlib
import re
import secrets
import time
import zlib
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import Counter
from starlette.responses import Response
from starlette.types import Scope

from runtime.security import Reason
from runtime.settings import ApiSettings
from starter_api.problems import problem
from starter_api.refusals import refused

#: Addresses are counted in so many places, which each process draws anew: many addresses take no
#: memory, and who shares a place with a stranger does not do so in the next process.
_PLACES = 4096

#: The `for` of one hop, quoted or not (RFC 7239, section 4).
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*"?([^";]*)', re.IGNORECASE)

LIMITED = Counter(
    "trueup_api_limited",
    "Requests that were refused because there were too many: of a key, of an address without a "
    "known key, or of webhooks with a bad signature.",
    ("whose",),
)

_WORDS = {
    "key": "this API key may send {} requests a minute",
    "address": "an address may send {} requests a minute without an API key that is known",
    "forged": "an address may send {} webhooks a minute whose signature is not good",
}

Whose = Literal["key", "address", "forged"]


class Callers:
    """What one process of the API knows of those who call it."""

    def __init__(self, settings: ApiSettings) -> None:
        self._proxies = settings.trusted_proxies
        self._header = settings.proxy_header.encode()
        self._limits = {
            whose: RateLimitItemPerMinute(most)
            for whose, most in settings.limits.model_dump().items()
            if most
        }
        self._counts = FixedWindowRateLimiter(MemoryStorage())
        self._salt = secrets.token_bytes(8)
        self._good: set[str] = set()

    def address(self, scope: Scope) -> str:
        """The client's; empty where the server knows none. From then on `client` of the scope has
        it, for limits, logs and whatever is written down."""
        client = scope.get("client")
        address = _address(client[0]) if client else None
        if address is None:
            return ""
        if self._ours(address):
            for hop in reversed(self._hops(scope)):
                # Who writes no address is none of ours, whatever stands before it.
                if (before := _address(hop)) is None:
                    break
                address = before
                if not self._ours(address):
                    break
        scope["client"] = (str(address), client[1] if client else 0)
        return str(address)

    def good(self, key: str) -> None:
        """The key has been looked up, and is good: from now on it counts by itself."""
        self._good.add(_digest(key.encode()))

    def bad(self, key: str) -> None:
        """It is not, or not any more."""
        self._good.discard(_digest(key.encode()))

    def limited(self, scope: Scope) -> Response | None:
        """How a request is refused that is one too many; None where it may go on. This and the next
        count for the `address` as it was found."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = _digest(value.partition(b" ")[2].strip())
                if key in self._good:
                    return self._refused(scope, "key", key)
        return self._refused(scope, "address", self._place(scope))

    def forged(self, scope: Scope) -> Response | None:
        """The same of a webhook whose signature is not good."""
        return self._refused(scope, "forged", self._place(scope))

    def _refused(self, scope: Scope, whose: Whose, name: str) -> Response | None:
        limit = self._limits.get(whose)
        if limit is None or self._counts.hit(limit, whose, name):
            return None
        LIMITED.labels(whose).inc()
        words = _WORDS[whose].format(limit.amount)
        refused(scope, Reason.TOO_MANY, words)
        ends = self._counts.get_window_stats(limit, whose, name).reset_time
        seconds = max(1, round(ends - time.time()))
        return problem(
            429,
            "too-many-requests",
            words,
            headers={"retry-after": str(seconds), "connection": "close"},
            remedy=f"send it again in {seconds} seconds",
        )

    def _place(self, scope: Scope) -> str:
        client = scope.get("client")
        said = client[0] if client else ""
        address = _address(said)
        if isinstance(address, IPv6Address):
            # Whoever has one of these addresses has all of its network.
            said = str(IPv6Network((address, 64), strict=False))
        return str(zlib.crc32(said.encode(), zlib.crc32(self._salt)) % _PLACES)

    def _ours(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._proxies)

    def _hops(self, scope: Scope) -> Sequence[str]:
        """As the proxies wrote them, ours last."""
        lines = [
            value.decode("latin-1") for name, value in scope["headers"] if name == self._header
        ]
        hops = ",".join(lines).split(",") if lines else []
        if self._header == b"forwarded":
            return [found[1] if (found := _FOR.search(hop)) else "" for hop in hops]
        return hops


def _address(said: str) -> IPv4Address | IPv6Address | None:
    """As a hop is written: with a port or without, an IPv6 address in brackets or not."""
    said = said.strip()
    if said.startswith("["):
        said = said[1:].partition("]")[0]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        address = ip_address(said)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
