"""docs/connectors.md shows the worked example as it is: each block is part of the file it names.

The blocks are text to the formatter, which would take parts of files for programs.
"""

import re
from pathlib import Path

import pytest

from sandbox.simulators.faultproxy.script import rule_of

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "connectors.md"
_SHOWN = re.compile(
    r"^From \[[^\]]+\]\(([^)]+)\):\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_RULES = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> list[tuple[str, str]]:
    """(file, block)."""
    return _SHOWN.findall(PAGE.read_text(encoding="utf-8"))


def test_every_part_of_an_adapter_is_shown() -> None:
    named = {Path(file).name for file, _ in shown()}
    assert named >= {"wire.py", "errors.py", "client.py", "adapter.py", "deskling.py"}
    text = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"(?m)^From \[", text)) == len(shown()), "a block was not found"


@pytest.mark.parametrize(("file", "block"), shown())
def test_a_block_is_part_of_its_file(file: str, block: str) -> None:
    text = (PAGE.parent / file).read_text(encoding="utf-8")
    assert f"\n{block}" in text


@pytest.mark.parametrize(
    "page", [PAGE, ROOT / "sandbox" / "simulators" / "faultproxy" / "README.md"]
)
def test_the_rules_of_the_fault_proxy_are_rules(page: Path) -> None:
    scripts = [
        text for text in _RULES.findall(page.read_text(encoding="utf-8")) if "drop_after" in text
    ]
    assert scripts
    for line in "\n".join(scripts).splitlines():
        if line.strip() and not line.startswith("#"):
            rule_of(line, where=page.name)
