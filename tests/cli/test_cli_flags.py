"""A flag means the same wherever it stands, and every command says what it is for."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.main import COMMANDS, GROUPS, app


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("trueup", [], resilient_parsing=True)
    for name in (*COMMANDS, *GROUPS):
        yield from _below(name, root.get_command(context, name))


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
    else:
        for name, found in inner.items():
            yield from _below(f"{words} {name}", found)


ALL = dict(commands())
#: Lists that the settings, what one customer holds, or the number of systems keep short.
SHORT = {"entitlements list", "streams list"}


def options(command: Any) -> list[Any]:
    return [
        param
        for param in command.params
        if param.param_type_name == "option" and not param.hidden and param.name != "help"
    ]


def meaning(option: Any) -> str:
    """Of its help what is before the particulars, such as the values that it takes here."""
    return re.split(r"[:(;]", option.help or "")[0].strip(" .")


def kind(option: Any) -> tuple[object, ...]:
    flag = bool(option.is_flag)
    return (flag, bool(option.multiple), "" if flag else option.display_type(None))


def test_there_is_something_to_look_at() -> None:
    assert len(ALL) > 40


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_help_with_an_example(words: str) -> None:
    text = ALL[words].help
    assert "Example" in text
    assert re.search(rf"trueup (?:--\w+ \S+ )?{re.escape(words)}\b", text), text
    assert all(option.help for option in options(ALL[words])), words


def test_a_flag_means_one_thing() -> None:
    said: Any = defaultdict(lambda: defaultdict(list))
    for words, command in ALL.items():
        for option in options(command):
            for name in option.opts:
                said[name][meaning(option), kind(option)].append(words)
    several = {name: dict(uses) for name, uses in said.items() if len(uses) > 1}
    assert several == {}


@pytest.mark.parametrize("words", [words for words in ALL if words.split()[-1] == "list"])
def test_every_list_speaks_json_and_goes_page_by_page(words: str) -> None:
    names = {name for option in options(ALL[words]) for name in option.opts}
    wanted = {"--output"} if words in SHORT else {"--output", "--limit", "--cursor"}
    assert wanted <= names


def test_waiting_is_a_flag_and_its_bound_another() -> None:
    for words, command in ALL.items():
        names = {name: option for option in options(command) for name in option.opts}
        if "--wait" in names:
            assert names["--wait"].is_flag, words
            assert "--timeout" in names, words
