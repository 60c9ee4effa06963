"""What finance does in the console: one cause that several customers wait for, mended once."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.demo.books import claim_books, words
from sandbox.demo.browsing import Browser, Page
from sandbox.demo.observed import Evidence, documents, holding, known_changes, next_change, until
from sandbox.demo.stories import Told, begin, command, quiet
from sandbox.demo.systems import Row
from sandbox.demo.world import Account, World, account, price

_REASON = "the assistant has an article now"
_MEND = {"item.erp_item": "AI-ADDON", "item.included": "assistant"}


async def mended_in_the_console(world: World, first: Account, prices: dict[str, str]) -> Told:
    more = await asyncio.gather(*(account(world, prices, party="C-1001") for _ in range(2)))
    waiting = (first, *more)
    before, *_ = await asyncio.gather(*(begin(world, each) for each in waiting))
    item = await sold_unmapped(world, *waiting)

    evidence = Evidence()
    async with finance(world) as (browser, name, work):
        cause = await browser.opens(await _on(browser, work, item))
        held = [each.subscription in cause.text for each in waiting]
        evidence.claim("Work shows the three that wait as one cause", all(held), cause.text)

        preview = await browser.sends(cause, "/preview", _MEND)
        preview = await _stands(browser, preview.path, "Whole")
        through = "will go through 3" in preview.text
        evidence.claim("mended by its form, the preview has all go through", through, preview.text)
        posted = await _posted(world, *waiting)
        evidence.claim("and posts nothing in the ERP", posted == [1, 1, 1], posted)

        release = await browser.sends(preview, "/release", {"reason": _REASON})
        release = await _stands(browser, release.path, "Paused", "At its end")
        posted = await _posted(world, *waiting)
        evidence.claim("tried on one, the ERP has one document more", sum(posted) == 4, posted)
        numbers = await _numbers(world, *waiting)
        shown = [number for number in numbers if number in release.text]
        evidence.claim(f"the release shows it: {', '.join(shown)}", len(shown) == 1, release.text)

        await browser.sends(release, "/resume")
        release = await _stands(browser, release.path, "At its end", "Stopped")
        done = "done, read back 3" in release.text
        evidence.claim("released, all three are done and read back", done, release.text)
        trail = await _trailed(browser, world, name)
        evidence.claim("the trail has who did it, and why", _REASON in trail, trail)
    for each in waiting:
        await quiet(world, each)
        newest = (await claim_books(world, each, evidence, count=2))[-1]
        paper = words(newest.erp) if newest.erp else "nothing"
        same = newest.erp is not None and str(newest.erp["number"]) in release.text
        evidence.claim(f"Tryton has {paper}, as the release shows", same, release.text)
        features = await world.trueup.features(each.customer)
        evidence.claim("the assistant is granted", features.get("assistant") == 1, features)
    after = await holding(world, first)
    url = f"{world.facts.console.url}{release.path}"
    return Told("One cause, mended once in the console", before, after, evidence, url, "release")


async def sold_unmapped(world: World, *accounts: Account) -> str:
    """Each buys what finance has not mapped; once all of them wait for it. The price, which is what
    finance is asked about."""
    product = str((await world.billing.make("products", name="AI assistant, teams"))["id"])
    add_on = await price(world, product, 900)

    async def buys(account: Account) -> Row:
        seen = await known_changes(world, account)
        await world.billing.make(
            f"subscriptions/{account.subscription}",
            **{
                "items[0][price]": add_on,
                "items[0][quantity]": 1,
                "proration_behavior": "always_invoice",
            },
        )
        return await next_change(world, account, seen)

    await asyncio.gather(*(buys(each) for each in accounts))
    return add_on


@asynccontextmanager
async def finance(world: World) -> AsyncIterator[tuple[Browser, str, Page]]:
    """Somebody new of finance for as long as the block lasts: their browser, their name, and the
    page that they come to. The links that `make up` has printed sign in once, and are for whoever
    looks at the stack."""
    name = f"demo-{secrets.token_hex(3)}"
    await command(world, "people", "add", name, "--role", "finance")
    browser = Browser(world.facts.console.url)
    try:
        invited = await command(world, "people", "invite", name)
        yield browser, name, await browser.signs_in(invited["invitation"])
    finally:
        await browser.http.aclose()
        await command(world, "people", "remove", name)


async def _on(browser: Browser, work: Page, item: str) -> str:
    """Where the link to the cause about this item leads, on whichever page of *Work* it is."""

    async def look() -> str | None:
        page = await browser.opens(work.path)
        while True:
            for text, to in page.links:
                if item in text:
                    return to
            following = [to for text, to in page.links if text == "Next page"]
            if not following:
                return None
            page = await browser.opens(following[0])

    return await until(f"a cause about {item} on {work.path} of the console", look)


async def _stands(browser: Browser, path: str, *states: str) -> Page:
    """The page, once it says that things stand so."""

    async def look() -> Page | None:
        page = await browser.opens(path)
        return page if page.state.startswith(states) else None

    return await until(f"{' or '.join(map(repr, states))} on {path} of the console", look)


async def _posted(world: World, *accounts: Account) -> list[int]:
    """How many documents the ERP has of each."""
    return [len(await documents(world, each)) for each in accounts]


async def _numbers(world: World, *accounts: Account) -> list[str]:
    """The numbers that the ERP has given."""
    found = [await documents(world, each) for each in accounts]
    return [str(paper["number"]) for papers in found for paper in papers if paper["number"]]


async def _trailed(browser: Browser, world: World, name: str) -> str:
    """The trail, once it says who has released it; it is sealed within seconds."""

    async def look() -> str | None:
        page = await browser.opens(f"/{world.facts.tenant}/trail")
        return page.text if name in page.text else None

    return await until(f"{name} on the trail of the console", look)
