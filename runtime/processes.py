"""Programs that run beside us: started, watched until ready, and ended, whatever happens.

A child has a session of its own, so that Ctrl-C in a terminal reaches us alone and we end our
children in order. Its output goes to `<logs>/<name>.log`. It dies with us: by the kernel on Linux
(`runtime.leash`), by the end of its stdin where it watches that, and otherwise at the next start,
which ends the children that a killed run has left (`end_stale`).
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_LEASH = Path(__file__).with_name("leash.py")
_POLL_SECONDS = 0.03
_TAIL_BYTES = 3000
_ROTATE_BYTES = 5_000_000
_KEPT_LOGS = 3
_KILL_SECONDS = 5.0

Probe = Callable[[], Awaitable[bool]]


class ChildFailed(Exception):
    """A program ended, or was not ready in time; the text has the end of its log."""


@dataclass(frozen=True)
class Program:
    """What to run and how it says that it is ready: by `probe`, or by its JSON ready line."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    #: Run as this user and group id; needs root.
    user: tuple[int, int] | None = None
    probe: Probe | None = None
    #: Give it a stdin that ends with us.
    stdin: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    #: What the kernel sends it when we die (Linux).
    death_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 60
    stop_seconds: float = 15


@dataclass(frozen=True)
class Folders:
    """Where children keep their logs and their process ids."""

    logs: Path
    run: Path

    def prepare(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.run.mkdir(parents=True, exist_ok=True)


class Child:
    """A running program. `ready` is its ready line, or empty when it was probed."""

    def __init__(self, program: Program, process: Process, log: Path, pidfile: Path) -> None:
        self.program = program
        self.pid = process.pid
        self.log = log
        self.ready: dict[str, Any] = {}
        self._process = process
        self._pidfile = pidfile

    @classmethod
    async def start(cls, program: Program, folders: Folders) -> "Child":
        """Returns when it is ready. Raises ChildFailed; then nothing is left running."""
        log = folders.logs / f"{program.name}.log"
        _rotate(log)
        offset = log.stat().st_size if log.exists() else 0
        child = cls(program, await _spawn(program, log), log, folders.run / f"{program.name}.json")
        try:
            child._record()
            await child._until_ready(offset)
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def ending(self) -> str:
        """How it ended, in words: its exit code, or the signal that killed it."""
        code = self.returncode
        if code is None or code >= 0:
            return f"ended with code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal
            return f"was killed by signal {-code}"

    def failure(self, what: str) -> ChildFailed:
        """The error that tells people what happened, with the end of the log."""
        return ChildFailed(f"{self.program.name} {what}; the end of {self.log}:\n{tail(self.log)}")

    async def stop(self) -> None:
        """Ask, wait for a bounded time, then kill, its descendants too. Safe to call twice."""
        family = _family(self.pid) if self.returncode is None else []
        stopping = asyncio.ensure_future(self._stop())
        cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:  # half a stop would leave a process behind
                cancelled = True
        await asyncio.to_thread(_kill, family)
        self._pidfile.unlink(missing_ok=True)
        if cancelled:
            raise asyncio.CancelledError

    async def _stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(self.program.stop_seconds):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _record(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            created = psutil.Process(self.pid).create_time()
            document = {
                "pid": self.pid,
                "created": created,
                "stop": int(self.program.stop_signal),
            }
            self._pidfile.write_text(json.dumps(document), encoding="utf-8")

    async def _until_ready(self, offset: int) -> None:
        deadline = time.monotonic() + self.program.start_seconds
        while time.monotonic() < deadline:
            if self.returncode is not None:
                raise self.failure(f"{self.ending()} before it was ready")
            if self.program.probe is not None:
                if await self.program.probe():
                    return
            elif (line := _ready_line(self.log, offset)) is not None:
                self.ready = line
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise self.failure(f"was not ready within {self.program.start_seconds:.0f} s")


async def run_to_end(program: Program, folders: Folders) -> None:
    """Run a program that ends by itself within its `start_seconds`. Raises ChildFailed."""
    log = folders.logs / f"{program.name}.log"
    _rotate(log)
    child = Child(program, await _spawn(program, log), log, folders.run / f"{program.name}.json")
    try:
        async with asyncio.timeout(program.start_seconds):
            code = await child.wait()
    except TimeoutError:
        raise child.failure(f"did not end within {program.start_seconds:.0f} s") from None
    finally:
        await child.stop()
    if code != 0:
        raise child.failure(child.ending())


def end_stale(run: Path) -> list[str]:
    """End what an earlier run recorded and left; the names of what was still running."""
    found = []
    for file in sorted(run.glob("*.json")) if run.exists() else []:
        if (process := recorded_process(file)) is not None:
            found.append(file.stem)
            stop = signal.Signals(json.loads(file.read_text(encoding="utf-8"))["stop"])
            family = _family(process.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(stop)
            psutil.wait_procs(family, timeout=_KILL_SECONDS)
            _kill(family)
        file.unlink(missing_ok=True)
    return found


def recorded_process(file: Path) -> psutil.Process | None:
    """The process that a record speaks of, if it still runs and is the same one."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        process = psutil.Process(document["pid"])
        # A pid is used again; together with its start it names one process.
        same = abs(process.create_time() - document["created"]) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def tail(log: Path, limit: int = _TAIL_BYTES) -> str:
    """The last `limit` bytes of a log, from the start of a line; empty when there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return (text.split("\n", 1)[-1] if size > limit else text).strip()


async def _spawn(program: Program, log: Path) -> Process:
    uid, gid = program.user or ("-", "-")
    leash = (sys.executable, "-I", "-S", str(_LEASH))
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *leash,
            *(str(os.getpid()), str(int(program.death_signal)), str(uid), str(gid)),
            *program.argv,
            env={**os.environ, **program.env},
            stdin=PIPE if program.stdin else DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _ready_line(log: Path, offset: int) -> dict[str, Any] | None:
    with log.open("rb") as file:
        file.seek(offset)
        written = file.read()
    for line in written.splitlines(keepends=True):
        if line.startswith(b"{") and line.endswith(b"\n") and b'"ready"' in line:
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict) and document.get("ready") is True:
                return document
    return None


def _rotate(log: Path) -> None:
    if not log.exists() or log.stat().st_size < _ROTATE_BYTES:
        return
    for number in range(_KEPT_LOGS, 0, -1):
        older = log.with_suffix(f".log.{number - 1}") if number > 1 else log
        if older.exists():
            older.replace(log.with_suffix(f".log.{number}"))


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(family: list[psutil.Process]) -> None:
    # psutil compares the start time before it signals, so a reused pid is safe.
    _, alive = psutil.wait_procs(family, timeout=0)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_KILL_SECONDS)
