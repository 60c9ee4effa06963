"""The commands that each scenario gave when it was recorded: tests/replay/baseline.json."""

import json
from difflib import unified_diff
from pathlib import Path

FILE = Path(__file__).with_name("baseline.json")

_SAID = "the saga gives other commands in the scenario {name!r} than when it was recorded:"
_TO_DO = """\
Not intended: mend the saga. Intended: see whether every recorded history still replays
(test_replay_corpus); if one does not, put the change behind workflow.patched first. Then record
anew: python -m tests.replay.record, with --new-series when the last series has been released.
See tests/replay/README.md."""


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
    return "\n".join([_SAID.format(name=name), *lines, _TO_DO])
