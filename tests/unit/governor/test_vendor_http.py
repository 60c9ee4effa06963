"""The governor at the one place where vendors are spoken to."""

import asyncio
import gzip
import traceback

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.failures import ContractDrift, TransientFailure, UncertainWrite
from connectors.attempts import LANDS_WITHIN, begins_within
from connectors.breaker import FAULTS, State
from connectors.config import ConnectionConfig
from connectors.governor import Governor, NotNow
from connectors.http import MAX_ANSWER, VendorHttp, retry_after
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


def left(said: dict[str, str]) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=said))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "86400"}, 60),
    ],
)
async def test_who_has_used_up_what_the_vendor_allows_asks_no_more_until_it_does(
    said: dict[str, str], seconds: float
) -> None:
    now = [100.0]
    governor = Governor("desk", now=lambda: now[0])
    async with VendorHttp("desk", "http://desk", governor=governor, transport=left(said)) as http:
        await http.send("GET", "/")
        with pytest.raises(NotNow, match="takes nothing more for now") as waits:
            await http.send("PUT", "/", writes=True)
        assert waits.value.retry_after is not None
        assert seconds <= waits.value.retry_after <= seconds * 1.2
        now[0] += seconds
        await http.send("GET", "/")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ratelimit-remaining": "1", "ratelimit-reset": "30"},
        # It does not say until when, or not in seconds.
        {"ratelimit-remaining": "0"},
        {"ratelimit-remaining": "0", "ratelimit-reset": "soon"},
        # Of one endpoint alone.
        {"zendesk-ratelimit-incremental-exports": "total=10; remaining=0; resets=40"},
    ],
)
async def test_what_is_left_or_not_told_holds_nobody_up(said: dict[str, str]) -> None:
    async with VendorHttp("desk", "http://desk", transport=left(said)) as http:
        for _ in range(3):
            await http.send("GET", "/")


async def test_an_answer_that_cannot_be_unpacked_is_none() -> None:
    broken = httpx.MockTransport(
        lambda _: httpx.Response(
            200,
            headers={"content-encoding": "gzip"},
            stream=httpx.ByteStream(b"no gzip"),
        )
    )
    async with VendorHttp("erp", "http://erp", transport=broken) as http:
        with pytest.raises(UncertainWrite, match="DecodingError"):
            await http.send("POST", "/", writes=True)
        with pytest.raises(TransientFailure, match="DecodingError"):
            await http.send("GET", "/")


def answering(content: bytes, **headers: str) -> httpx.MockTransport:
    """A stream, so that it is read and unpacked here."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(
        lambda _: httpx.Response(200, headers=named, stream=httpx.ByteStream(content))
    )


async def test_an_answer_is_unpacked_and_says_so_no_more() -> None:
    packed = gzip.compress(b'{"a": 1}')
    transport = answering(packed, content_encoding="GZIP", content_length=str(len(packed)))
    async with VendorHttp("erp", "http://erp", transport=transport) as http:
        answer = await http.send("GET", "/")
        assert http.decode(answer) == {"a": 1}
    assert answer.headers["content-length"] == "8"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(gzip.compress(b"x" * 99, mtime=0)[:-9], "gzip"), (b"x", "br"), (b"x", "gzip, gzip")],
    ids=["broken off", "br", "twice"],
)
async def test_what_breaks_off_or_is_packed_otherwise_is_no_answer(
    content: bytes, encoding: str
) -> None:
    transport = answering(content, content_encoding=encoding)
    async with VendorHttp("erp", "http://erp", transport=transport) as http:
        with pytest.raises(TransientFailure, match="DecodingError"):
            await http.send("GET", "/")


async def test_nothing_packed_is_nothing() -> None:
    async with VendorHttp(
        "erp", "http://erp", transport=answering(b"", content_encoding="gzip")
    ) as http:
        assert (await http.send("GET", "/")).content == b""


@pytest.mark.parametrize("packed", [False, True])
async def test_more_than_is_accepted_is_not_taken(packed: bool) -> None:
    most = bytes(MAX_ANSWER)
    for content, taken in ((most, True), (most + b"x", False)):
        transport = (
            answering(gzip.compress(content, 1), content_encoding="gzip")
            if packed
            else answering(content)
        )
        governor = Governor("erp-de")
        http = VendorHttp("erp", "http://erp", transport=transport, governor=governor)
        if taken:
            assert len((await http.send("GET", "/")).content) == MAX_ANSWER
        else:
            with pytest.raises(ContractDrift, match=f"more than the {MAX_ANSWER} bytes"):
                await http.send("GET", "/")
        await http.close()
        # It was there, and said something.
        assert governor.breaker.heard_at > 0
        assert governor.in_flight == 0


@pytest.mark.parametrize("address", ["erp.example.com", "ftp://erp", "https://", "http://erp:x"])
def test_what_is_no_address_is_refused_when_the_adapter_is_made(address: str) -> None:
    with pytest.raises(ValueError, match="the base_url of the connection to erp is no address"):
        VendorHttp("erp", address)


async def test_what_httpx_says_of_a_header_goes_no_further() -> None:
    """Its text holds the header, and that may hold a key."""
    fault = httpx.LocalProtocolError("Illegal header value b'Bearer planted'")
    async with VendorHttp("erp", "http://erp", transport=raising(fault)) as http:
        with pytest.raises(UncertainWrite) as caught:
            await http.send("POST", "/", writes=True)
    shown = "".join(traceback.format_exception(caught.value))
    assert "planted" not in shown
    assert "LocalProtocolError" in shown


def raising(fault: Exception) -> httpx.MockTransport:
    def respond(_request: httpx.Request) -> httpx.Response:
        raise fault

    return httpx.MockTransport(respond)


@pytest.mark.parametrize("secret", ["key\n", "schlüssel", "a\x00b"])
def test_a_secret_that_no_header_can_carry_is_named(secret: str) -> None:
    config = ConnectionConfig(
        name="erp-de", vendor="tryton", base_url="http://erp", secrets={"key": SecretStr(secret)}
    )
    with pytest.raises(ValueError, match=r"'erp-de'.*'key'.*copy it once more") as caught:
        config.header_secret("key")
    assert secret not in str(caught.value)


async def test_a_long_request_has_more_time_than_the_connection_gives_any_other() -> None:
    """Not a time of its own: what counts on the connection's would take a write for landed."""
    vendor, governor = Vendor(), Governor("erp-de", patience=0.05)
    vendor.answer = None
    async with speaking(vendor, governor, 0.05) as http:
        async with asyncio.timeout(LANDS_WITHIN / 4):
            with pytest.raises(UncertainWrite):
                await http.send("POST", "/", writes=True, more_seconds=line_seconds(1))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999", 3600.0),
        ("nan", None),
        ("soon", None),
        # RFC 9110, 5.6.7, ten seconds on, and long ago.
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
    ],
)
def test_how_long_to_wait_is_read_in_seconds_or_as_a_day(
    header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {"retry-after": header}
    at = 784_111_777.0
    assert retry_after(httpx.Response(429, headers=headers), now=at) == seconds


async def test_an_answer_that_is_larger_than_any_should_be_is_drift(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.http.MAX_ANSWER", 3)
    answering = httpx.MockTransport(lambda _: httpx.Response(200, content=b"four"))
    async with VendorHttp("erp", "http://erp", transport=answering) as http:
        with pytest.raises(ContractDrift, match="GET /x with more than the 3 bytes"):
            await http.send("GET", "/x")


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
