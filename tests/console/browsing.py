"""The console in a browser over the seeded database: people who come in, and where they are."""

from canonical_models.acts import Role
from operations import people
from operations.context import AppContext
from tests.console.chromium import Browser, Tab
from tests.harness.people import joined
from tests.harness.waiting import until


async def signed_in(
    browser: Browser,
    context: AppContext,
    console: str,
    *roles: Role,
    name: str = "fay",
    profile: str | None = None,
) -> Tab:
    """By a link, as people come in who were invited."""
    await joined(context.database, "acme", name, *roles)
    tab = await browser.tab(profile)
    await enters(tab, context, console, name)
    return tab


async def enters(tab: Tab, context: AppContext, console: str, name: str = "fay") -> None:
    invited = await people.invite(context, "acme", name)
    await tab.opens(f"{console}/sign-in/link/{invited.invitation}")
    await tab.says("document.querySelector('button').click()")
    await at(tab, "/acme/work")


async def at(tab: Tab, path: str) -> None:
    await says(tab, f"document.readyState === 'complete' && location.pathname === '{path}'")


async def hears_nothing_any_more(tab: Tab) -> None:
    """A minute passes with each look at the clock: whatever its stream says meanwhile is old."""
    await tab.says(
        "{ const real = Date.now; let more = 0; Date.now = () => real() + (more += 60000); }"
    )


async def says(tab: Tab, expression: str, *, seconds: float = 20) -> None:
    """Until it is true on the page."""

    async def true() -> bool:
        return bool(await tab.says(expression))

    try:
        await until(true, f"on the page: {expression}", seconds=seconds)
    except AssertionError as fault:
        there = "location.href + ': ' + document.querySelector('main').innerText.slice(0, 1500)"
        raise AssertionError(f"{fault}; it is {await tab.says(there)}") from fault
