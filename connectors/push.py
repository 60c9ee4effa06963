"""One signed POST to an address that a customer has chosen, and to no address that is not public.

The name is resolved here, each of its addresses is looked at, and the connection goes to the very
one that was: a name that means another machine a moment later leads nowhere else. No redirect is
followed, no proxy of the environment asked, and of an answer the first bytes alone are read.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from canonical_models.streams import Answer
from connectors.http import retry_after

#: Seconds for all of it.
BOUND = 20.0
#: Characters of an answer that are kept.
SHOWN = 500
_READ = 2048

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: (host, port) to addresses, as text.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

#: IPv6 addresses that stand for an IPv4 address in their last bytes (RFC 6052, 2.1).
_NAT64 = ip_network("64:ff9b::/96")


class NotAllowed(Exception):
    """The address is none that events may be sent to; the text says why."""


def require_address(url: str, allowed: Sequence[Network]) -> None:
    """What can be seen of an address without asking anybody. Raises NotAllowed."""
    found = _parsed(url)
    try:
        literal = ip_address(found.host)
    except ValueError:
        return
    _require_all([literal], found, allowed)


async def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    allowed: Sequence[Network] = (),
    resolve: Resolve | None = None,
) -> Answer:
    """What the receiver says within BOUND; `allowed` are networks besides the public ones."""
    try:
        async with asyncio.timeout(BOUND):
            found = _parsed(url)
            addresses = await (resolve or _resolve)(found.host, _port(found))
            known = [ip_address(address.partition("%")[0]) for address in addresses]
            _require_all(known, found, allowed)
            return await _first(found, known, headers, body)
    except NotAllowed as fault:
        return Answer(error=str(fault))
    except TimeoutError:
        return Answer(error=f"no answer within {BOUND:g} s")
    except socket.gaierror:
        return Answer(error="the name of its host is not known")
    except (httpx.HTTPError, OSError, ssl.SSLError) as fault:
        return Answer(error=f"{type(fault).__name__}: {fault}".rstrip(": ")[:SHOWN])


async def _first(
    url: httpx.URL, addresses: Sequence[Address], headers: Mapping[str, str], body: bytes
) -> Answer:
    """Of the first address that can be connected to."""
    fault: httpx.HTTPError | None = None
    for address in addresses:
        try:
            return await _to(url, address, headers, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as refused:
            fault = refused
    raise fault or NotAllowed("the name of its host has no address")


async def _to(url: httpx.URL, address: Address, headers: Mapping[str, str], body: bytes) -> Answer:
    client = httpx.AsyncClient(
        verify=_trusted(),
        timeout=httpx.Timeout(None, connect=5),
        trust_env=False,
        follow_redirects=False,
    )
    request = client.build_request(
        "POST",
        url.copy_with(host=str(address)),
        headers={"host": url.netloc.decode(), "accept-encoding": "identity", **headers},
        content=body,
        # The certificate has to be that of the name.
        extensions={"sni_hostname": url.raw_host.decode()},
    )
    async with client:
        answer = await client.send(request, stream=True)
        try:
            return Answer(
                status=answer.status_code,
                body=await _beginning(answer) or None,
                retry_after=retry_after(answer),
            )
        finally:
            await answer.aclose()


async def _beginning(answer: httpx.Response) -> str:
    raw = b""
    async for chunk in answer.aiter_raw():
        raw += chunk
        if len(raw) >= _READ:
            break
    text = raw[:_READ].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:SHOWN]


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted; those of $SSL_CERT_FILE where it is set."""
    return httpx.create_ssl_context(trust_env=True)


def _parsed(url: str) -> httpx.URL:
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise NotAllowed("it is no address") from None
    if found.scheme not in ("https", "http") or not found.host:
        raise NotAllowed("it must be https:// and a host")
    if found.userinfo or found.fragment:
        raise NotAllowed("it must have neither a user nor a fragment: lists show addresses")
    if found.scheme == "http" and not _loopback(found.host):
        raise NotAllowed("it must be https:// outside this machine")
    return found


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require_all(addresses: Sequence[Address], url: httpx.URL, allowed: Sequence[Network]) -> None:
    """One that is not public among several is none by chance."""
    for address in addresses:
        meant = _meant(address)
        if any(meant.version == net.version and meant in net for net in allowed):
            if url.scheme == "https" or meant.is_loopback:
                continue
            raise NotAllowed("it must be https:// outside this machine")
        if not meant.is_global or meant.is_multicast:
            raise NotAllowed(
                f"{url.host} is {meant}, which is no public address: an operator may list its "
                "network in `streams.allowed`"
            )
        if url.scheme == "http":
            raise NotAllowed("it must be https:// outside this machine")


def _meant(address: Address) -> Address:
    """The address that is reached by it in the end."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        return inner or address
    return address


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
