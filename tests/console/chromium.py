"""Chromium by its own protocol over two pipes: no driver, no port."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness.waiting import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Of keys that are more than their letter: the number, and the text that they type.
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), " ": (32, " ")}
#: What the browser tests are skipped by, counted at the end of a run.
MISSING = "there is no Chromium here (`chromium` on the path)"


def program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page. `refused` is what the content security policy has kept from happening, and other
    errors of its scripts."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self.session = session
        self.refused: list[str] = []

    async def call(self, method: str, **given: Any) -> Any:
        return await self._browser.call(method, session=self.session, **given)

    async def opens(self, url: str) -> None:
        await self.call("Page.navigate", url="about:blank")
        await self.call("Page.navigate", url=url)

        async def whole() -> bool:
            there = "document.readyState === 'complete' && location.href !== 'about:blank'"
            return bool(await self.says(there))

        await until(whole, f"{url} is loaded", seconds=20)

    async def says(self, expression: str) -> Any:
        """What a script makes of the page; None while it is being replaced."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer.get("result", {}).get("value")

    async def finds(self, expression: str) -> Any:
        """What a promise of the page comes to. Raises AssertionError where it is refused."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(str(answer["exceptionDetails"])[:2000])
        return answer.get("result", {}).get("value")

    async def begins_with(self, script: str) -> None:
        """Run before anything else of every page, whatever its policy says."""
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def presses(self, key: str, *, ctrl: bool = False) -> None:
        """One key, as a person presses it: a letter, or one of `KEYS`."""
        code, text = KEYS.get(key, (0, key))
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                text=text if kind == "keyDown" else "",
                windowsVirtualKeyCode=code,
                modifiers=2 if ctrl else 0,
            )

    async def types(self, text: str) -> None:
        """Into whatever has the focus, as from a keyboard or by pasting."""
        await self.call("Input.insertText", text=text)

    async def clicks(self, what: str) -> None:
        """The middle of an element, given as an expression of a script; where it is."""
        middle = (
            f"(() => {{ const it = {what}; if (!it) return null;"
            " it.scrollIntoView({ block: 'center' }); const r = it.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        place: list[float] = []

        async def there() -> bool:
            place[:] = await self.says(middle) or ()
            return bool(place)

        try:
            await until(there, f"there is {what} to be clicked", seconds=20)
        except AssertionError as fault:
            seen = await self.says("location.href + ': ' + document.body.innerText.slice(0, 1500)")
            raise AssertionError(f"{fault}; it is {seen}") from fault
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    async def looks(self, *, width: int, dark: bool, height: int = 900) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = "dark" if dark else "light"
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """Of all of the page, or of what is seen of it without moving."""
        taken = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(taken["data"]))


class Browser:
    def __init__(self, reader: asyncio.StreamReader, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}
        self._number = 0

    async def call(self, method: str, *, session: str | None = None, **given: Any) -> Any:
        self._number += 1
        sent: dict[str, Any] = {"id": self._number, "method": method, "params": given}
        if session is not None:
            sent["sessionId"] = session
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(sent).encode() + b"\0")
        return await asyncio.wait_for(answer, 30)

    async def listen(self) -> None:
        while True:
            told = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            if (asked := self._asked.pop(told.get("id", 0), None)) is not None:
                asked.set_result(told.get("result", {}))
            elif (tab := self._tabs.get(told.get("sessionId", ""))) is not None:
                self._note(tab, told)

    @staticmethod
    def _note(tab: Tab, told: dict[str, Any]) -> None:
        match told["method"]:
            case "Log.entryAdded" if told["params"]["entry"]["source"] == "security":
                tab.refused.append(told["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                tab.refused.append(str(told["params"]["exceptionDetails"]))
            case _:
                pass

    async def profile(self) -> str:
        """Another browser, as it were: cookies of its own."""
        made = await self.call("Target.createBrowserContext")
        return str(made["browserContextId"])

    async def tab(self, profile: str | None = None) -> Tab:
        """Of a browser that others have tabs of, or of another."""
        of = profile or await self.profile()
        made = await self.call("Target.createTarget", url="about:blank", browserContextId=of)
        joined = await self.call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        tab = self._tabs[joined["sessionId"]] = Tab(self, joined["sessionId"])
        for area in ("Page", "Runtime", "Log"):
            await tab.call(f"{area}.enable")
        return tab


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Browser]:
    """Headless, with a profile of its own; gone afterwards."""
    found = program()
    assert found is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The pipes are its descriptors 3 and 4.
    shell = f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}'
    child = await asyncio.create_subprocess_exec(
        *("/bin/bash", "-c", shell, found, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--remote-debugging-pipe", "--no-first-run", "--disable-dev-shm-usage"),
        *("--hide-scrollbars", f"--user-data-dir={profile}", "about:blank"),
        pass_fds=(to_read, from_write),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**26)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_read, "rb")
    )
    writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(to_write, "wb"))
    browser = Browser(reader, writer)
    listening = loop.create_task(browser.listen())
    try:
        yield browser
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        if child.returncode is None:
            child.kill()
        await child.wait()
        writer.close()
        transport.close()
