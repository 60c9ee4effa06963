"""Whether a small mistake in what is booked, or in what proves it, is found by the unit tests.

    python -m tests.mutants [--children 2] [MODULE ...]

mutmut changes the files of `[tool.mutmut]` one place at a time, and the tests of planning, money,
turns and governor have to fail. It works in a copy that holds these alone, since tests/conftest.py
starts servers. Prints what was found and who survived; the exit code is 1 below LEAST. A module
such as `planning.figures` limits the run to it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: The part of all mutants that must be killed.
LEAST = 0.85

_FOLDERS = (
    *("planning", "canonical_models", "connectors", "persistence"),
    *("tests/unit/planning", "tests/unit/money"),
)
#: What those tests use besides: pure, too.
_FILES = (
    *("pyproject.toml", "tests/harness/subscriptions.py", "tests/unit/test_turns.py"),
    *(f"tests/unit/governor/test_{name}.py" for name in ("breaker", "governor", "limiter")),
    *("tests/harness/virtual_time.py", "benchmarks/governor.py", "benchmarks/limits.py"),
)
#: Few examples and always the same ones: each mutant runs all of its tests.
_CONFTEST = """\
from hypothesis import settings

settings.register_profile("mutants", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("mutants")
"""
#: What mutmut calls the ends of a mutant that is not alive.
_FOUND = ("killed", "timeout", "segfault", "caught_by_type_check")
_ALIVE = ("survived", "suspicious", "no_tests")


def copy_to(folder: Path) -> None:
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "tests/conftest.py").write_text(_CONFTEST)


def mutmut(folder: Path, *arguments: str) -> str:
    """What it said. Where a person looks on, a run is shown as it goes instead."""
    shown = arguments[0] == "run" and sys.stdout.isatty()
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
        text=True,
        stdout=None if shown else subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.stderr.write((done.stdout or "")[-3000:])
        raise SystemExit(f"mutmut {arguments[0]} ended with {done.returncode}")
    return done.stdout or ""


def told(folder: Path) -> int:
    mutmut(folder, "export-cicd-stats")
    counts = json.loads((folder / "mutants/mutmut-cicd-stats.json").read_text())
    killed = sum(counts.get(name, 0) for name in _FOUND)
    alive = sum(counts.get(name, 0) for name in _ALIVE)
    if not killed + alive:
        raise SystemExit("no mutant was made: is the module in [tool.mutmut] only_mutate?")
    lines = [
        line for line in mutmut(folder, "results").splitlines() if not line.endswith("not checked")
    ]
    part = killed / (killed + alive)
    lines.append(
        f"{killed} of {killed + alive} mutants killed, {part:.1%} (limit >= {LEAST:.0%}) "
        + ("ok" if part >= LEAST else "MISSED")
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return int(part < LEAST)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--children", type=int, default=2, help="tests that run side by side")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trueup-mutants-") as made:
        folder = Path(made)
        copy_to(folder)
        wanted = [f"{module}.*" for module in given.modules]
        mutmut(folder, "run", "--max-children", str(given.children), *wanted)
        return told(folder)


if __name__ == "__main__":
    sys.exit(main())
