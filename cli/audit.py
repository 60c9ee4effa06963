"""`trueup audit`: whether what was written is as it was written, and who did what."""

import csv
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from canonical_models.audit import AuditEntry, Break, Verification
from cli.choices import chosen
from cli.command import Command, Since, TenantOption, To, run_command
from cli.output import ExitCode, Format, Output, Problem, show_json, show_rows
from operations import audit
from persistence.seals import Which

app = typer.Typer(
    help="Verify and export what was done.", no_args_is_help=True, rich_markup_mode="rich"
)


#: Where a spreadsheet sees a formula: at the start of a cell, and at what one that splits at
#: semicolons takes for a start (https://owasp.org/www-community/attacks/CSV_Injection); the same
#: signs in full width, too.
_FORMULA = re.compile("(?:^|[;\t\r\n]) *(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
_BLANK = ("\t", "\r", "\n")


class As(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


@app.command()
def verify(
    ctx: typer.Context,
    head: Annotated[
        str | None,
        typer.Option(help="What an earlier verification ended with: the chain leads through it."),
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Recompute every seal from the rows; without --tenant of all tenants.

    Exits with 1 where a chain is broken: see docs/runbooks/audit.md. What is not sealed yet is
    counted and breaks nothing.

    Examples: [bold]trueup audit verify[/] · [bold]trueup audit verify --tenant acme -o json[/]
    """
    configured = chosen(ctx).settings().tenants
    named = [tenant] if tenant is not None or not configured else sorted(configured)
    if head is not None and len(named) > 1:
        raise Problem(
            "a head is of one tenant's chain",
            code=ExitCode.USAGE,
            remedy=f"say of which with --tenant: {', '.join(map(str, named))}",
        )
    found = [
        run_command(
            ctx, name, lambda command: audit.verify(command.context, command.tenant, head=head)
        )
        for name in named
    ]
    if output is Format.JSON:
        show_json(found)
    else:
        show_rows(
            (
                (
                    each.tenant,
                    _standing(each),
                    each.sealed,
                    each.erased,
                    each.superseded,
                    _unsealed(each),
                    each.head,
                )
                for each in found
            ),
            ("tenant", "chain", "sealed", "erased", "superseded", "not sealed yet", "head"),
        )
    for each in found:
        if each.first is not None:
            raise _broken(each, each.first)


@app.command()
def export(
    ctx: typer.Context,
    as_: Annotated[As, typer.Option("--format", help="For spreadsheets, or for programs.")],
    object_: Annotated[
        str | None,
        typer.Option("--object", help="Only of this change, document, customer, exception …"),
    ] = None,
    since: Since = None,
    to: To = None,
    tenant: TenantOption = None,
) -> None:
    """What was done, on stdout, the oldest first: from --since on and before --to.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.

    Examples: [bold]trueup audit export --format csv --since 2027-01-01 > january.csv[/] ·
    [bold]trueup audit export --format jsonl --object chg_0d9c8b7a6f[/]
    """
    which = Which(about=object_, since=_utc(since), until=_utc(to))

    async def writing(command: Command) -> None:
        write = _writer(as_)
        async for entry in audit.export(command.context, command.tenant, which):
            write(entry)

    run_command(ctx, tenant, writing)


def _writer(as_: As) -> Callable[[AuditEntry], object]:
    if as_ is As.JSONL:
        return lambda entry: sys.stdout.write(entry.model_dump_json() + "\n")
    table = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
    table.writerow(AuditEntry.model_fields)
    return lambda entry: table.writerow(map(cell, entry.model_dump(mode="json").values()))


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    match value:
        case None:
            text = ""
        case str():
            text = value
        case _:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    safe = _FORMULA.sub(lambda start: f"{start[0]}'", text)
    return f"'{safe}" if safe.startswith(_BLANK) else safe


def _standing(found: Verification) -> Text:
    if found.first is not None:
        return Text(f"broken: {found.broken}", style="red")
    return Text("holds", style="green")


def _unsealed(found: Verification) -> str | None:
    waiting = (
        f"{of.rows} of {of.source}, the oldest of {of.oldest:%Y-%m-%d %H:%M:%S} UTC"
        for of in found.unsealed
    )
    return "; ".join(waiting) or None


def _broken(found: Verification, first: Break) -> Problem:
    where = f"{first.source} {first.place}" if first.number is None else f"seal {first.number}"
    of = "" if first.number is None else f", which is of {first.source} {first.place}"
    return Problem(
        f"the chain of {found.tenant} is broken at {where}{of}, about {first.object}: {first.what}",
        code=ExitCode.FAILED,
        remedy="do as docs/runbooks/audit.md says; change nothing before",
    )


def _utc(given: datetime | None) -> datetime | None:
    return None if given is None else given.replace(tzinfo=UTC)
