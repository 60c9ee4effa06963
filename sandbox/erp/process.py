"""One running ``trytond`` process: started on a free port, watched until ready, stopped by pid."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import httpx
import psutil

from sandbox.erp.installation import ErpInstallation, ErpStartError, write_config
from sandbox.erp.instance import DATABASE

_READY_SECONDS = 60
_STOP_SECONDS = 10
_PORT_ATTEMPTS = 3
_POLL_SECONDS = 0.05

# The server lives no longer than we do: the guard waits for the end of its standard input, which
# comes when we close it and also when we are killed, and then ends the server.
_GUARD = """
exec 3<&0
"$@" <&- 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -TERM $server 2>/dev/null; } &
watch=$!
trap 'kill -TERM $server 2>/dev/null' TERM INT
wait $server
code=$?
kill -TERM $watch 2>/dev/null
exit $code
"""


class TrytonProcess:
    """Runs the database in ``folder``; the log is ``folder/trytond.log``.

    ``port`` 0 asks for a free one. After :meth:`start`, ``url`` is the server's address.
    """

    def __init__(self, installation: ErpInstallation, folder: Path, *, port: int = 0) -> None:
        self._installation = installation
        self._folder = folder
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self.log = folder / "trytond.log"
        self.url = ""

    async def start(self) -> None:
        """Start and wait until the server answers. Raises :class:`ErpStartError` with its log."""
        attempts = 1 if self._port else _PORT_ATTEMPTS
        for attempt in range(1, attempts + 1):
            port = self._port or _free_port()
            try:
                await self._start_on(port)
            except ErpStartError:
                # Someone else may have taken the free port between our look and the server's.
                if attempt == attempts or _can_bind(port):
                    raise
            else:
                self.url = f"http://127.0.0.1:{port}"
                return

    async def stop(self) -> None:
        """End the server and wait for it; safe to call twice or before the start."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def ended(self) -> int:
        """Waits until the server ends, by itself or by :meth:`stop`; its exit code."""
        if self._process is None:
            raise RuntimeError("the ERP has not been started")
        return await self._process.wait()

    async def _start_on(self, port: int) -> None:
        config = self._folder / "trytond.conf"
        write_config(config, databases=self._folder, port=port)
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _GUARD, "guard"),
                str(self._installation.program("trytond")),
                *("-c", str(config), "-d", DATABASE),
                env=self._installation.environment(self._folder),
                cwd=self._folder,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready(process, port)
        except TimeoutError as error:
            await self.stop()
            raise ErpStartError(
                f"the ERP did not answer within {_READY_SECONDS} s; {self._tail()}"
            ) from error
        except BaseException:
            await self.stop()
            raise

    async def _ready(self, process: asyncio.subprocess.Process, port: int) -> None:
        url = f"http://127.0.0.1:{port}/{DATABASE}/rest/model/party.party"
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while True:
                if process.returncode is not None:
                    raise ErpStartError(
                        f"the ERP ended with code {process.returncode}; {self._tail()}"
                    )
                # Ours has to be the one that listens: another server's answer proves nothing.
                if _listens(process.pid, port):
                    answer = await _ask(http, url)
                    # It opens the database before it looks at who asks.
                    if answer == httpx.codes.UNAUTHORIZED:
                        return
                    if answer is not None:
                        raise ErpStartError(
                            f"the ERP cannot use the database in {self._folder} "
                            f"(HTTP {answer}); {self._tail()}"
                        )
                await asyncio.sleep(_POLL_SECONDS)

    def _tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return f"the end of {self.log}:\n{text[-2000:]}"


async def _ask(http: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await http.get(url)).status_code
    except httpx.TransportError:
        return None


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _listens(guard: int, port: int) -> bool:
    try:
        family = psutil.Process(guard).children(recursive=True)
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for member in family
            for connection in member.net_connections(kind="tcp4")
        )
    except psutil.NoSuchProcess:
        return False
