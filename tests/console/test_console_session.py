"""In a browser: that a session ends is said before it does, and one act keeps it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from canonical_models.acts import Role
from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.console import chromium as browsers
from tests.console.browsing import says, signed_in
from tests.console.chromium import Browser, Tab, chromium
from tests.console.office import console_of
from tests.harness.serving import serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browsers.program() is None, reason=browsers.MISSING),
]

ACME = Ids("acme")
#: As a tab does that somebody comes back to.
LOOKS = "document.dispatchEvent(new Event('visibilitychange'))"
BAR = "document.getElementById('bar')"


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
async def console(context: AppContext, database: Database) -> AsyncIterator[str]:
    await seeded(database, "acme")
    app = console_of(context)
    async with serving(app) as url:
        try:
            yield url
        finally:
            app.state.live.close()


async def sessions(database: Database, column: str, left: timedelta) -> None:
    async with database.transaction() as conn:
        await conn.execute(f"update sessions set {column} = now() + %s".encode(), (left,))


async def typing(tab: Tab, console: str) -> str:
    """A comment that is begun, and where it stands."""
    await tab.opens(f"{console}/acme/cases/{ACME.exception}")
    field = "document.querySelector('[name=text]')"
    await tab.says(f"{field}.value = 'half a sentence'")
    return f"{field}.value === 'half a sentence'"


async def test_it_is_said_five_minutes_before_and_one_act_keeps_it(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    typed = await typing(tab, console)
    await tab.says(LOOKS)
    await sessions(database, "seen_at", -timedelta(minutes=54))
    await tab.says(LOOKS)
    await says(tab, f"{BAR}.hidden")
    await sessions(database, "seen_at", -timedelta(minutes=56))
    await tab.says(LOOKS)
    await says(tab, f"!{BAR}.hidden && {BAR}.innerText.includes('Your session ends at')")
    assert await tab.says(typed)
    await tab.says("document.getElementById('stay').click()")
    await says(tab, f"{BAR}.hidden")
    assert await tab.says(typed)
    async with database.statement() as conn:
        found = await conn.execute("select seen_at > now() - interval '1 minute' from sessions")
        assert await found.fetchall() == [(True,)]
    assert tab.refused == []


async def test_at_the_end_of_its_hours_it_leads_to_another_sign_in(
    browser: Browser, context: AppContext, console: str, database: Database
) -> None:
    tab = await signed_in(browser, context, console, Role.FINANCE)
    typed = await typing(tab, console)
    await sessions(database, "ends_at", timedelta(minutes=3))
    await tab.says(LOOKS)
    await says(tab, f"{BAR}.innerText.includes('as each does after some hours')")
    assert await tab.says(f"{BAR}.querySelector('a').target") == "_blank"
    await sessions(database, "ends_at", -timedelta(seconds=1))
    await tab.says(LOOKS)
    await says(tab, f"{BAR}.innerText.includes('Your session is over')")
    assert await tab.says(typed)
    assert tab.refused == []
