"""One running ``trytond`` process: started on a free port, watched until ready, stopped by pid."""

import asyncio
from pathlib import Path

import httpx

from sandbox.erp.installation import ErpInstallation, ErpStartError, write_config
from sandbox.erp.instance import DATABASE
from sandbox.guarded import can_bind, end, free_port, guarded, listens, tail

_READY_SECONDS = 60
_PORT_ATTEMPTS = 3
_POLL_SECONDS = 0.05


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
            port = self._port or free_port()
            try:
                await self._start_on(port)
            except ErpStartError:
                # Someone else may have taken the free port between our look and the server's.
                if attempt == attempts or can_bind(port):
                    raise
            else:
                self.url = f"http://127.0.0.1:{port}"
                return

    async def stop(self) -> None:
        """End the server and wait for it; safe to call twice or before the start."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def ended(self) -> int:
        """Waits until the server ends, by itself or by :meth:`stop`; its exit code."""
        if self._process is None:
            raise RuntimeError("the ERP has not been started")
        return await self._process.wait()

    async def _start_on(self, port: int) -> None:
        config = self._folder / "trytond.conf"
        write_config(config, databases=self._folder, port=port)
        process = await guarded(
            self._installation.program("trytond"),
            *("-c", str(config), "-d", DATABASE),
            env=self._installation.environment(self._folder),
            cwd=self._folder,
            log=self.log,
        )
        self._process = process
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready(process, port)
        except TimeoutError as error:
            await self.stop()
            raise ErpStartError(
                f"the ERP did not answer within {_READY_SECONDS} s; {tail(self.log)}"
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
                        f"the ERP ended with code {process.returncode}; {tail(self.log)}"
                    )
                if listens(process.pid, port):
                    answer = await _ask(http, url)
                    # It opens the database before it looks at who asks.
                    if answer == httpx.codes.UNAUTHORIZED:
                        return
                    if answer is not None:
                        raise ErpStartError(
                            f"the ERP cannot use the database in {self._folder} "
                            f"(HTTP {answer}); {tail(self.log)}"
                        )
                await asyncio.sleep(_POLL_SECONDS)


async def _ask(http: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await http.get(url)).status_code
    except httpx.TransportError:
        return None
