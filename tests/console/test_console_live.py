"""Live pages: a stream has positions and no contents, of what its person may see, and ends."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from canonical_models.acts import Role
from console import live
from operations import cases, people, positions, sign_in
from operations.cases import AssignRequest
from operations.context import AppContext
from operations.errors import NO_DATABASE
from persistence.database import Database
from runtime.settings import SignInSettings
from tests.api.seeding import Ids, exception_row, seeded
from tests.console.office import console_of
from tests.harness.people import joined
from tests.harness.rows import add
from tests.harness.serving import serving
from tests.harness.waiting import until

ACME, GLOBEX = Ids("acme"), Ids("globex")


@dataclass
class Heard:
    """All that a stream has said, as it was sent."""

    status: int = 0
    said: list[tuple[str, Any]] = field(default_factory=list)
    raw: str = ""
    ended: bool = False

    def topics(self) -> set[str]:
        return {data["topic"] for kind, data in self.said if kind == "position"}

    async def hears(self, topic: str) -> None:
        async def told() -> bool:
            return topic in self.topics()

        await until(told, f"{topic} in {self.topics()}")


async def token_for(context: AppContext, name: str, tenant: str, role: Role) -> str:
    person = await joined(context.database, tenant, name, role)
    return await sign_in.begin(context, person, "10.0.0.1", SignInSettings())


@asynccontextmanager
async def listening(url: str, token: str, since: int | None = None) -> AsyncIterator[Heard]:
    heard = Heard()

    async def listen() -> None:
        given = {"since": live.now_ms() if since is None else since}
        async with (
            httpx.AsyncClient(
                base_url=url, cookies={"trueup": token}, timeout=60, trust_env=False
            ) as browser,
            browser.stream("GET", "/live", params=given) as answer,
        ):
            heard.status = answer.status_code
            kind = ""
            async for line in answer.aiter_lines():
                heard.raw += line + "\n"
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    heard.said.append((kind, json.loads(line.removeprefix("data: "))))
        heard.ended = True

    task = asyncio.create_task(listen())

    async def begun() -> bool:
        return heard.ended or any(kind == "beat" for kind, _ in heard.said)

    try:
        await until(begun, "the stream begins")
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.1)


@pytest.fixture
def app(context: AppContext) -> FastAPI:
    return console_of(context)


@pytest.fixture
async def console(app: FastAPI, database: Database) -> AsyncIterator[str]:
    await seeded(database, "acme")
    await seeded(database, "globex")
    async with serving(app) as url:
        try:
            yield url
        finally:
            app.state.live.close()


async def another_case(database: Database, ids: Ids, key: str) -> None:
    async with database.transaction() as conn:
        await add(conn, exception_row(ids, key, "waits", track="access"))


async def test_a_stream_says_where_to_look_again_and_not_what_is_there(
    console: str, context: AppContext, database: Database
) -> None:
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    gus = await token_for(context, "gus", "globex", Role.FINANCE)
    async with listening(console, fay) as acme, listening(console, gus) as globex:
        # The seeds are of just now.
        acme.said.clear()
        globex.said.clear()
        await another_case(database, ACME, "exc_late")
        for topic in ("acme/work", "acme/cases/exc_late", f"acme/causes/{ACME.cause}"):
            await acme.hears(topic)
        asked = AssignRequest(to="fay")
        await cases.assign(context, "causes", "globex", GLOBEX.cause, asked, by="chris")
        await globex.hears(f"globex/causes/{GLOBEX.cause}")
        async with database.transaction() as conn:
            await conn.execute(
                "insert into breakers (tenant, connection, state) values ('acme', 'erp', 'open')"
            )
            await conn.execute("update batches set state = 'running', ended_at = null")
        await acme.hears("acme/connections")
        await acme.hears(f"acme/batches/{ACME.batch}")
        await globex.hears(f"globex/batches/{GLOBEX.batch}")
        # Nothing of the other company, no contents, and of each event a topic and a number alone.
        assert not any(topic.startswith("globex") for topic in acme.topics())
        assert not any(topic.startswith("acme") for topic in globex.topics())
        for heard in (acme, globex):
            assert "owned-by" not in heard.raw
            for kind, data in heard.said:
                wanted = {"beat": {"at"}, "position": {"topic", "number"}}[kind]
                assert data.keys() == wanted
                assert all(isinstance(data[name], int) for name in wanted - {"topic"})


async def test_what_was_missed_is_told_with_the_first_answer_and_to_who_asks(
    console: str, context: AppContext, database: Database
) -> None:
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    made = live.now_ms()
    await another_case(database, ACME, "exc_missed")
    async with listening(console, fay, since=made) as heard:
        await heard.hears("acme/cases/exc_missed")
    async with httpx.AsyncClient(base_url=console, cookies={"trueup": fay}) as browser:
        answer = (await browser.get("/live/positions", params={"since": made})).json()
        numbers = {each["topic"]: each["number"] for each in answer["positions"]}
        # What is newer than the page is told by a larger number than the page's.
        assert numbers["acme/cases/exc_missed"] > made
        assert answer["at"] >= made
        assert (await browser.get("/live/positions?since=-1")).status_code == 422
        assert len((await browser.get("/live/session")).json()["csrf"]) == 64
        browser.cookies.clear()
        for path in ("/live?since=0", "/live/positions?since=0", "/live/session"):
            assert (await browser.get(path)).status_code == 401, path


async def test_a_stream_ends_with_its_session(
    console: str, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at every `SESSION` seconds, which is less than a minute."""
    assert live.SESSION < 60
    monkeypatch.setattr(live, "SESSION", 0.2)
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    sam = await token_for(context, "sam", "acme", Role.SUPPORT)
    async with listening(console, fay) as revoked, listening(console, sam) as stays:
        await sign_in.end(context, fay)

        async def over() -> bool:
            return revoked.ended and revoked.said[-1] == ("over", {})

        await until(over, "the stream of the session that was revoked ends")
        assert not stays.ended
        await people.remove(context, "acme", "sam", by="kim")

        async def gone() -> bool:
            return stays.ended

        await until(gone, "the stream of who was removed ends")


async def test_what_a_page_asks_by_itself_keeps_no_session_from_ending(
    console: str, context: AppContext, database: Database
) -> None:
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    async with database.transaction() as conn:
        await conn.execute("update sessions set seen_at = now() - interval '5 minutes'")

    async def seen() -> bool:
        async with database.statement() as conn:
            asked = "select seen_at > now() - interval '1 minute' from sessions"
            row = await (await conn.execute(asked)).fetchone()
        return bool(row and row[0])

    async with httpx.AsyncClient(base_url=console, cookies={"trueup": fay}) as browser:
        await browser.get("/live/positions?since=0")
        await browser.get("/acme/news?since=0", headers={"x-by-itself": "1"})
        assert not await seen()
        await browser.get("/acme/work")
        assert await seen()


async def test_one_person_has_a_few_streams(
    console: str, context: AppContext, app: FastAPI
) -> None:
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    async with AsyncExitStack() as stack:
        for _ in range(live.MOST_OF_A_PERSON):
            heard = await stack.enter_async_context(listening(console, fay))
            assert heard.status == 200
        one_more = await stack.enter_async_context(listening(console, fay))
        assert (one_more.status, one_more.ended) == (503, True)

    async def left() -> bool:
        return not app.state.live._listeners

    await until(left, "those that are closed are forgotten")
    async with listening(console, fay) as again:
        assert again.status == 200


async def test_without_the_database_nothing_says_that_it_is_live(
    console: str, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT", 0.1)
    fay = await token_for(context, "fay", "acme", Role.FINANCE)
    async with listening(console, fay) as heard:

        async def beats() -> bool:
            return len(heard.said) > 3

        await until(beats, "it beats")
        looks = 0

        async def fails(*_given: object) -> None:
            nonlocal looks
            looks += 1
            raise NO_DATABASE[0]("away")

        with monkeypatch.context() as away:
            away.setattr(positions, "of_late", fails)

            async def looked() -> bool:
                return looks > 2

            await until(looked, "it looks in vain")
            silent = len(heard.said)
            before = looks

            async def longer() -> bool:
                return looks > before + 3

            await until(longer, "it goes on looking")
            assert len(heard.said) == silent

        async def back() -> bool:
            return len(heard.said) > silent

        await until(back, "it beats again")


@pytest.mark.slow
async def test_the_process_stops_with_fifty_streams_at_once(
    context: AppContext, database: Database, tmp_path: Path
) -> None:
    tokens = [await token_for(context, f"p{number}", "acme", Role.FINANCE) for number in range(13)]
    settings = tmp_path / "trueup.toml"
    settings.write_text(
        '[database]\ndsn = "file:dsn"\n[temporal]\naddress = "127.0.0.1:9"\n', encoding="utf-8"
    )
    (tmp_path / "dsn").write_text(database.dsn, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "--config", str(settings), "console", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        url = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["url"]
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(listening(url, tokens[number // 4]))
                for number in range(50)
            ]
            assert [each.status for each in streams] == [200] * 50
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert time.monotonic() - began <= 5
            assert all(each.ended for each in streams)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
