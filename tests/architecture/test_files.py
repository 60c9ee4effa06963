"""What no file may hold, and how large a file may be."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.repository import texts

#: Beyond it a file is hard to read whatever it does; well before it may have two jobs.
MOST_LINES = 500

#: Put together here, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(rf"{host}\.(?:org|com)" for host in ("pyp[i]", "python[h]osted", "npm[j]s"))
)
MACHINES = re.compile(rf"(?<![\w.])/(?:root|home/\w+|Users/\w+|work|opt/{'pypi'})/")
UNFINISHED = re.compile(rf"\b(?:{'|'.join(('TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'))})\b")
#: The rule, then why it does not hold here.
EXCUSED = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]+|type: ignore\[[\w, -]+\])(?P<reason>.*)")
EXCUSE = re.compile(r"#\s*(?:noqa|type: ignore)")


def test_no_python_file_is_too_long() -> None:
    lines = {name: text.count("\n") for name, text in texts("*.py").items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert len(lines) > 100


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINES, UNFINISHED], ids=str)
def test_no_file_names_a_registry_a_machine_or_unfinished_work(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_every_exclusion_names_its_rule_and_its_reason() -> None:
    found = []
    for name, text in texts("*.py").items():
        for number, line in enumerate(text.splitlines(), 1):
            if EXCUSE.search(line):
                excused = EXCUSED.search(line)
                if excused is None or not excused["reason"].strip(" -"):
                    found.append(f"{name}:{number}: {line.strip()[:120]}")
    assert found == []


def test_no_error_is_swallowed_whatever_it_is() -> None:
    found = [
        f"{name}:{handler.lineno}"
        for name, text in texts("*.py").items()
        if "Exception" in text or "except:" in text
        for handler in ast.walk(ast.parse(text))
        if isinstance(handler, ast.ExceptHandler) and _catches_all(handler) and not _raises(handler)
    ]
    assert found == []


def test_tests_wait_for_conditions_and_never_sleep() -> None:
    found = [
        f"{name}:{line}"
        for name, text in texts("tests/**/test_*.py", "tests/**/conftest.py").items()
        for line in _sleeps(ast.parse(text))
    ]
    assert found == []


def test_a_sleep_is_found_and_a_poll_is_not() -> None:
    slept = "async def test() -> None:\n    await asyncio.sleep(0.1)\n"
    polled = "while not done():\n    time.sleep(0.1)\n"
    assert list(_sleeps(ast.parse(slept))) == [2]
    assert list(_sleeps(ast.parse(polled))) == []


def _catches_all(handler: ast.ExceptHandler) -> bool:
    named = [handler.type] if not isinstance(handler.type, ast.Tuple) else handler.type.elts
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in named
    )


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _sleeps(node: ast.AST, *, polling: bool = False) -> Iterator[int]:
    """Lines that pause outside a loop. To yield (0) and to wait for good (a minute) is no pause."""
    if isinstance(node, ast.Call) and not polling and _is_pause(node):
        yield node.lineno
    polling = polling or isinstance(node, (ast.While, ast.For, ast.AsyncFor))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        polling = False
    for child in ast.iter_child_nodes(node):
        yield from _sleeps(child, polling=polling)


def _is_pause(call: ast.Call) -> bool:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if called != "sleep" or not call.args:
        return False
    seconds = call.args[0]
    given = seconds.value if isinstance(seconds, ast.Constant) else None
    return not isinstance(given, (int, float)) or 0 < given < 60
