"""Points at which tests have a process die, stop or wait: taken once, and nothing without them."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from connectors import failpoints
from tests.fire.points import Point, arm

ROOT = Path(__file__).parents[2]
#: Comes to the point about one customer, and says what its requests carry from there on.
COMES = """
import asyncio
from connectors.failpoints import marked, reached
async def main():
    await reached("post invoice", "before", lambda: "cus_1 in_1")
    print(marked(None))
asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("armed", "taken"):
        (tmp_path / part).mkdir()
    return tmp_path


async def comes(folder: Path) -> tuple[int | None, str]:
    """Of a process that comes to the point: how it ended, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMES),
        cwd=ROOT,
        env={**os.environ, failpoints.VARIABLE: str(folder)},
        stdout=PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


async def test_one_of_several_processes_takes_a_point(folder: Path) -> None:
    point = arm(folder, "post invoice", "before", "mark", ["cus_1"])
    found = await asyncio.gather(*(comes(folder) for _ in range(4)))
    mark = str({failpoints.HEADER: point.name})
    assert sorted(said for _, said in found) == ["None", "None", "None", mark]
    assert await point.taken(seconds=1) is not None


async def test_whoever_comes_takes_one_of_several(folder: Path) -> None:
    """An attempt that is given up before it sends anything leaves the others to the next."""
    for _ in range(2):
        arm(folder, "post invoice", "before", "mark", ["cus_1"], mark="late")
    mark = str({failpoints.HEADER: "late"})
    assert [(await comes(folder))[1] for _ in range(3)] == [mark, mark, "None"]


async def test_a_process_dies_at_it_once(folder: Path) -> None:
    arm(folder, "post invoice", "before", "kill")
    assert await comes(folder) == (-signal.SIGKILL, "")
    assert await comes(folder) == (0, "None")


async def test_what_it_is_not_about_goes_by(folder: Path) -> None:
    other = arm(folder, "post invoice", "before", "kill", ["cus_2"])
    later = arm(folder, "post invoice", "answered", "kill", ["cus_1"])
    assert await comes(folder) == (0, "None")
    assert [await one.taken(seconds=0.1) for one in (other, later)] == [None, None]


async def test_it_waits_until_it_is_let_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_FOLDER", str(folder))
    point = arm(folder, "post invoice", "committed", "hold")
    waiting = asyncio.create_task(failpoints.reached("post invoice", "committed", str))
    assert await point.taken(seconds=5) == os.getpid()
    assert not waiting.done()
    point.release()
    await asyncio.wait_for(waiting, 5)


async def test_nothing_is_looked_at_without_the_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_FOLDER", None)
    point: Point = arm(folder, "post invoice", "before", "kill")

    def about() -> str:
        raise AssertionError("nobody asks what it is about")

    await failpoints.reached("post invoice", "before", about)
    assert failpoints.marked({"accept": "*/*"}) == {"accept": "*/*"}
    assert await point.taken(seconds=0.1) is None
