"""The console in a browser: what its policy keeps from happening, keys, and how pages look.

`TRUEUP_PICTURES` names a folder that is given a picture of each page, light and dark, wide and
narrow.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from canonical_models.acts import Role
from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.console import chromium as browsers
from tests.console.browsing import at, signed_in
from tests.console.chromium import Browser, chromium
from tests.console.office import console_of
from tests.console.test_console_pages import PAGES, hostile
from tests.harness.serving import serving
from tests.harness.waiting import until

__all__ = ["hostile"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browsers.program() is None, reason=browsers.MISSING),
]

ACME = Ids("acme")
#: Wide, and a telephone.
WIDTHS = (1280, 390)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
async def console(context: AppContext, database: Database) -> AsyncIterator[str]:
    await seeded(database, "acme")
    app: FastAPI = console_of(context)
    async with serving(app) as url:
        yield url


async def test_pages_run_nothing_that_the_policy_forbids_and_fit_a_telephone(
    browser: Browser, context: AppContext, console: str, hostile: None
) -> None:
    tab = await signed_in(browser, context, console, *Role)
    if folder := os.environ.get("TRUEUP_PICTURES"):
        await asyncio.to_thread(Path(folder).mkdir, parents=True, exist_ok=True)
    for path in PAGES:
        for width in WIDTHS:
            await tab.looks(width=width, dark=False)
            await tab.opens(f"{console}{path}")
            assert await tab.says("document.querySelectorAll('h1').length") == 1, path
            assert await tab.says("typeof window.alerted") == "undefined"
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await tab.says(wide) <= 0, (path, width)
            if folder:
                for dark in (False, True):
                    await tab.looks(width=width, dark=dark)
                    name = re.sub(r"[^a-z0-9_]+", "-", path.strip("/"))
                    shade = "dark" if dark else "light"
                    await tab.picture(Path(folder) / f"{name}-{width}-{shade}.png")
    assert tab.refused == []


async def test_keys_move_and_open_and_change_nothing(
    browser: Browser, context: AppContext, console: str
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await tab.presses("j")
    assert await tab.says("document.querySelectorAll('tr.at').length") == 1
    focused = "document.activeElement.getAttribute('href')"
    assert "/acme/causes/" in await tab.says(focused)
    await tab.presses("?")
    assert await tab.says("document.getElementById('keys').open") is True
    await tab.presses("Escape")
    await tab.says("document.getElementById('keys').close()")
    await tab.presses("/")
    assert await tab.says("document.activeElement.id") == "find"
    # While somebody types a key is a letter.
    await tab.presses("g")
    await tab.presses("n")
    assert await tab.says("location.pathname") == "/acme/work"
    await tab.says("document.activeElement.blur()")
    await tab.presses("g")
    await tab.presses("n")
    await at(tab, "/acme/numbers")
    assert tab.refused == []


async def test_a_refused_form_is_told_where_the_eye_and_the_reader_are(
    browser: Browser, context: AppContext, console: str
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    await tab.opens(f"{console}/acme/cases/{ACME.exception}")
    await tab.says("document.querySelector('[name=tags]').value = '<b>'")
    await tab.says("document.querySelector('[name=tags]').form.requestSubmit()")

    async def told() -> bool:
        return bool(await tab.says("document.activeElement.id") == "problem")

    await until(told, "the focus is on what went wrong", seconds=20)
    assert (await tab.says("document.title")).startswith("Error: ")
    assert await tab.says("document.querySelector('[name=tags]').value") in {"<b>", "", "vat"}
    assert tab.refused == []


async def test_the_focus_is_seen_in_both_themes(
    browser: Browser, context: AppContext, console: str
) -> None:
    """Three pixels, at three to one against what is around it."""
    tab = await signed_in(browser, context, console, Role.FINANCE)
    for dark in (False, True):
        await tab.looks(width=1280, dark=dark)
        await tab.presses("Tab")
        ring = await tab.says(
            "(() => { const s = getComputedStyle(document.activeElement);"
            "return [s.outlineWidth, s.outlineColor,"
            "getComputedStyle(document.body).backgroundColor,"
            "getComputedStyle(document.documentElement).backgroundColor]; })()"
        )
        assert ring[0] == "3px"
        behind = ring[2] if "0, 0, 0, 0" not in ring[2] else ring[3]
        assert contrast(ring[1], behind) >= 3, ring


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, of `rgb(1, 2, 3)`."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
