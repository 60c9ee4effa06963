"""Somebody at the console in a browser, whose acts are counted: what is pressed and clicked, and
not what is typed. With `TRUEUP_PICTURES` what they see on the way is kept there."""

import asyncio
import os
import re
from pathlib import Path

from sandbox.demo.observed import until as seen
from tests.console import pictures
from tests.console.browsing import says
from tests.console.chromium import Browser, Tab
from tests.console.situations import Office

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("TRUEUP_PICTURES")
ROLES = {"fay": "finance", "chris": "finance", "sam": "support", "olu": "operations"}
FIRST_ROW = "document.querySelector('main tbody tr a')"


def promised() -> dict[str, int]:
    """How many acts each job takes, as docs/console.md has it."""
    told = (ROOT / "docs/console.md").read_text(encoding="utf-8")
    table = told.partition("\n## Jobs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (\d+) \|$", table, re.MULTILINE)
    return {job: int(acts) for job, acts in rows}


def button(text: str) -> str:
    return (
        "[...document.querySelectorAll('main button, main [role=button]')]"
        f".find((each) => each.textContent.trim().startsWith('{text}'))"
    )


def field(name: str) -> str:
    return (
        f"[...document.querySelectorAll('main [name=\"{name}\"]')]"
        ".find((each) => each.type !== 'hidden' && each.checkVisibility())"
    )


class Person:
    """`acts` are what they have pressed and clicked since they began."""

    def __init__(self, tab: Tab, console: str, name: str, how: str) -> None:
        self.tab, self.console, self.name, self.how = tab, console, name, how
        self.width = 390 if how == "telephone" else 1280
        self.acts = 0

    async def begins(self, path: str) -> None:
        """At home, or where their work stands."""
        await self.tab.opens(f"{self.console}{path}")
        self.acts = 0

    async def does(self, click: str, *keys: str, ctrl: bool = False) -> None:
        """One act, by pointer or by keys: those that follow each other are one, as `g a`."""
        self.acts += 1
        if self.how != "keys":
            await self.tab.clicks(click)
            return
        for key in keys:
            await self.tab.presses(key, ctrl=ctrl)

    async def sends(self, text: str) -> None:
        """By the button that says so, or as the next step of the form. Without scripts the answer
        is another page: to load one before it is there would take back what was sent."""
        before = await self.tab.says("performance.timeOrigin")
        await self.does(button(text), "Enter", ctrl=True)
        if self.how == "without scripts":
            answered = f"performance.timeOrigin !== {before}"
            await says(self.tab, f"document.readyState === 'complete' && {answered}")

    async def opens_first(self) -> None:
        await self.does(FIRST_ROW, "Enter")

    async def types(self, text: str) -> None:
        await self.tab.types(text)

    async def is_at(self, start: str) -> None:
        await says(
            self.tab,
            f"document.readyState === 'complete' && location.pathname.startsWith('{start}')",
        )

    async def sees(self, text: str) -> None:
        """Without scripts by loading the page once more, which is not counted."""
        there = f"document.body.textContent.includes('{text}')"
        if self.how != "without scripts":
            await says(self.tab, there, seconds=60)
            return

        async def look() -> bool | None:
            if not await self.tab.says(there):
                await self.tab.opens(await self.tab.says("location.href"))
            return bool(await self.tab.says(there)) or None

        await seen(text, look)

    async def pictured(self, name: str, *, dark: bool = False) -> None:
        """Where pictures are wanted, once: by those who use the pointer."""
        if PICTURES and self.how in {"pointer", "telephone"}:
            await _pictured(self.tab, Path(PICTURES) / name, width=self.width, dark=dark)

    def has_done(self, job: str) -> None:
        """Exactly as many acts as the documentation says."""
        assert self.acts == promised()[job]
        assert self.tab.refused == []


async def _pictured(tab: Tab, path: Path, *, width: int, dark: bool) -> None:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    for shade in (False, True) if dark else (False,):
        await tab.looks(width=width, dark=shade, height=820 if width > 500 else 844)
        there = path.with_name(f"{path.name}{'-dark' if shade else ''}.png")
        await tab.picture(there, whole=False)
        await asyncio.to_thread(pictures.shrink, there)
    await tab.looks(width=width, dark=False)


async def comes_in(office: Office, browser: Browser, name: str, how: str) -> Person:
    """Who does it otherwise than by pointer is somebody else."""
    role = ROLES[name]
    if how in {"keys", "without scripts"}:
        name = f"{name}-{how.replace(' ', '-')}"
    link = await office.invites(name, role)
    tab = await browser.tab()
    person = Person(tab, office.console, name, how)
    await tab.looks(width=person.width, dark=False)
    await tab.opens(link)
    await tab.clicks("document.querySelector('button')")
    await says(tab, "location.pathname.endsWith('/work')")
    if how == "without scripts":
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    return person
