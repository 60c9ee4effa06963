"""How every command answers: results on stdout, everything else on stderr, exit codes that mean
something.

A command raises `Problem`; errors of the libraries below are turned into one here. No traceback
is shown for what an operator can mend. With `-o json` the problem is JSON as well, on stderr, so
that stdout holds a result or nothing.
"""

import dataclasses
import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.fitting import fitted


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5


EXIT_CODES = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage or configuration · 3 not found · "
    "4 refused or in conflict · 5 something needed cannot be reached"
)


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


#: For every command that shows something: `output: Output = Format.TABLE`.
Output = Annotated[
    Format, typer.Option("-o", "--output", help="A table for people, or JSON for programs.")
]


class Problem(Exception):
    """One sentence that says what failed; `remedy` what to do next."""

    def __init__(
        self, message: str, *, code: ExitCode = ExitCode.FAILED, remedy: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


_LOCALLY = "of a local stack see `trueup status`"

#: Errors that mean the same wherever they come from, by qualified name, so that showing help
#: imports no database driver: exit code, and what to do next.
_KNOWN: dict[str, tuple[ExitCode, str | None]] = {
    "typer._click.exceptions.ClickException": (ExitCode.USAGE, "see it with --help"),
    "runtime.settings.SettingsError": (ExitCode.USAGE, None),
    "connectors.registry.UnknownVendor": (ExitCode.USAGE, None),
    "sandbox.embedded.files.StackBusy": (ExitCode.CONFLICT, None),
    "sandbox.embedded.missing.ProgramMissing": (ExitCode.UNAVAILABLE, None),
    "runtime.processes.ChildFailed": (ExitCode.FAILED, None),
    "runtime.temporal.TemporalNotReady": (ExitCode.UNAVAILABLE, None),
    "sqlalchemy.exc.OperationalError": (
        ExitCode.UNAVAILABLE,
        f"check that PostgreSQL runs at [database] dsn; {_LOCALLY}",
    ),
    "psycopg.OperationalError": (
        ExitCode.UNAVAILABLE,
        f"check that PostgreSQL runs at [database] dsn; {_LOCALLY}",
    ),
    "temporalio.service.RPCError": (
        ExitCode.UNAVAILABLE,
        f"check that Temporal runs at [temporal] address; {_LOCALLY}",
    ),
    "httpx.TransportError": (
        ExitCode.UNAVAILABLE,
        f"check that it runs; {_LOCALLY}",
    ),
    "builtins.ConnectionError": (
        ExitCode.UNAVAILABLE,
        f"check that it runs; {_LOCALLY}",
    ),
    "builtins.PermissionError": (ExitCode.FAILED, "check who owns the file"),
}


def problem_of(fault: BaseException) -> Problem | None:
    """What people are told of an error; None for a bug, whose traceback is wanted."""
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, BaseExceptionGroup):
        return problem_of(fault.exceptions[0])
    for kind in type(fault).__mro__:
        if (known := _KNOWN.get(f"{kind.__module__}.{kind.__qualname__}")) is not None:
            code, remedy = known
            return Problem(_sentence(fault), code=code, remedy=remedy)
    # The Temporal client says so with a bare RuntimeError.
    if isinstance(fault, RuntimeError) and "connect" in str(fault).lower():
        return Problem(
            "Temporal does not answer",
            code=ExitCode.UNAVAILABLE,
            remedy=f"check that it runs at [temporal] address; {_LOCALLY}",
        )
    return None


def show_problem(problem: Problem) -> None:
    """On stderr: the sentence, and what to do next."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("Error: ", "bold red"), str(problem)))
    if problem.remedy:
        console.print(Text.assemble(("Next: ", "bold"), problem.remedy))


def show_problem_as_json(problem: Problem) -> None:
    """On stderr, one line: `code` is the name of the exit code, for programs to branch on."""
    told = {
        "code": problem.code.name.lower(),
        "exit_code": int(problem.code),
        "detail": str(problem),
        "remedy": problem.remedy,
    }
    sys.stderr.write(json.dumps({"problem": told}, ensure_ascii=False) + "\n")


def wants_json(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; also one that is wrong in something else."""
    return any(
        word in {"-ojson", "--output=json"}
        or (word in {"-o", "--output"} and following == Format.JSON)
        for word, following in itertools.pairwise([*words, ""])
    )


def note(text: str) -> None:
    """A remark on stderr, so that stdout stays the result alone."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(text))


def show_json(value: Any) -> None:
    """One JSON document on stdout; models, dataclasses and times are understood."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain, ensure_ascii=False) + "\n")


def show_rows(
    rows: Iterable[Sequence[object]],
    columns: Sequence[str],
    *,
    empty: str = "nothing found",
) -> None:
    """A row a line on stdout; cells are shown as they are, never read as markup.

    In a terminal a table as wide as it is: sentences are cut, ids are not, and the last columns
    are left out where there is no room, and named on stderr. Elsewhere columns are separated by
    tabs, under a line with their names, all of them and nothing cut, times in UTC.
    """
    console = Console(highlight=False)
    found = [list(row) for row in rows]
    if not found:
        note(empty)
    elif console.is_terminal:
        _show_table(console, [[_cell(value) for value in row] for row in found], columns)
    else:
        for row in [columns, *found]:
            sys.stdout.write("\t".join(map(_plainly, row)) + "\n")


def _show_table(console: Console, cells: list[list[Text]], columns: Sequence[str]) -> None:
    widths = fitted([columns, *([cell.plain for cell in row] for row in cells)], console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=False):
        table.add_column(column, width=width, no_wrap=True, overflow="ellipsis")
    for row in cells:
        table.add_row(*row[: len(widths)])
    console.width = max(console.width, sum(widths) + 2 * len(widths))
    console.print(table)
    if left_out := columns[len(widths) :]:
        note(f"No room for: {', '.join(left_out)}. Widen the terminal, or use -o json.")


def _sentence(fault: BaseException) -> str:
    # What is wrong with a word of the command line does not say which word in its text alone.
    said = getattr(fault, "format_message", fault.__str__)()
    text = said.strip() or type(fault).__name__
    # SQLAlchemy appends the statement and a link.
    return text.split("\n[SQL:")[0].split("\n(Background")[0]


def _cell(value: object) -> Text:
    match value:
        case None:
            return Text("-", style="dim")
        case Text():
            return value
        case datetime():
            return Text(value.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        case _:
            return Text(_in_a_line(str(value)))


def _plainly(value: object) -> str:
    """As a field between tabs."""
    match value:
        case None:
            return "-"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return _in_a_line(str(value)) or "-"


def _in_a_line(text: str) -> str:
    return " ".join(text.split()) if any(sign in text for sign in "\t\r\n") else text


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case datetime():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value, key=str)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        case _:
            return str(value)
