"""What operations say is for every door: each puts into its own words what there is to see."""

import ast
from collections.abc import Iterator
from string import Formatter

import pytest
import typer
from typer.core import TyperGroup

from canonical_models.decisions import Target
from cli.command import _LOOKS
from cli.main import app
from starter_api.v1.error_mapping import _ADDRESSES, _address
from tests.architecture.repository import texts

#: The report of a command, and a mail that says what has sent it.
OF_THE_COMMAND_LINE = {"planning/adoption.py", "operations/notifying.py"}


def said() -> dict[str, ast.Module]:
    found = {name: ast.parse(text) for name, text in texts("operations/*.py").items()}
    assert "operations/errors.py" in found
    return found


def kinds() -> Iterator[tuple[str, str]]:
    """Of each pair that an error is given to see, and of what returns one."""
    for name, tree in said().items():
        for node in ast.walk(tree):
            match node:
                case ast.keyword(arg="see", value=given):
                    yield from ((name, kind) for kind in _firsts(given))
                case ast.FunctionDef(name="anew"):
                    yield from ((name, kind) for kind in _firsts(node))
                case _:
                    pass


def _firsts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        match each:
            case ast.Tuple(elts=[ast.Constant(value=str(kind)), _]):
                yield kind
            case _:
                pass


def test_what_every_door_shows_holds_no_command_line() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, text in texts("operations/*.py", "planning/*.py").items()
        if name not in OF_THE_COMMAND_LINE
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "`trueup " in node.value
    ]
    assert found == []


def test_the_command_line_has_words_for_all_that_there_is_to_see() -> None:
    found = set(kinds())
    used = {kind for _, kind in found} | {target.value for target in Target}
    assert {"change", "keys", "subscription_anew"} <= used
    assert used - _LOOKS.keys() == set()
    assert _LOOKS.keys() - used == set()


@pytest.mark.parametrize(
    "words", sorted(way for ways in _LOOKS.values() for way in ways.split("|"))
)
def test_what_the_command_line_names_is_a_command(words: str) -> None:
    command, known = typer.main.get_command(app), set[str]()
    for word in words.split():
        if isinstance(command, TyperGroup):
            found = command.get_command(typer.Context(command), word)
            assert found is not None, words
            command = found
            known = {
                option for each in command.params for option in (*each.opts, *each.secondary_opts)
            }
        elif word.startswith("-"):
            assert word in known, words
    assert not isinstance(command, TyperGroup), words
    assert {field for _, field, _, _ in Formatter().parse(words)} <= {None, "", "0"}


def test_the_api_names_what_it_shows_and_nothing_else() -> None:
    assert _ADDRESSES.keys() <= _LOOKS.keys()
    assert _address("asked", "chg_1/a") == "/v1/exceptions?state=all&change=chg_1%2Fa"
    assert _address("subscription_anew", "sub_1") == "/v1/subscriptions/sub_1"
    for kind in ("keys", "people", "deployment", "login", "rehearsal", "recovery"):
        assert _address(kind, "") is None
