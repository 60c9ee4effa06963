"""Every page for everybody: what axe finds on it, full, empty, refused and stale, in both themes,
wide and on a telephone. What is serious fails."""

import hashlib
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from canonical_models.acts import Role
from operations import sign_in
from operations.context import AppContext
from operations.sign_in import Wishes
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.console import chromium as browsers
from tests.console.browsing import hears_nothing_any_more, says, signed_in
from tests.console.chromium import Browser, Tab, chromium
from tests.console.office import console_of
from tests.console.test_console_pages import PAGES, hostile
from tests.harness.people import joined
from tests.harness.serving import serving

__all__ = ["hostile"]

AXE = Path(__file__).parent / "axe"
ACME = Ids("acme")
WIDTHS = (1280, 390)
#: All rules but those of what is not settled yet; the size of targets, which WCAG 2.2 has.
RUN = (
    "axe.run(document, {{ resultTypes: ['violations'], {only} rules: {rules} }})"
    ".then((found) => found.violations"
    ".filter((each) => ['serious', 'critical'].includes(each.impact))"
    ".map((each) => each.id + ': ' + each.nodes.map((node) => node.html.slice(0, 160)"
    " + ' ' + (node.any[0]?.message ?? '')).slice(0, 3).join(' | ')))"
)
EVERYTHING = RUN.format(only="", rules="{ 'target-size': { enabled: true } }")
#: Of a theme nothing else depends.
COLOURS = RUN.format(only="runOnly: ['color-contrast'],", rules="{}")

#: Every page is opened in both widths and looked at in both themes.
pytestmark = pytest.mark.timeout(900)

in_a_browser = pytest.mark.skipif(browsers.program() is None, reason=browsers.MISSING)


def test_axe_is_as_its_package_has_it() -> None:
    listed = tomllib.loads((AXE / "vendored.toml").read_text(encoding="utf-8"))
    for name, said in listed.items():
        assert hashlib.sha256((AXE / name).read_bytes()).hexdigest() == said["sha256"]
        assert "Mozilla Public License" in (AXE / said["text"]).read_text(encoding="utf-8")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
async def console(context: AppContext, database: Database) -> AsyncIterator[str]:
    app: FastAPI = console_of(context)
    async with serving(app) as url:
        try:
            yield url
        finally:
            app.state.live.close()


async def looking(browser: Browser, context: AppContext, console: str) -> Tab:
    tab = await signed_in(browser, context, console, *Role)
    await tab.begins_with((AXE / "axe.min.js").read_text(encoding="utf-8"))
    return tab


async def faults(tab: Tab, url: str) -> dict[str, Any]:
    """By width and theme, what is serious on a page."""
    found: dict[str, Any] = {}
    for width in WIDTHS:
        await tab.looks(width=width, dark=False)
        await tab.opens(url)
        found |= await faults_here(tab, width)
    return found


async def faults_here(tab: Tab, width: int) -> dict[str, Any]:
    found = {}
    for dark, script in ((False, EVERYTHING), (True, COLOURS)):
        await tab.looks(width=width, dark=dark)
        if seen := await tab.finds(script):
            found[f"{width} {'dark' if dark else 'light'}"] = seen
    return found


@pytest.mark.browser
@in_a_browser
async def test_full_pages(
    browser: Browser, context: AppContext, console: str, hostile: None
) -> None:
    tab = await looking(browser, context, console)
    found = {path: await faults(tab, f"{console}{path}") for path in PAGES}
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.browser
@in_a_browser
async def test_empty_pages(browser: Browser, context: AppContext, console: str) -> None:
    tab = await looking(browser, context, console)
    lists = [path for path in PAGES if path.count("/") == 2 and "?" not in path]
    assert len(lists) >= 8
    found = {
        path: await faults(tab, f"{console}{path}") for path in (*lists, "/acme/work?team=all")
    }
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.browser
@in_a_browser
async def test_pages_that_refuse_and_pages_that_are_old(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    await seeded(database, "acme")
    tab = await looking(browser, context, console)
    found = {
        path: await faults(tab, f"{console}{path}")
        for path in ("/acme/nothing", "/acme/cases/exc_0", "/acme/work?teem=1", "/globex/work")
    }
    async with database.transaction() as conn:
        await conn.execute(
            "insert into breakers (tenant, connection, state, reason) "
            "values ('acme', 'billing', 'open', 'it answers 503')"
        )
    for path in ("/acme/work", "/acme/connections"):
        found[f"{path} away"] = await faults(tab, f"{console}{path}")
    for width in WIDTHS:
        await tab.looks(width=width, dark=False)
        # A form that is refused, with its summary, and a foot that is not live.
        await tab.opens(f"{console}/acme/cases/{ACME.exception}")
        await tab.says("document.querySelector('[name=tags]').value = '<b>'")
        await tab.says("document.querySelector('[name=tags]').form.requestSubmit()")
        await says(tab, "document.activeElement.id === 'problem'")
        await says(tab, "document.getElementById('alive').textContent.includes('live')")
        await hears_nothing_any_more(tab)
        await says(tab, "document.getElementById('alive').textContent.includes('not live')")
        found[f"refused {width}"] = await faults_here(tab, width)
        # The bar of a session that is over, and the keys.
        await tab.says("window.trueupBar('over')")
        await tab.says("document.getElementById('keys').showModal()")
        found[f"keys {width}"] = await faults_here(tab, width)
    await joined(context.database, "acme", "fay", Role.VIEWER)
    found["not allowed"] = await faults(tab, f"{console}/acme/cases/{ACME.exception}")
    async with database.transaction() as conn:
        await conn.execute("update sessions set ended_at = now()")
    found["sign in"] = await faults(tab, f"{console}/acme/work")
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.browser
@in_a_browser
async def test_the_theme_that_somebody_has_chosen_against_their_system(
    browser: Browser, context: AppContext, console: str, hostile: None
) -> None:
    tab = await looking(browser, context, console)
    person = await joined(context.database, "acme", "fay", *Role)
    found = {}
    for theme in ("dark", "light"):
        await sign_in.wish(context, person, Wishes.model_validate({"theme": theme}))
        await tab.looks(width=1280, dark=theme == "light")
        for path in PAGES:
            await tab.opens(f"{console}{path}")
            dark = "getComputedStyle(document.documentElement).colorScheme === 'dark'"
            assert await tab.says(dark) is (theme == "dark")
            if seen := await tab.finds(COLOURS):
                found[f"{theme} {path}"] = seen
    assert found == {}


@pytest.mark.browser
@in_a_browser
async def test_axe_sees_what_is_wrong(browser: Browser, context: AppContext, console: str) -> None:
    """What cannot fail proves nothing."""
    tab = await looking(browser, context, console)
    await tab.opens(f"{console}/acme/work")
    await tab.says("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=x>')")
    await tab.says("document.getElementById('find').removeAttribute('aria-label')")
    await tab.says("document.getElementById('find').removeAttribute('placeholder')")
    found = "\n".join((await faults_here(tab, 1280))["1280 light"])
    assert "image-alt" in found
    assert "label" in found
