"""Parts that end are started again, in order, and not for ever."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from runtime.processes import Child, Folders, Program
from sandbox.embedded.detached import put_aside, turn_over
from sandbox.embedded.facts import Ended
from sandbox.embedded.progress import Step
from sandbox.embedded.supervisor import Patience, Supervisor

WAITS = "import sys, time\nprint('{\"ready\": true}', flush=True)\ntime.sleep(600)\n"
#: Well at its first start, and never again: it says why.
ONCE = (
    "import pathlib, sys\n"
    "seen = pathlib.Path(__file__ + '.seen')\n"
    "if seen.exists():\n"
    "    print('the disk is full, says postgresql://u:p4ss@h/d', file=sys.stderr)\n"
    "    sys.exit(7)\n"
    "seen.touch()\n"
) + WAITS
#: Starts while the file beside it is there.
WHILE = (
    "import pathlib, sys\nif not pathlib.Path(__file__).with_suffix('.may').exists(): sys.exit(3)\n"
    + WAITS
)


class Parts:
    """Small programs under a supervisor, and what it said of them."""

    def __init__(self, tmp_path: Path, folders: Folders) -> None:
        self._path, self._folders = tmp_path, folders
        self.children: dict[str, Child] = {}
        self.steps: list[Step] = []
        self.ended: Mapping[str, Ended] = {}

    async def start(self, name: str, text: str) -> Path:
        script = self._path / f"{name}.py"
        script.write_text(text, encoding="utf-8")
        script.with_suffix(".may").touch()
        program = Program(name=name, argv=(sys.executable, str(script)), start_seconds=10)
        self.children[name] = await Child.start(program, self._folders)
        return script

    @contextlib.asynccontextmanager
    async def supervised(
        self, needs: Mapping[str, tuple[str, ...]] | None = None, most: int = 3
    ) -> AsyncIterator[None]:
        stop = asyncio.Event()
        supervisor = Supervisor(
            self.children,
            self._folders,
            self.steps.append,
            needs=needs or {},
            changed=self._changed,
            patience=lambda: Patience([0.01] * most),
        )
        running = asyncio.create_task(supervisor.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running
            for child in self.children.values():
                await child.stop()

    def kill(self, name: str) -> int:
        pid = self.children[name].pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def said(self, name: str, state: str) -> list[str]:
        return [step.detail for step in self.steps if (step.part, step.state) == (name, state)]

    def _changed(self, ended: Mapping[str, Ended]) -> None:
        self.ended = dict(ended)


@pytest.fixture
def parts(tmp_path: Path, folders: Folders) -> Parts:
    return Parts(tmp_path, folders)


async def eventually(holds: Callable[[], object]) -> None:
    """Looks for half a minute at most."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, "it did not come"
        await asyncio.sleep(0.01)


async def test_a_part_that_is_killed_is_started_again_and_others_let_be(parts: Parts) -> None:
    await parts.start("one", WAITS)
    await parts.start("other", WAITS)
    other = parts.children["other"].pid
    async with parts.supervised():
        for times in (1, 2):
            killed = parts.kill("one")
            await eventually(lambda: len(parts.said("one", "ready")) == times)  # noqa: B023 - waited for in this turn
            assert parts.children["one"].pid != killed
            assert parts.ended["one"].restarts == times
        assert "was killed by SIGKILL" in parts.ended["one"].why
        assert not parts.ended["one"].given_up
        assert parts.children["other"].pid == other
        assert psutil.pid_exists(other)
        assert set(parts.ended) == {"one"}
        last = parts.children["one"].pid
    assert not psutil.pid_exists(last)


async def test_a_part_that_ends_again_and_again_is_given_up_and_says_why(parts: Parts) -> None:
    await parts.start("one", ONCE)
    await parts.start("other", WAITS)
    async with parts.supervised(most=3):
        parts.kill("one")
        await eventually(lambda: parts.said("one", "given up"))
        # It was killed, and then failed three times to start.
        assert len(parts.said("one", "again")) == 3
        (last,) = parts.said("one", "given up")
        assert "trueup down" in last
        assert "ended with code 7" in last
        assert "the disk is full" in last
        assert "p4ss" not in last
        known = parts.ended["one"]
        assert (known.given_up, known.restarts) == (True, 0)
        assert "the disk is full" in known.why
        assert "p4ss" not in known.why
        # The others are kept up.
        parts.kill("other")
        await eventually(lambda: parts.said("other", "ready"))


async def test_a_part_waits_for_what_it_needs(parts: Parts) -> None:
    may = (await parts.start("store", WHILE)).with_suffix(".may")
    await parts.start("service", WAITS)
    async with parts.supervised({"service": ("store", "elsewhere")}, most=1000):
        may.unlink()
        parts.kill("store")
        await eventually(lambda: parts.said("store", "again"))
        parts.kill("service")
        await eventually(lambda: parts.said("service", "waiting"))
        assert parts.said("service", "waiting") == ["for store"]
        await eventually(lambda: len(parts.said("store", "again")) > 2)
        assert not parts.said("service", "ready")
        may.touch()
        await eventually(lambda: parts.said("service", "ready"))
    ready = [step.part for step in parts.steps if step.state == "ready"]
    assert ready == ["store", "service"]


async def test_a_stop_while_something_is_started_leaves_nothing(parts: Parts) -> None:
    before = {child.pid for child in psutil.Process().children()}
    script = await parts.start("one", WAITS)
    began = parts.children["one"].pid
    async with parts.supervised():
        script.write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
        parts.kill("one")
        ours = psutil.Process()

        def starting() -> bool:
            return bool({child.pid for child in ours.children()} - before - {began})

        await eventually(starting)
    assert {child.pid for child in psutil.Process().children()} <= before


def test_patience_counts_what_is_near_and_forgets_what_is_long_ago() -> None:
    patience = Patience([1, 2, 4], window=100)
    assert [patience.ended(now) for now in (0, 10, 20)] == [1, 2, 4]
    assert patience.ended(30) is None
    # Of those, only the last two are less than a hundred seconds ago.
    assert patience.ended(115) == 4
    assert patience.ended(1000) == 1


def test_the_log_of_an_earlier_day_is_put_aside_and_that_of_today_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "supervisor.log"
    assert not put_aside(log)
    log.write_text("today\n")
    assert not put_aside(log)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()
    (tmp_path / "supervisor.log.1").write_text("long ago\n")
    os.utime(log, (yesterday, yesterday))
    with log.open("ab") as stream:
        os.utime(log, (yesterday, yesterday))
        turn_over(log, stream.fileno())
        stream.write(b"new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "supervisor.log.1").read_text() == "today\n"
