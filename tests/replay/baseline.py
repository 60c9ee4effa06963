"""The commands that each scenario gave when it was recorded, as text: tests/replay/baseline.json."""

import json
from difflib import unified_diff
from pathlib import Path

FILE = Path(__file__).with_name("baseline.json")


def kept() -> dict[str, list[str]]:
    """Command lines by scenario."""
    known: dict[str, list[str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return known


def keep(commands: dict[str, list[str]]) -> None:
    FILE.write_text(json.dumps(commands, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def difference(name: str, now: list[str]) -> str:
    """Empty when the scenario gives the commands that were recorded; else what to do about it."""
    before = kept().get(name, [])
    lines = list(unified_diff(before, now, "recorded", "now", lineterm="", n=1))
    if not lines:
        return ""
    return "\n".join(
        (
            f"the saga gives other commands in the scenario {name!r} than when it was recorded:",
            *lines,
            "Not intended: mend the saga. Intended, and every history still replays: record anew "
            "(python -m tests.replay.record --new-series once released). Intended, and replays "
            "fail: put the change behind workflow.patched first. See tests/replay/README.md.",
        )
    )
