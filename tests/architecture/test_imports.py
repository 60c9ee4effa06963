"""Import rules that import-linter cannot check: worker.py is no package, and the list of packages
is ours to keep whole. The rules themselves are in pyproject.toml, `[tool.importlinter]`."""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, files, named

#: Composition roots and what they may compose.
WORKER_MAY = {
    "activities",
    "canonical_models",
    "connectors.ports",
    "connectors.registry",
    "dispatch",
    "persistence",
    "runtime",
    "workflows",
}
#: Not products: they may look anywhere.
LOOKERS = ("tests/", "benchmarks/")


def imported(path: Path) -> Iterator[str]:
    """Dotted names of modules, and of what is taken from them, as absolute imports give them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                raise AssertionError(f"{named(path)}:{node.lineno} imports relatively")
            case _:
                pass


def packages() -> set[str]:
    return {path.parent.name for path in files("*/__init__.py") if path.parent.parent == ROOT}


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def test_worker_composes_what_it_may_and_names_no_vendor() -> None:
    ours = [name for name in imported(ROOT / "worker.py") if name.split(".")[0] in packages()]
    assert [name for name in ours if not within(name, WORKER_MAY)] == []
    assert "workflows.amendment.AmendmentSaga" in ours


def test_only_its_command_imports_worker() -> None:
    found = {
        named(path)
        for path in files("*.py")
        if not named(path).startswith(LOOKERS)
        and any(name.split(".")[0] == "worker" for name in imported(path))
    }
    assert found == {"cli/worker.py"}


def test_nothing_that_is_installed_imports_tests_or_benchmarks() -> None:
    found = {
        named(path)
        for path in files("*.py")
        if not named(path).startswith(LOOKERS)
        and any(name.split(".")[0] in {"tests", "benchmarks"} for name in imported(path))
    }
    assert found == set()


def test_every_package_is_under_the_rules_and_installed() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    products = packages() - {"tests", "benchmarks"}
    assert set(document["tool"]["importlinter"]["root_packages"]) == products
    # Without types of its own.
    found = import_module("setuptools").find_packages(str(ROOT))
    assert document["tool"]["setuptools"]["packages"]["find"] == {"namespaces": False}
    assert {name for name in found if "." not in name} == products
    folders = {path.parent.relative_to(ROOT) for path in files("*.py") if path.parent != ROOT}
    ours = {".".join(each.parts) for each in folders if each.parts[0] in products}
    assert ours <= set(found)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("activities/effects.py", "import connectors.stripe.adapter", "vendors-chosen"),
        ("connectors/tryton/terms.py", "import connectors.zendesk.wire", "vendors-apart"),
        ("dispatch/gate.py", "import workflows.saga", "workflow-names"),
        ("operations/errors.py", "import activities.ledger", "steps"),
        ("planning/classify.py", "import persistence.database", "floors"),
        ("sandbox/simulators/child.py", "import connectors.http", "simulators"),
        ("workflows/human_tasks.py", "import activities.ledger", "workflows"),
    ],
)
def test_the_rules_are_kept_and_would_be_broken(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    for name in packages() - {"tests", "benchmarks"}:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    before = _lint(tmp_path, contract)
    assert before.returncode == 0, before.stdout
    broken = tmp_path / module
    broken.write_text(broken.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    after = _lint(tmp_path, contract)
    assert after.returncode == 1, after.stdout
    assert "1 broken" in after.stdout


def _lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-logo", "--no-cache", "--contract", contract],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
