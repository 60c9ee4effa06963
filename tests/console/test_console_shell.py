"""The shell in a browser: what is live, what is kept of what was typed, and where the focus is."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from canonical_models.acts import Role
from console import live
from operations import sign_in
from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, change_row, exception_row, seeded
from tests.console import chromium as browsers
from tests.console.browsing import at, enters, hears_nothing_any_more, says, signed_in
from tests.console.chromium import Browser, Tab, chromium
from tests.console.office import console_of
from tests.harness.rows import add
from tests.harness.serving import serving
from tests.harness.waiting import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browsers.program() is None, reason=browsers.MISSING),
]

ACME = Ids("acme")
CASE = f"/acme/cases/{ACME.exception}"
NEWS = "document.getElementById('news').textContent.trim()"
#: Where each row is, and what the window has moved by itself.
PLACES = (
    "JSON.stringify([...document.querySelectorAll('tbody tr')].map((row) => "
    "[row.id, row.getBoundingClientRect().top]))"
)
WATCH_SHIFTS = (
    "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => "
    "{ window.shifts += entry.value; })).observe({ type: 'layout-shift', buffered: false });"
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.1)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
def app(context: AppContext) -> FastAPI:
    return console_of(context)


@pytest.fixture
async def console(app: FastAPI, database: Database) -> AsyncIterator[str]:
    await seeded(database, "acme")
    async with serving(app) as url:
        try:
            yield url
        finally:
            app.state.live.close()


async def new_causes(database: Database, first: int, count: int) -> None:
    async with database.transaction() as conn:
        for number in range(first, first + count):
            await add(
                conn,
                change_row(ACME, f"n{number}", "waiting", subject=f"sub_n{number}"),
                exception_row(
                    ACME, f"exc_n{number}", f"n{number}", subject=f"item-{number}", opened_at=None
                ),
            )


async def is_live(tab: Tab) -> None:
    await says(tab, "document.getElementById('alive').textContent.includes('live')")


async def test_what_is_read_never_moves_and_what_came_is_counted(
    browser: Browser, context: AppContext, console: str, app: FastAPI, database: Database
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await is_live(tab)
    await tab.says(WATCH_SHIFTS)
    await tab.clicks("document.getElementById('find')")
    await tab.types("half typed")
    await tab.says("document.getElementById('find').setSelectionRange(0, 4)")
    before = await tab.says(PLACES)
    assert len(before) > 10
    for first in range(0, 200, 20):
        await new_causes(database, first, 20)
    await says(tab, f"{NEWS}.startsWith('200 new')")
    assert await tab.says(PLACES) == before
    assert await tab.says("window.shifts") == 0
    assert await tab.says("document.title.startsWith('(200) ')")
    field = "(({ value, selectionStart, selectionEnd }) => [value, selectionStart, selectionEnd])"
    assert await tab.says(f"{field}(document.getElementById('find'))") == ["half typed", 0, 4]
    # Streams that are cut begin anew, and what came meanwhile is counted.
    for listener in list(app.state.live._listeners):
        listener.end()
    await new_causes(database, 200, 5)
    await says(tab, f"{NEWS}.startsWith('205 new')", seconds=40)
    assert await tab.says(PLACES) == before
    await tab.says("document.activeElement.blur()")
    await tab.presses(".")
    await says(tab, f"document.querySelectorAll('tbody tr').length === 50 && {NEWS} === ''")
    assert tab.refused == []


async def test_eight_tabs_share_one_stream_and_all_answer(
    browser: Browser, context: AppContext, console: str, app: FastAPI, database: Database
) -> None:
    profile = await browser.profile()
    first = await signed_in(browser, context, console, Role.FINANCE, profile=profile)
    tabs = [first, *[await browser.tab(profile) for _ in range(7)]]
    await asyncio.gather(*(tab.opens(f"{console}/acme/work?team=all") for tab in tabs))
    for tab in tabs:
        await is_live(tab)
    assert len(app.state.live._listeners) == 1
    await new_causes(database, 0, 3)
    for tab in tabs:
        # Who is not looked at asks when somebody looks.
        await tab.call("Page.bringToFront")
        await says(tab, f"{NEWS}.startsWith('3 new')", seconds=60)
    # With six connections a host each of them is still answered.
    await asyncio.gather(*(tab.opens(f"{console}{CASE}") for tab in tabs))
    for tab in tabs:
        await at(tab, CASE)
        await is_live(tab)
    # Whoever had the stream is gone: another takes it over.
    await first.opens(f"{console}/sign-in")
    for tab in tabs[1:]:
        await is_live(tab)

    async def one() -> bool:
        return len(app.state.live._listeners) == 1

    await until(one, "one stream again")


async def test_a_page_that_hears_nothing_says_since_when(
    browser: Browser, context: AppContext, console: str
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await is_live(tab)
    await hears_nothing_any_more(tab)
    await says(
        tab,
        "/not live since \\d\\d:\\d\\d, reload/.test(foot = document.querySelector("
        "'.foot').textContent)",
    )


async def test_a_session_that_is_over_eats_no_form(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    profile = await browser.profile()
    tab = await signed_in(browser, context, console, Role.FINANCE, profile=profile)
    await tab.opens(f"{console}{CASE}")
    comment = "document.querySelector('textarea[name=text]')"
    await tab.clicks(comment)
    await tab.types("what took an hour to write")
    async with database.transaction() as conn:
        await conn.execute("update sessions set ended_at = now()")
    await tab.clicks(f"{comment}.form.querySelector('button')")
    await says(tab, "document.getElementById('bar').textContent.includes('session is over')")
    await says(tab, "document.activeElement.id === 'bar'")
    assert await tab.says(f"{comment}.value") == "what took an hour to write"
    # In another tab of the same browser; then the form, of the session before, is sent.
    other = await browser.tab(profile)
    await enters(other, context, console)
    await tab.clicks(f"{comment}.form.querySelector('button')")
    await says(tab, "location.search === '?done=commented' && document.readyState === 'complete'")
    assert await tab.says("document.querySelector('.history').textContent.includes('an hour')")
    # Nothing of the network: the same.
    await tab.clicks(comment)
    await tab.types("once more")
    await tab.call("Network.enable")
    await tab.call(
        "Network.emulateNetworkConditions",
        offline=True,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    await tab.clicks(f"{comment}.form.querySelector('button')")
    await says(tab, "document.getElementById('bar').textContent.includes('does not answer')")
    assert await tab.says(f"{comment}.value") == "once more"


async def test_a_button_says_that_it_works_and_is_pressed_once(
    browser: Browser,
    context: AppContext,
    console: str,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    goes_on, plain = asyncio.Event(), sign_in.found

    async def slowly(*given: object, **more: object) -> object:
        await goes_on.wait()
        return await plain(*given, **more)  # type: ignore[arg-type] # as it was called

    await tab.opens(f"{console}{CASE}")
    await tab.clicks("document.querySelector('textarea[name=text]')")
    await tab.types("said once")
    button = "document.querySelector('textarea[name=text]').form.querySelector('button')"
    monkeypatch.setattr(sign_in, "found", slowly)
    began = time.monotonic()
    await tab.clicks(button)
    at_once = await tab.says(f"{button}.getAttribute('aria-busy')")
    if time.monotonic() - began < 0.3:
        assert at_once is None
    await says(tab, f"{button}.getAttribute('aria-busy') === 'true'")
    for _ in range(3):
        await tab.clicks(button)
    goes_on.set()
    await says(tab, "location.search === '?done=commented'")
    found = await cases_said(context, database)
    assert found == 1


async def cases_said(context: AppContext, database: Database) -> int:
    del context
    async with database.statement() as conn:
        counted = await conn.execute("select count(*) from case_history where note = 'said once'")
        row = await counted.fetchone()
    return int(row[0]) if row else 0


async def test_the_focus_stays_with_what_is_replaced_under_it(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE, Role.OPERATIONS)
    async with database.transaction() as conn:
        await conn.execute("update batches set state = 'running', ended_at = null")
    await tab.opens(f"{console}/acme/releases/{ACME.batch}")
    await is_live(tab)
    await tab.says("document.getElementById('stop').focus()")
    async with database.transaction() as conn:
        await conn.execute("update batches set state = 'paused'")
    await says(tab, "document.getElementById('go-on') !== null")
    assert await tab.says("document.activeElement.id") == "stop"
    async with database.transaction() as conn:
        await conn.execute("update batches set state = 'stopped', ended_at = now()")
    await says(tab, "document.getElementById('stop') === null")
    # Its button is gone: on to what it says now.
    await says(tab, "document.activeElement.className === 'state'")
    assert "stopped" in (await tab.says("document.activeElement.textContent")).lower()


async def test_keys_walk_a_list_and_can_be_switched_off(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    await new_causes(database, 0, 2)
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await tab.opens(f"{console}/acme/work?team=all")
    links = await tab.says(
        "[...document.querySelectorAll('tbody tr td:first-child a:first-child')]"
        ".map((link) => link.pathname)"
    )
    assert len(links) >= 3
    await tab.presses("j")
    await tab.presses("j")
    await tab.presses("Enter")
    await says(tab, "location.pathname !== '/acme/work' && document.readyState === 'complete'")
    second = await tab.says("location.pathname")
    assert second in links[1:2] or second.startswith("/acme/cases/")
    await tab.presses("u")
    await at(tab, "/acme/work")
    assert await tab.says("location.search") == "?team=all"
    await tab.opens(f"{console}{CASE}")
    for key, name in (("e", "item.erp_item"), ("a", "to"), ("c", "text")):
        await tab.presses(key)
        assert await tab.says("document.activeElement.name") == name
        await tab.presses("Escape")
    await tab.says("document.body.dataset.keys = 'off'")
    await tab.presses("?")
    assert await tab.says("document.getElementById('keys').open") is True
    assert (
        await tab.says(
            "document.getElementById(document.getElementById('keys').getAttribute('aria-labelledby'))"
            ".textContent"
        )
        == "Keys"
    )


async def test_the_first_stop_of_the_tab_key_skips_to_the_content(
    browser: Browser, context: AppContext, console: str
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await tab.presses("Tab")
    assert await tab.says("document.activeElement.className") == "skip"
    await tab.presses("Enter")
    await says(tab, "document.activeElement.id === 'main'")
