"""What would happen is told by the planner of the sagas: nobody else plans a change."""

import ast
from collections.abc import Iterator

from tests.architecture.repository import ROOT, files

#: What plans, and where alone it may be named.
PLANNERS = {
    "plan_amendment": {"planning/amendment.py", "activities/preparing.py"},
    "plan_account": {"planning/amendment.py", "activities/preparing.py"},
    "plan_books": {"planning/books.py", "planning/amendment.py"},
    # Customers are taken over with the access that they have, and no books.
    "plan_access": {
        "planning/access.py",
        "planning/amendment.py",
        "activities/adoption_planning.py",
    },
    # The sagas, and what foresees them.
    "Preparation": {
        "activities/preparing.py",
        "activities/amendment.py",
        "activities/account.py",
        "activities/preview.py",
        "activities/shadowing.py",
    },
    "what_if": {
        "activities/preparing.py",
        "activities/preview.py",
        "activities/shadowing.py",
    },
    "Foreseeing": {
        "activities/preview.py",
        "activities/batch_backfill.py",
        "activities/batch_preview.py",
        "activities/batch_release.py",
        "activities/batch_trial.py",
    },
}


def named(path: str, source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name, path
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, path
            case ast.ClassDef(name=name):
                yield name, path
            case _:
                pass


def test_there_is_one_planner() -> None:
    found: dict[str, set[str]] = {}
    for path in files("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(("tests/", "benchmarks/")):
            continue
        for name, where in named(place, path.read_text(encoding="utf-8")):
            if name in PLANNERS:
                found.setdefault(name, set()).add(where)
    assert found == PLANNERS
