"""What is released says what has changed."""

import tomllib

import pytest

from tests.architecture.release import notes
from tests.architecture.repository import ROOT

CHANGELOG = """\
# Changes

## 0.2.0 - 2026-12-24

### Added
- More.

## 0.1.0 - unreleased

First.
"""


def test_the_notes_of_a_version_are_its_section() -> None:
    assert notes(CHANGELOG, "0.2.0") == "### Added\n- More."
    assert notes(CHANGELOG, "0.1.0") == "First."


@pytest.mark.parametrize("version", ["0.3.0", "0.1", "0.1.00"])
def test_a_version_without_notes_is_not_released(version: str) -> None:
    with pytest.raises(ValueError, match="write its section first"):
        notes(CHANGELOG, version)


def test_this_version_has_notes() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert notes(changelog, document["project"]["version"])
