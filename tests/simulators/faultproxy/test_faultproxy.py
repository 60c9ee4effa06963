"""Every action of the fault proxy, seen from a real client over a real socket."""

import asyncio
import gzip
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio

from sandbox.simulators.child import running_child
from tests.harness.lost_replies import LOST_REPLY
from tests.harness.waiting import until


class Upstream:
    """A server that keeps the raw bytes it was sent and answers with given raw bytes."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.reply = b""
        self.url = ""

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One request a connection, as the proxy opens one for each."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        self.seen.append(head + await reader.readexactly(length))
        writer.write(self.reply)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest_asyncio.fixture(scope="module")
async def upstream() -> AsyncGenerator[Upstream]:
    server_side = Upstream()
    server = await asyncio.start_server(server_side.handle, "127.0.0.1", 0)
    server_side.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield server_side


@pytest_asyncio.fixture(scope="module")
async def proxy_url(upstream: Upstream) -> AsyncGenerator[str]:
    async with running_child("sandbox.simulators.faultproxy", "--upstream", upstream.url) as child:
        yield child.url


@pytest_asyncio.fixture
async def client(proxy_url: str, upstream: Upstream) -> AsyncGenerator[httpx.AsyncClient]:
    upstream.seen.clear()
    upstream.reply = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-From: up\r\n\r\ndone"
    async with httpx.AsyncClient(base_url=proxy_url, trust_env=False, timeout=10) as client:
        await client.delete("/_proxy/faults")
        await client.delete("/_proxy/requests")
        yield client


async def arm(client: httpx.AsyncClient, **rule: object) -> None:
    reply = await client.post("/_proxy/faults", json=[rule])
    assert reply.status_code == 201


async def journal(client: httpx.AsyncClient) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = (await client.get("/_proxy/requests")).json()["requests"]
    return entries


async def test_forwards_bytes_headers_and_query_untouched(
    client: httpx.AsyncClient, upstream: Upstream, proxy_url: str
) -> None:
    body = b"\x00\xff raw \r\n bytes"
    request = httpx.Request(
        "POST",
        proxy_url,
        headers=[("x-twice", "1"), ("x-twice", "2"), ("user-agent", "me"), ("cookie", "a=b")],
        content=body,
        extensions={"target": b"/a%2Fb/../c//d?q=%20+x&q=2&empty="},
    )
    reply = await client.send(request)

    assert (reply.status_code, reply.text) == (201, "done")
    head, _, sent_body = upstream.seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a%2Fb/../c//d?q=%20+x&q=2&empty= HTTP/1.1"
    assert sent_body == body
    assert {line.lower() for line in lines[1:]} == {
        b"x-twice: 1",
        b"x-twice: 2",
        b"user-agent: me",
        b"cookie: a=b",
        b"content-length: " + str(len(body)).encode(),
        b"host: " + proxy_url.removeprefix("http://").encode(),
    }


async def test_returns_the_reply_as_it_came(client: httpx.AsyncClient, upstream: Upstream) -> None:
    packed = gzip.compress(b"payload")
    upstream.reply = (
        b"HTTP/1.1 418 Teapot\r\nContent-Encoding: gzip\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    )
    async with client.stream("GET", "/teapot") as reply:
        raw = b"".join([part async for part in reply.aiter_raw()])

    assert reply.status_code == 418
    assert raw == packed
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "server" not in reply.headers


async def test_drop_before_loses_the_request(client: httpx.AsyncClient, upstream: Upstream) -> None:
    await arm(client, method="POST", path_regex="^/orders", action="drop_before")

    with pytest.raises(LOST_REPLY):
        await client.post("/orders", json={})
    assert upstream.seen == []

    assert (await client.post("/orders", json={})).status_code == 201
    first, second = await journal(client)
    assert (first["action"], first["forwarded"], first["status"]) == ("drop_before", False, None)
    assert (second["action"], second["forwarded"], second["status"]) == ("forward", True, 201)


async def test_drop_after_loses_only_the_reply(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    await arm(client, action="drop_after")

    with pytest.raises(LOST_REPLY):
        await client.put("/orders/1?x=1", json={"a": 1})

    assert len(upstream.seen) == 1
    (entry,) = await journal(client)
    assert (entry["path"], entry["forwarded"], entry["status"]) == ("/orders/1?x=1", True, None)


async def test_reset_is_a_tcp_reset(client: httpx.AsyncClient, upstream: Upstream) -> None:
    await arm(client, action="reset")

    with pytest.raises(httpx.ReadError) as lost:
        await client.get("/x")

    cause: BaseException | None = lost.value
    causes = []
    while cause is not None:
        causes.append(type(cause))
        cause = cause.__cause__ or cause.__context__
    assert ConnectionResetError in causes
    assert upstream.seen == []


async def test_status_answers_in_the_upstreams_place(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    await arm(
        client,
        action="status",
        status=429,
        body='{"error":"slow down"}',
        headers={"retry-after": "7"},
    )

    reply = await client.get("/x")

    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    assert reply.json() == {"error": "slow down"}
    assert upstream.seen == []


async def test_status_may_come_after_the_effect(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    await arm(client, action="status", status=500, forward=True)

    assert (await client.post("/x")).status_code == 500
    assert len(upstream.seen) == 1


async def test_delay_forwards_late(client: httpx.AsyncClient, upstream: Upstream) -> None:
    await arm(client, action="delay", delay_ms=60_000, times=1)

    with pytest.raises(httpx.ReadTimeout):
        await client.get("/slow", timeout=0.1)
    assert upstream.seen == []

    await arm(client, action="delay", delay_ms=5)
    assert (await client.get("/slow")).text == "done"


async def test_garbage_replaces_the_body_after_the_effect(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.reply = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    await arm(client, action="garbage")

    reply = await client.get("/x")

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert len(upstream.seen) == 1


async def test_a_rule_ends_with_its_time(client: httpx.AsyncClient) -> None:
    await arm(client, action="status", status=503, times=None, seconds=0.5)

    async def answered() -> bool:
        return (await client.get("/db/")).status_code != 503

    assert not await answered()
    await until(answered, "the rule is over")


async def test_matching_skip_times_and_counters(client: httpx.AsyncClient) -> None:
    await arm(
        client,
        method="post",
        path_regex="^/db/$",
        body_contains="model.invoice.create",
        action="status",
        skip=1,
        times=2,
    )

    answers = [
        (await client.post(path, content=body)).status_code
        for path, body in [
            ("/db/", "model.party.read"),
            ("/other", "model.invoice.create"),
            ("/db/", "model.invoice.create 1"),
            ("/db/", "model.invoice.create 2"),
            ("/db/", "model.invoice.create 3"),
            ("/db/", "model.invoice.create 4"),
        ]
    ]

    assert answers == [201, 201, 201, 503, 503, 201]
    (rule,) = (await client.get("/_proxy/faults")).json()["faults"]
    assert (rule["seen"], rule["fired"]) == (3, 2)


async def test_a_header_is_matched_and_one_rule_dropped(client: httpx.AsyncClient) -> None:
    await arm(client, action="status", carrying={"x-point": "a"}, times=None)
    await arm(client, action="status", status=500, carrying={"x-point": "b"}, times=None)

    async def answers() -> list[int]:
        said = [{"X-Point": "a"}, {"X-Point": "b"}, {"X-Point": "ab"}, {}]
        return [(await client.get("/x", headers=headers)).status_code for headers in said]

    assert await answers() == [503, 500, 201, 201]
    first = (await client.get("/_proxy/faults")).json()["faults"][0]["id"]
    for _ in range(2):
        assert (await client.delete(f"/_proxy/faults/{first}")).status_code == 204
    assert await answers() == [201, 500, 201, 201]


async def test_unlimited_until_cleared(client: httpx.AsyncClient) -> None:
    await arm(client, action="status", status=502, times=None)
    assert [(await client.get("/x")).status_code for _ in range(3)] == [502, 502, 502]

    await client.delete("/_proxy/faults")
    assert (await client.get("/x")).status_code == 201


@pytest.mark.parametrize(
    "rule",
    [{"action": "explode"}, {"action": "drop_before", "path_regex": "("}, {"acton": "reset"}, 5],
)
async def test_a_rule_it_does_not_understand_is_refused(
    client: httpx.AsyncClient, rule: object
) -> None:
    assert (await client.post("/_proxy/faults", json=[rule])).status_code == 422
    assert (await client.get("/_proxy/faults")).json() == {"faults": []}


async def test_what_the_upstream_loses_is_lost(
    client: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.reply = b""
    with pytest.raises(LOST_REPLY):
        await client.get("/x")


async def test_an_absent_upstream_is_a_bad_gateway() -> None:
    server = await asyncio.start_server(Upstream().handle, "127.0.0.1", 0)
    absent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    async with (
        running_child("sandbox.simulators.faultproxy", "--upstream", absent) as child,
        httpx.AsyncClient(base_url=child.url, trust_env=False) as client,
    ):
        assert (await client.get("/x")).status_code == 502


async def test_stops_cleanly_on_a_signal_and_at_the_end_of_stdin(upstream: Upstream) -> None:
    async with running_child("sandbox.simulators.faultproxy", "--upstream", upstream.url) as child:
        child.process.terminate()
        assert await asyncio.wait_for(child.process.wait(), 10) == 0

    async with running_child("sandbox.simulators.faultproxy", "--upstream", upstream.url) as child:
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert await asyncio.wait_for(child.process.wait(), 10) == 0
