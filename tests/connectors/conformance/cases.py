"""Which tests run on which system, with the marks of what is real."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.connectors.conformance.systems import SYSTEMS, Entry


def _marks(entry: Entry) -> list[pytest.MarkDecorator]:
    if entry.mark is None:
        return []
    return [pytest.mark.slow, getattr(pytest.mark, entry.mark), pytest.mark.timeout(300)]


def systems(part: str | None = None) -> Callable[[Any], Any]:
    """Parametrises `name`, by all systems or those that play the part."""
    found = [
        pytest.param(name, marks=_marks(entry))
        for name, entry in SYSTEMS.items()
        if part in (None, entry.part)
    ]
    return pytest.mark.parametrize("name", found)


def acts() -> Callable[[Any], Any]:
    """Parametrises `name` and `act`, the act's name."""
    found = [
        pytest.param(name, act.name, marks=_marks(entry), id=f"{name}-{act.name}")
        for name, entry in SYSTEMS.items()
        for act in entry.port.acts
    ]
    return pytest.mark.parametrize(("name", "act"), found)
