"""Recorded histories: as JSON that carries nothing of the machine it was recorded on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

#: Of the scenarios, by name; and of tests, by workflow.
FOLDER, GATHERED = (Path(__file__).with_name(name) for name in ("histories", "gathered"))
#: Names of the machine, the process and the build; random numbers of no meaning.
_SCRUBBED = {
    "identity": "worker",
    "requestId": "request",
    "buildId": "build",
    "binaryChecksum": "build",
    "workerInstanceKey": "worker",
    "taskQueue": {"name": "trueup", "kind": "TASK_QUEUE_KIND_NORMAL"},
}
#: Where in our code or in the SDK a failure was raised: paths of the machine.
_DROPPED = ("stackTrace",)


@dataclass(frozen=True)
class Recorded:
    """`series` is the set it was recorded in, `name` the scenario."""

    series: str
    name: str
    history: WorkflowHistory

    def __str__(self) -> str:
        return f"{self.series}/{self.name}"


def recorded() -> Iterator[Recorded]:
    """Every history in the corpus, all series."""
    for path in sorted([*FOLDER.glob("*/*.json"), *GATHERED.glob("*/*.json")]):
        yield Recorded(
            series=path.parent.name,
            name=path.stem,
            history=WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8")),
        )


def newest_series() -> str | None:
    """Series are named by numbers of four digits. None before anything was recorded."""
    return max((folder.name for folder in FOLDER.glob("*") if folder.is_dir()), default=None)


def keep(series: str, name: str, history: WorkflowHistory, *, of: Path = FOLDER) -> None:
    path = of / series / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    # A line an event: small, and a difference still shows where it is.
    events = scrubbed(history.to_json_dict())["events"]
    lines = ",\n".join(json.dumps(event, sort_keys=True) for event in events)
    path.write_text(f'{{"events": [\n{lines}\n]}}\n', encoding="utf-8")


def scrubbed(document: Any) -> Any:
    """The same history without names of the machine, and without stack traces."""
    if isinstance(document, list):
        return [scrubbed(entry) for entry in document]
    if not isinstance(document, dict):
        return document
    return {
        key: _SCRUBBED[key] if key in _SCRUBBED and held else scrubbed(held)
        for key, held in document.items()
        if key not in _DROPPED
    }
