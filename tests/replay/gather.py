"""Adds to the corpus the histories that tests have brought about: of each workflow those that show
the most ways through it.

    TRUEUP_KEPT_HISTORIES=/tmp/kept python -m pytest -q tests/lives tests/workflows tests/adoption
    python -m tests.replay.gather /tmp/kept      the newest series, in place
"""

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from tests.replay import histories

#: Of a workflow, at least where tests bring about as many.
_MOST = 25


def ways(history: dict[str, Any]) -> set[tuple[str, str]]:
    """What follows what in it."""
    return set(pairwise(_steps(history)))


def chosen(folder: Path) -> list[Path]:
    """Of the histories of one workflow: one after the other the one with the most new ways, then
    the shortest."""
    shown: set[tuple[str, str]] = set()
    left = {path: ways(json.loads(path.read_text(encoding="utf-8"))) for path in folder.iterdir()}
    picked: list[Path] = []
    while left and len(picked) < _MOST:
        best = max(sorted(left), key=lambda path: (len(left[path] - shown), -path.stat().st_size))
        shown |= left.pop(best)
        picked.append(best)
    return picked


def _steps(history: dict[str, Any]) -> Iterator[str]:
    for event in history["events"]:
        name = event["eventType"].removeprefix("EVENT_TYPE_")
        for key, said in event.items():
            if key.endswith("Attributes"):
                what = said.get("activityType") or said.get("updateName") or said.get("signalName")
                yield f"{name} {what['name'] if isinstance(what, dict) else what or ''}"


def main() -> None:
    series = histories.newest_series() or "0001"
    shutil.rmtree(histories.GATHERED / series, ignore_errors=True)
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        for number, path in enumerate(chosen(folder), start=1):
            history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
            histories.keep(series, f"{folder.name}-{number:02}", history, of=histories.GATHERED)


if __name__ == "__main__":
    main()
