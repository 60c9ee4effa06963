"""How every command answers: results on stdout, everything else on stderr, exit codes that mean
something.

A command raises `Problem`; errors of the libraries below are turned into one here. No traceback
is shown for what an operator can mend.
"""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text


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


_WIDTH_OF_FILES = 250

_LOCALLY = "of a local stack see `trueup status`"

#: Errors that mean the same wherever they come from, by qualified name, so that showing help
#: imports no database driver: exit code, and what to do next.
_KNOWN: dict[str, tuple[ExitCode, str | None]] = {
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
    """A table on stdout; cells are shown as they are, never read as markup."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        note(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        # A file or a program has no width: a row stays one line, an id whole.
        console.width = max(console.width, _WIDTH_OF_FILES)
    console.print(table)


def _sentence(fault: BaseException) -> str:
    text = str(fault).strip() or type(fault).__name__
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
            return Text(str(value))


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
