"""Every recorded history replays with the saga as it is now."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.worker import WorkflowReplayResult

from canonical_models.process import ProcessKind
from tests.replay import running
from tests.replay.histories import FOLDER, GATHERED, Recorded, newest_series, recorded
from tests.replay.mutants import GrantsWithoutDigest, MoneyBeforeDocuments
from tests.replay.replaying import replay
from worker import WORKFLOWS
from workflows.names import CASH, PREVIEW, RECONCILIATION, REVENUE

CORPUS = list(recorded())
#: Of one step, or of few ways.
SHORT = {CASH, PREVIEW, RECONCILIATION, REVENUE, ProcessKind.PAYOUT.value}


def advice(case: Recorded, result: WorkflowReplayResult) -> str:
    return (
        f"{case} does not replay: {result.replay_failure}\n"
        "Sagas that are open at a deployment would stop here. Put the change behind "
        "`workflow.patched(...)`, keep this history, and record a new series beside it "
        "(python -m tests.replay.record --new-series). See tests/replay/README.md."
    )


@pytest.mark.parametrize("case", CORPUS, ids=str)
async def test_a_recorded_history_replays(case: Recorded) -> None:
    result = await replay(WORKFLOWS, case.history)

    assert result.replay_failure is None, advice(case, result)


def test_the_newest_series_shows_every_scenario() -> None:
    shown = {path.stem for path in (FOLDER / (newest_series() or "")).iterdir()}

    assert shown == running.ALL.keys(), (
        "record the corpus anew: python -m tests.replay.record (see tests/replay/README.md)"
    )


def test_each_workflow_has_many_histories() -> None:
    shown = Counter(
        json.loads(path.read_text(encoding="utf-8"))["events"][0][
            "workflowExecutionStartedEventAttributes"
        ]["workflowType"]["name"]
        for folder in (FOLDER, GATHERED)
        for path in folder.glob("*/*.json")
    )

    assert len(shown) == len(WORKFLOWS)
    assert {name for name, count in shown.items() if count < 20} == SHORT


async def test_the_gate_fails_on_steps_in_another_order() -> None:
    (paid,) = (case for case in CORPUS if str(case) == f"{newest_series()}/paid")

    result = await replay([MoneyBeforeDocuments], paid.history)

    assert "nondeterminism" in str(result.replay_failure).lower()


async def test_the_gate_alone_passes_a_changed_argument() -> None:
    """Why there is a baseline of commands beside it: see test_command_baseline."""
    (upgrade,) = (case for case in CORPUS if str(case) == f"{newest_series()}/upgrade")

    assert (await replay([GrantsWithoutDigest], upgrade.history)).replay_failure is None


@pytest.mark.parametrize(
    "path",
    sorted([*FOLDER.glob("*/*.json"), *GATHERED.glob("*/*.json")]),
    ids=lambda path: path.stem,
)
def test_a_history_names_no_machine(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    text = "\n".join(texts(document))

    assert not re.search(r"/(work|home|root|tmp|usr|site-packages)/|Traceback|\.py\b", text)
    assert "stackTrace" not in path.read_text(encoding="utf-8")
    assert not re.search(r"\d+@", text), "a worker's identity is process@host"


def texts(document: Any) -> list[str]:
    """Every string in it; payloads decoded."""
    match document:
        case {"metadata": dict(), "data": str(data)}:
            return [base64.b64decode(data).decode(errors="replace")]
        case dict():
            return [text for held in document.values() for text in texts(held)]
        case list():
            return [text for held in document for text in texts(held)]
        case str():
            return [document]
        case _:
            return []
