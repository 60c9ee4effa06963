"""Rules from a file, a seed, an upstream behind TLS, and what the proxy tells of what it did."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from sandbox.simulators.child import running_child
from sandbox.simulators.faultproxy.rules import ArmedRule, Rule
from sandbox.simulators.faultproxy.script import NoRule, read_rules, rule_of
from tests.harness.lost_replies import LOST_REPLY
from tests.harness.waiting import until

MODULE = "sandbox.simulators.faultproxy"


class Upstream:
    """Answers with the host that it was asked by."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        host = next(line[6:] for line in head if line.lower().startswith("host: "))
        self.seen.append(head[0])
        body = host.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def upstream(trusted: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Upstream, str]]:
    behind = Upstream()
    server = await asyncio.start_server(behind.handle, "127.0.0.1", 0, ssl=trusted)
    scheme, name = ("http", "127.0.0.1") if trusted is None else ("https", "localhost")
    async with server:
        yield behind, f"{scheme}://{name}:{server.sockets[0].getsockname()[1]}"


async def answers(url: str, paths: Sequence[str]) -> list[int | None]:
    """Their statuses; None for no answer."""
    found: list[int | None] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for path in paths:
            try:
                found.append((await client.post(path)).status_code)
            except LOST_REPLY:
                found.append(None)
    return found


def test_a_line_is_a_rule() -> None:
    line = "POST ^/v1/x  status  status=503 Retry-After=3 seconds=60 chance=0.2 body='not now'"
    rule = rule_of(line, where="here")
    assert rule == Rule(
        method="POST",
        path_regex="^/v1/x",
        action="status",
        status=503,
        headers={"retry-after": "3"},
        seconds=60,
        chance=0.2,
        times=None,
        body="not now",
    )
    assert rule_of("* . drop_after", where="here") == Rule(path_regex=".", action="drop_after")
    assert rule_of("* . reset times=all forward=true", where="here").times is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("POST ^/v1/", "a method or"),
        ("POST ( drop_after", "path_regex"),
        ("POST . explode", "action"),
        ("POST . status status=9", "status"),
        ("POST . status times=0", "times"),
        ("POST . status chance=2", "chance"),
        ("POST . status once", "no name=value"),
        ("POST . status body='open", "a method or"),
    ],
)
def test_what_is_no_rule_is_told_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "faults.txt"
    file.write_text(f"# faults\n\n{line}\n", encoding="utf-8")
    with pytest.raises(NoRule, match=f"faults.txt, line 3: .*{why}"):
        read_rules(file)


def test_a_seed_decides_what_a_chance_hits() -> None:
    rule = Rule(action="reset", chance=0.5, times=None)

    def hits(seed: int) -> list[bool]:
        armed = ArmedRule(1, rule, seed)
        return [armed.take("GET", "/", b"", {}) for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 60 < sum(hits(1)) < 140


async def test_rules_of_a_file_hold_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "faults.txt"
    file.write_text("POST ^/a drop_after skip=1\n", encoding="utf-8")
    async with upstream() as (behind, url):
        arguments = (
            "--upstream",
            url,
            "--rules",
            str(file),
            "--rule",
            "POST ^/b status status=418",
        )
        async with running_child(MODULE, *arguments) as child:
            assert await answers(child.url, ["/a", "/a", "/a", "/b"]) == [200, None, 200, 418]
    assert len(behind.seen) == 3


async def test_the_same_seed_meets_the_same_faults() -> None:
    async def run(seed: int) -> list[int | None]:
        rule = "* . status chance=0.5"
        async with (
            upstream() as (_, url),
            running_child(MODULE, "--upstream", url, "--rule", rule, "--seed", str(seed)) as child,
        ):
            return await answers(child.url, ["/x"] * 24)

    first, again, other = [await run(seed) for seed in (7, 7, 8)]
    assert first == again != other
    assert set(first) == {200, 503}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """What the upstream shows, and the file of who vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, str(file)


async def test_an_upstream_behind_tls_is_asked_by_its_own_name(
    trusted: tuple[ssl.SSLContext, str],
) -> None:
    context, ca = trusted
    async with upstream(context) as (_, url):
        for more, host in (((), url.removeprefix("https://")), (("--keep-host",), "127.0.0.1")):
            async with (
                running_child(MODULE, "--upstream", url, "--ca", ca, *more) as child,
                httpx.AsyncClient(trust_env=False) as client,
            ):
                assert (await client.get(child.url)).text.startswith(host)


async def test_an_upstream_that_nobody_vouches_for_is_a_bad_gateway(
    trusted: tuple[ssl.SSLContext, str],
) -> None:
    async with upstream(trusted[0]) as (behind, url):
        async with (
            running_child(MODULE, "--upstream", url) as child,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            refused = await client.get(child.url)
        assert (refused.status_code, "certificate" in refused.text.lower()) == (502, True)
        assert behind.seen == []


async def test_what_is_delayed_lands_whether_its_caller_waits_or_not() -> None:
    async with upstream() as (behind, url), httpx.AsyncClient(trust_env=False) as client:
        rule = "PUT . delay delay_ms=300"
        async with running_child(MODULE, "--upstream", url, "--rule", rule) as child:
            with pytest.raises(httpx.ReadTimeout):
                await client.put(f"{child.url}/x", timeout=0.05)
            assert behind.seen == []

            async def landed() -> bool:
                return len(behind.seen) == 1

            await until(landed, "the request has landed")


async def test_late_and_dripping_answers_come_after_the_effect() -> None:
    async with upstream() as (behind, url), httpx.AsyncClient(trust_env=False) as client:
        rules = ("--rule", "* ^/late late delay_ms=60000", "--rule", "* ^/drip drip delay_ms=200")
        async with running_child(MODULE, "--upstream", url, *rules) as child:
            for path in ("/late", "/drip"):
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(child.url + path, timeout=0.15)
            assert [line.split()[1] for line in behind.seen] == ["/late", "/drip"]


async def told(*arguments: str, asks: Sequence[str]) -> str:
    """What it has written to stderr once it was asked for these paths and stopped."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, "--port", "0", "--tell", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await answers(json.loads(await process.stdout.readline())["url"], asks)
    process.terminate()
    _, written = await process.communicate()
    assert process.returncode == 0
    return written.decode()


async def test_it_tells_what_it_did_and_no_query() -> None:
    async with upstream() as (_, url):
        written = await told(
            *("--upstream", url, "--seed", "5", "--rule", "POST ^/a drop_before"),
            asks=["/a?name=jane", "/b?name=jane"],
        )
    lines = written.strip().split("\n")
    asked = [line.partition(" POST ")[2] for line in lines if " POST " in line]
    assert asked == [
        "/a: drop_before (rule 1), no answer, the upstream was not asked",
        "/b: forward, 200",
    ]
    assert lines[-1] == "2 requests with seed 5: 1 drop_before, 1 forward"
    assert "jane" not in written


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--upstream", "api.stripe.com"), "--upstream 'api.stripe.com' is not https://"),
        (("--upstream", "http://x/v1"), "and a host"),
        (("--upstream", "http://x", "--rules", "missing.txt"), "missing.txt"),
        (("--upstream", "http://x", "--rule", "POST"), "--rule: a rule is"),
        (("--upstream", "http://x", "--ca", "missing.pem"), "No such file"),
    ],
)
async def test_what_it_does_not_understand_it_refuses_in_words(
    arguments: tuple[str, ...], why: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, *arguments), stderr=asyncio.subprocess.PIPE
    )
    _, written = await process.communicate()
    assert (process.returncode, why in written.decode()) == (2, True), written.decode()
