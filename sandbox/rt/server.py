"""One Request Tracker, made, started on a free port of loopback, and ended by its id."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx

from sandbox.guarded import can_bind, end, free_port, guarded, listens, tail
from sandbox.rt.seed import write_data, write_people, write_settings

#: The packages it comes with (Debian 12 and later).
PACKAGES = ("request-tracker5", "rt5-db-sqlite", "rt5-standalone")
SETUP = Path("/usr/sbin/rt-setup-database-5")
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")

_SETUP_SECONDS = 120
_READY_SECONDS = 60
_POLL_SECONDS = 0.05


class RtStartError(Exception):
    """Request Tracker could not be made or started; the text says what to look at."""


def missing() -> str | None:
    """Why there can be no Request Tracker here; None where there can."""
    absent = [path.name for path in (SETUP, SERVER) if not path.exists()]
    if shutil.which("perl") is None:
        absent.append("perl")
    if not absent:
        return None
    return (
        f"there is no Request Tracker here ({', '.join(absent)}): "
        f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    )


@dataclass(frozen=True)
class RtInstance:
    """A running Request Tracker. ``token`` is that of a user with no more rights than are needed,
    ``administrator_token`` that of its administrator."""

    url: str
    token: str
    administrator_token: str


class RtServer:
    """A Request Tracker whose data live in ``folder``, which is made anew by each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._process: asyncio.subprocess.Process | None = None
        self.log = self._folder / "rt.log"

    async def start(self) -> RtInstance:
        """Seconds: the database is made, filled and served. Raises ``RtStartError``."""
        if (why := missing()) is not None:
            raise RtStartError(why)
        port = free_port()
        for name in ("mason", "sessions", "settings"):
            (self._folder / name).mkdir(exist_ok=True)
        write_settings(self._folder, port)
        data, people = write_data(self._folder), write_people(self._folder)
        await self._run(str(SETUP), "--action", "init", "--skip-create")
        await self._run(str(SETUP), "--action", "insert", "--datafile", str(data))
        tokens = [
            line.decode()
            for line in (await self._run("perl", str(people))).splitlines()
            if line.isascii() and b" " not in line
        ]
        if len(tokens) != 2:
            raise RtStartError(f"Request Tracker made {len(tokens)} tokens in place of 2")
        await self._serve(port)
        return RtInstance(f"http://127.0.0.1:{port}", tokens[1], tokens[0])

    async def stop(self) -> None:
        """End the server and wait for it; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def __aenter__(self) -> RtInstance:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _environment(self) -> Mapping[str, str]:
        """Nothing inherited that could change its behaviour."""
        return {
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "RT_SITE_CONFIG": str(self._folder / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": str(self._folder / "settings"),
        }

    async def _run(self, *command: str) -> bytes:
        """Its output. Raises ``RtStartError`` with the end of it."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environment(),
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SETUP_SECONDS):
                output, errors = await process.communicate()
        except TimeoutError as error:
            raise RtStartError(f"{command[0]} took over {_SETUP_SECONDS} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            said = (output + errors).decode(errors="replace")[-2000:]
            raise RtStartError(f"{' '.join(command)} failed with {process.returncode}:\n{said}")
        return output

    async def _serve(self, port: int) -> None:
        """Its address is in its settings: it is started on that port, or not at all."""
        process = await guarded(
            SERVER,
            *("--host", "127.0.0.1", "--port", str(port), "--max-workers", "2"),
            env=self._environment(),
            cwd=self._folder,
            log=self.log,
        )
        self._process = process
        try:
            async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient(trust_env=False) as http:
                while True:
                    if await self._answers(http, process, port):
                        return
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            await self.stop()
            raise RtStartError(
                f"Request Tracker did not answer within {_READY_SECONDS} s; {tail(self.log)}"
            ) from error
        except BaseException:
            await self.stop()
            raise

    async def _answers(
        self, http: httpx.AsyncClient, process: asyncio.subprocess.Process, port: int
    ) -> bool:
        if process.returncode is not None:
            taken = "" if can_bind(port) else f" (port {port} was taken meanwhile)"
            raise RtStartError(
                f"Request Tracker ended with code {process.returncode}{taken}; {tail(self.log)}"
            )
        if not listens(process.pid, port):
            return False
        try:
            answer = await http.get(f"http://127.0.0.1:{port}/REST/2.0/rt", timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.UNAUTHORIZED
