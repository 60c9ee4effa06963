"""Programs that run beside us."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runtime.processes import (
    Child,
    ChildFailed,
    Folders,
    Program,
    end_stale,
    recorded_process,
    run_to_end,
)

MakeProgram = Callable[[str], Program]

READY = 'print(\'{"ready": true, "url": "http://x"}\', flush=True)\n'
WAITS = "import sys, time\n" + READY + "time.sleep(600)\n"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY
PARENT = """
import asyncio, sys
from pathlib import Path
from runtime.processes import Child, Folders, Program
async def main():
    folders = Folders(logs=Path(sys.argv[1]) / "logs", run=Path(sys.argv[1]) / "run")
    folders.prepare()
    await Child.start(Program(name="thing", argv=(sys.executable, sys.argv[2])), folders)
    print("up", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def gone(pid: int) -> bool:
    """Waits for the end of a process, for a bounded time."""
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


async def recorded(file: Path) -> psutil.Process:
    """Waits for the record of a process, for a bounded time."""
    for _ in range(1000):
        if (process := recorded_process(file)) is not None:
            return process
        await asyncio.sleep(0.01)
    raise AssertionError(f"{file} does not name a process")


async def test_ready_line_is_read_and_stop_ends_it(program: MakeProgram, folders: Folders) -> None:
    child = await Child.start(program(WAITS), folders)
    record = folders.run / "thing.json"
    assert child.ready == {"ready": True, "url": "http://x"}
    assert recorded_process(record) == psutil.Process(child.pid)
    await child.stop()
    await child.stop()
    assert child.returncode == -signal.SIGTERM
    assert not record.exists()


async def test_early_exit_says_why(program: MakeProgram, folders: Folders) -> None:
    failing = program("import sys\nprint('the disk is full', file=sys.stderr)\nsys.exit(7)\n")
    with pytest.raises(ChildFailed, match=r"thing ended with code 7(.|\n)*the disk is full"):
        await Child.start(failing, folders)
    assert list(folders.run.iterdir()) == []


async def test_missing_program_says_so(folders: Folders) -> None:
    with pytest.raises(ChildFailed, match="cannot run nowhere: No such file"):
        await Child.start(Program(name="thing", argv=("/nowhere",)), folders)


async def test_never_ready_is_ended(program: MakeProgram, folders: Folders) -> None:
    silent = dataclasses.replace(
        program("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"),
        start_seconds=1,
    )
    with pytest.raises(ChildFailed, match="not ready within 1 s") as failure:
        await Child.start(silent, folders)
    assert gone(int(str(failure.value).splitlines()[-1]))


async def test_a_deaf_child_is_killed(program: MakeProgram, folders: Folders) -> None:
    deaf = dataclasses.replace(program(DEAF + "time.sleep(600)\n"), stop_seconds=0.2)
    child = await Child.start(deaf, folders)
    await child.stop()
    assert child.returncode == -signal.SIGKILL


async def test_grandchildren_do_not_stay(program: MakeProgram, folders: Folders) -> None:
    parent = program(
        "import subprocess, sys, time\n"
        "held = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        'print(\'{"ready": true, "pid": %d}\' % held.pid, flush=True)\n'
        "time.sleep(600)\n"
    )
    child = await Child.start(parent, folders)
    await child.stop()
    assert gone(child.ready["pid"])


async def test_a_cancelled_start_leaves_nothing(program: MakeProgram, folders: Folders) -> None:
    silent = program("import time\nprint('x', flush=True)\ntime.sleep(600)\n")
    starting = asyncio.create_task(Child.start(silent, folders))
    process = await recorded(folders.run / "thing.json")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert gone(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends it")
def test_a_killed_parent_leaves_nothing(tmp_path: Path, program: MakeProgram) -> None:
    script = program(WAITS).argv[1]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), script], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == "up\n"
    pid = json.loads((tmp_path / "run" / "thing.json").read_text())["pid"]
    parent.kill()
    parent.wait(10)
    assert gone(pid)


def test_stale_children_are_ended_and_others_let_be(tmp_path: Path) -> None:
    waits = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(waits) as ours, subprocess.Popen(waits) as other:
        try:
            for name, process, shift in (("ours", ours, 0), ("other", other, 100)):
                created = psutil.Process(process.pid).create_time() - shift
                record = {"pid": process.pid, "created": created, "stop": int(signal.SIGTERM)}
                (tmp_path / f"{name}.json").write_text(json.dumps(record))
            assert end_stale(tmp_path) == ["ours"]
            assert gone(ours.pid)
            assert other.poll() is None
            assert list(tmp_path.iterdir()) == []
        finally:
            ours.kill()
            other.kill()


async def test_run_to_end(program: MakeProgram, folders: Folders) -> None:
    await run_to_end(program("print('done')\n"), folders)
    assert (folders.logs / "thing.log").read_text() == "done\n"
    with pytest.raises(ChildFailed, match="ended with code 3"):
        await run_to_end(program("raise SystemExit(3)\n"), folders)


async def test_large_logs_are_rotated(program: MakeProgram, folders: Folders) -> None:
    log = folders.logs / "thing.log"
    with log.open("wb") as file:
        os.truncate(file.fileno(), 5_000_001)
    await run_to_end(program("print('new')\n"), folders)
    assert log.read_text() == "new\n"
    assert (folders.logs / "thing.log.1").stat().st_size == 5_000_001
