"""Whether a small mistake in what is booked, or in what keeps and proves it, is found by the tests.

    python -m tests.mutants [--sample 300] [--seed 1] [--children 2] [MODULE ...]

mutmut changes the modules of `GROUPS` one place at a time, and the tests of the group have to
fail. A sample is drawn from all groups together. Each group works in a copy of its own. Prints who
survived and what was found; the exit code is 1 below LEAST. A module such as `planning.figures`
limits the run to it, and none of it is left out.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: The part of all mutants that must be killed.
LEAST = 0.85

_PLANNING = (
    *("approving", "balance", "books", "cash", "choosing", "documents", "drafting", "figures"),
    *("mapping", "refusals", "settling", "shadowing", "taxes", "unbilled", "verification"),
)
#: Few examples and always the same ones: each mutant runs all of its tests.
_FEW_EXAMPLES = """
from hypothesis import settings

settings.register_profile("mutants", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("mutants")
"""


@dataclass(frozen=True)
class Group:
    """Modules, the tests that must see what is wrong in them, and what these need besides."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    needs: tuple[str, ...]
    #: Instead of tests/conftest.py, which starts servers.
    conftest: str | None = None

    def settings(self) -> str:
        folders = sorted({module.split("/")[0] for module in self.modules})
        more = sorted({name.split("/")[0] for name in self.needs} - {*folders})
        given = {
            "source_paths": folders,
            "only_mutate": self.modules,
            "also_copy": more,
            "pytest_add_cli_args_test_selection": self.tests,
            # A mutant that waits for ever uses no time of the processor, which mutmut counts.
            "pytest_add_cli_args": ("--timeout=60",),
        }
        lines = [f"{name} = {json.dumps([*value])}" for name, value in given.items()]
        return "\n".join(("", "[tool.mutmut]", *lines, ""))


GROUPS = (
    Group(
        modules=(
            *("connectors/breaker.py", "connectors/limiter.py", "persistence/turns.py"),
            *(f"planning/{name}.py" for name in _PLANNING),
            "canonical_models/money.py",
        ),
        tests=(
            *("tests/unit/planning", "tests/unit/money", "tests/unit/test_turns.py"),
            *(f"tests/unit/governor/test_{name}.py" for name in ("breaker", "governor", "limiter")),
        ),
        needs=(
            *("planning", "canonical_models", "connectors", "persistence", "tests/unit"),
            *("tests/harness/subscriptions.py", "tests/harness/virtual_time.py"),
            *("benchmarks/governor.py", "benchmarks/limits.py"),
        ),
        conftest=_FEW_EXAMPLES,
    ),
    # On a real PostgreSQL.
    Group(
        modules=("activities/ledger.py", "activities/fenced.py", "activities/sweeping.py"),
        tests=(
            *(f"tests/activities/test_{name}.py" for name in ("ledger", "ledger_sets")),
            "tests/activities/test_sweeping.py",
        ),
        needs=(
            *("activities", "canonical_models", "connectors", "persistence", "planning"),
            *("runtime", "sandbox", "workflows", "tests", "worker.py", "dispatch"),
        ),
    ),
)
#: What mutmut calls the ends of a mutant that is not alive.
_FOUND = frozenset({"killed", "timeout", "segfault", "caught by type check"})
_NONE = "no mutant has this name"


def copy_to(folder: Path, group: Group) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in (*group.needs, "tests/conftest.py"):
        here, there = ROOT / name, folder / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(here, there)
    if group.conftest is not None:
        (folder / "tests/conftest.py").write_text(group.conftest)
    project = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(project + group.settings())


def mutmut(folder: Path, *arguments: str) -> str:
    """What it said. Where a person looks on, a run is shown as it goes instead."""
    shown = arguments[0] == "run" and sys.stdout.isatty()
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        # The tests' programs are beside the interpreter, and read no other copy.
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
        text=True,
        stdout=None if shown else subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # Asked for none, it makes them all and then complains that there is none of that name.
    if done.returncode and _NONE not in arguments:
        sys.stderr.write((done.stdout or "")[-3000:])
        raise SystemExit(f"mutmut {arguments[0]} ended with {done.returncode}")
    return done.stdout or ""


def ends(folder: Path) -> dict[str, str]:
    """How each mutant has ended, by its name."""
    told = (line.strip().rpartition(": ") for line in _results(folder) if ": " in line)
    return {name: end for name, _, end in told}


def _results(folder: Path) -> Sequence[str]:
    return mutmut(folder, "results", "--all", "true").splitlines()


def made(folder: Path, group: Group) -> list[str]:
    """The names of all mutants of the group, in a copy that holds them."""
    copy_to(folder, group)
    said = mutmut(folder, "run", _NONE)
    if not (names := sorted(ends(folder))):
        raise SystemExit(f"no mutant was made of {', '.join(group.modules)}\n{said[-3000:]}")
    return names


def chosen(names: Sequence[str], modules: Sequence[str], sample: int | None, seed: int) -> set[str]:
    if modules:
        found = {name for name in names if name.startswith(tuple(f"{of}." for of in modules))}
        if not found:
            raise SystemExit(f"no mutant was made of {', '.join(modules)}: see GROUPS")
        return found
    if sample is None or sample >= len(names):
        return {*names}
    return {*random.Random(seed).sample(names, sample)}


def say(found: dict[str, str]) -> int:
    alive = {name: end for name, end in found.items() if end not in _FOUND}
    for name, end in sorted(alive.items()):
        sys.stdout.write(f"{end:>12}  {name}\n")
    for module, count in sorted(Counter(name.rpartition(".")[0] for name in found).items()):
        killed = count - sum(name.rpartition(".")[0] == module for name in alive)
        sys.stdout.write(f"{killed:>6} of {count:>4}  {module}\n")
    part = 1 - len(alive) / len(found)
    sys.stdout.write(
        f"{len(found) - len(alive)} of {len(found)} mutants killed, {part:.1%} (limit >= "
        f"{LEAST:.0%}) {'ok' if part >= LEAST else 'MISSED'}\n"
    )
    return int(part < LEAST)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--sample", type=int, help="so many of all, instead of each")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--children", type=int, default=2, help="tests that run side by side")
    given = parser.parse_args()
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="trueup-mutants-") as place:
        folders = {Path(place) / str(number): group for number, group in enumerate(GROUPS)}
        names = {folder: made(folder, group) for folder, group in folders.items()}
        every = [name for of in names.values() for name in of]
        wanted = chosen(every, given.modules, given.sample, given.seed)
        for folder, of in names.items():
            if picked := sorted(wanted.intersection(of)):
                mutmut(folder, "run", "--max-children", str(given.children), *picked)
                found |= {name: end for name, end in ends(folder).items() if name in wanted}
    return say(found)


if __name__ == "__main__":
    sys.exit(main())
