"""The governor at the one place where vendors are spoken to."""

import asyncio

import httpx
import pytest

from canonical_models.failures import TransientFailure, UncertainWrite
from connectors.attempts import LANDS_WITHIN, begins_within
from connectors.breaker import FAULTS, State
from connectors.governor import Governor, NotNow
from connectors.http import VendorHttp
from connectors.tryton.wanted import line_seconds


class Vendor(httpx.AsyncBaseTransport):
    """Answers with a status, fails with a fault, or, with None, never answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: int | Exception | None = 200

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        match self.answer:
            case int():
                return httpx.Response(self.answer, request=request)
            case None:
                await asyncio.get_running_loop().create_future()
                raise AssertionError("a future that nobody sets has come")
            case fault:
                raise fault


def speaking(vendor: Vendor, governor: Governor, seconds: float = 20) -> VendorHttp:
    return VendorHttp(
        "erp", "http://erp", timeout_seconds=seconds, governor=governor, transport=vendor
    )


async def test_while_it_is_away_nothing_is_sent() -> None:
    vendor, governor = Vendor(), Governor("erp-de")
    vendor.answer = httpx.ConnectError("refused")
    async with speaking(vendor, governor) as http:
        for _ in range(FAULTS):
            with pytest.raises(TransientFailure, match="cannot be reached"):
                await http.send("POST", "/", writes=True)
        with pytest.raises(NotNow):
            await http.send("POST", "/", writes=True)
    assert vendor.asked == FAULTS


async def test_a_whole_request_has_one_end() -> None:
    """What trickles in is not waited for longer than the connection's time."""
    vendor, governor = Vendor(), Governor("erp-de", patience=0.05)
    vendor.answer = None
    async with speaking(vendor, governor, 0.05) as http:
        with pytest.raises(UncertainWrite, match="no answer"):
            await http.send("POST", "/", writes=True)
        with pytest.raises(TransientFailure, match="no answer"):
            await http.send("GET", "/")
    assert governor.limiter.limit == 1


async def test_a_long_request_has_more_time_than_the_connection_gives_any_other() -> None:
    """Not a time of its own: what counts on the connection's would take a write for landed."""
    vendor, governor = Vendor(), Governor("erp-de", patience=0.05)
    vendor.answer = None
    async with speaking(vendor, governor, 0.05) as http:
        async with asyncio.timeout(LANDS_WITHIN / 4):
            with pytest.raises(UncertainWrite):
                await http.send("POST", "/", writes=True, more_seconds=line_seconds(1))


async def test_a_refusal_for_too_many_takes_one() -> None:
    vendor, governor = Vendor(), Governor("erp-de")
    vendor.answer = 429
    async with speaking(vendor, governor) as http:
        assert (await http.send("GET", "/")).status_code == 429
    assert governor.limiter.limit == 1
    assert governor.breaker.state is State.CLOSED


async def test_a_write_that_was_let_go_too_long_ago_is_not_sent() -> None:
    vendor, governor = Vendor(), Governor("erp-de")
    async with speaking(vendor, governor) as http:
        with begins_within(-1), pytest.raises(TransientFailure, match="waited for too long"):
            await http.send("POST", "/", writes=True)
        with begins_within(-1):
            assert (await http.send("GET", "/")).status_code == 200
    assert vendor.asked == 1
    assert governor.in_flight == 0
