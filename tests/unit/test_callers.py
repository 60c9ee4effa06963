"""Whose address a request has: the nearest hop that is not one of our proxies."""

from typing import Any

import pytest
from pydantic import ValidationError

from runtime.settings import ApiSettings
from starter_api.callers import Callers

PROXIES = ("10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1/32")


def asked(peer: str | None, *lines: str, header: str = "x-forwarded-for") -> dict[str, Any]:
    headers = [(header.encode(), line.encode()) for line in lines]
    return {
        "method": "GET",
        "path": "/v1/changes",
        "client": None if peer is None else (peer, 4711),
        "headers": headers,
    }


def callers(**more: Any) -> Callers:
    return Callers(ApiSettings.model_validate({"trusted_proxies": PROXIES, **more}))


@pytest.mark.parametrize(
    ("scope", "address"),
    [
        (asked("203.0.113.9"), "203.0.113.9"),
        (asked(None), ""),
        (asked(""), ""),
        # A stranger says what it likes.
        (asked("203.0.113.9", "198.51.100.1"), "203.0.113.9"),
        (asked("10.0.0.1", "198.51.100.1"), "198.51.100.1"),
        (asked("10.0.0.1", "6.6.6.6, 198.51.100.1"), "198.51.100.1"),
        (asked("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.2.3.4"), "198.51.100.1"),
        (asked("10.0.0.1", "6.6.6.6", "198.51.100.1", "10.2.3.4"), "198.51.100.1"),
        (asked("10.0.0.1", "10.9.9.9, 10.2.3.4"), "10.9.9.9"),
        (asked("10.0.0.1", "198.51.100.1:1234"), "198.51.100.1"),
        (asked("2001:db8:1::7", "[2001:db8:9::1]:443"), "2001:db8:9::1"),
        (asked("::ffff:10.0.0.1", "2001:DB8:9::1"), "2001:db8:9::1"),
        (asked("10.0.0.1"), "10.0.0.1"),
        (asked("10.0.0.1", ""), "10.0.0.1"),
        (asked("10.0.0.1", "unknown"), "10.0.0.1"),
        (asked("10.0.0.1", "198.51.100.1, unknown"), "10.0.0.1"),
        (asked("10.0.0.1", "198.51.100.1, <script>, 10.2.3.4"), "10.2.3.4"),
        # The other header is the client's own.
        (asked("10.0.0.1", "for=6.6.6.6", header="forwarded"), "10.0.0.1"),
    ],
)
def test_the_address_of_a_client(scope: dict[str, Any], address: str) -> None:
    known = callers()
    assert known.address(scope) == address
    # Whoever asks the request itself reads the same, and so does who asks again.
    assert not address or scope["client"] == (address, 4711)
    assert known.address(scope) == address


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ("For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"),
        ('proto=https; for="[2001:db8:9::1]:4711"', "2001:db8:9::1"),
        ("for=6.6.6.6, for=198.51.100.1, for=10.2.3.4", "198.51.100.1"),
        ("for=6.6.6.6, proto=https", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
    ],
)
def test_the_standard_header_where_the_proxy_sets_that(line: str, address: str) -> None:
    scope = asked("10.0.0.1", line, header="forwarded")
    assert callers(proxy_header="forwarded").address(scope) == address
    other = asked("10.0.0.1", "6.6.6.6")
    assert callers(proxy_header="forwarded").address(other) == "10.0.0.1"


def test_nobody_is_believed_unless_it_is_said() -> None:
    scope = asked("127.0.0.1", "198.51.100.1")
    assert Callers(ApiSettings()).address(scope) == "127.0.0.1"


def test_who_has_one_address_of_a_network_has_all() -> None:
    counted = callers(limits={"address": 2})
    for last in ("1", "2"):
        assert counted.limited(asked(f"2001:db8:7::{last}")) is None
    assert counted.limited(asked("2001:db8:7::3")) is not None


@pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy.example.com", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_refused(network: str) -> None:
    with pytest.raises(ValidationError):
        ApiSettings.model_validate({"trusted_proxies": [network]})
