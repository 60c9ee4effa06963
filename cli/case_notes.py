"""What people note of a case or a cause, from the command line: who has it, tags, comments."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from canonical_models.views import HistoryLine
from cli.command import Command, TenantOption, run_command
from cli.ids import an_id
from cli.output import Format, Output, show_json, show_rows
from operations import cases
from operations.cases import AssignRequest, CommentRequest, Noted, TagsRequest
from operations.naming import Kind
from persistence.causes import Table

#: Where it is not known what is at risk, which is not zero.
UNKNOWN = "unknown"

_NOBODY = "nobody"

Assignee = Annotated[str | None, typer.Option(help="Only those that this person has, or 'nobody'.")]
Tag = Annotated[str | None, typer.Option(help="Only those with this tag.")]


def assigned(given: str | None) -> str | None:
    return "" if given == _NOBODY else given


def add_notes(app: typer.Typer, table: Table, kind: Kind, one: str) -> None:
    """The commands `assign`, `tag` and `comment` of this group; `one` is an id of it, to show how
    it is done."""

    @app.command(
        help="Give it to a person, or back to its team.\n\n"
        f"Example: [bold]trueup {table} assign {one} fay[/]"
    )
    def assign(
        ctx: typer.Context,
        named: Annotated[str, an_id(kind, "As `list` shows it.")],
        to: Annotated[str, typer.Argument(help="A person, or 'nobody'.")],
        text: Annotated[str, typer.Option("--note", help="Why; it is kept.")] = "",
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        given = AssignRequest(to=None if to == _NOBODY else to, note=text)
        _do(
            ctx,
            tenant,
            output,
            lambda command: cases.assign(
                command.context, table, command.tenant, named, given, by=command.by
            ),
        )

    @app.command(
        help="Set its tags; without any it has none.\n\n"
        f"Example: [bold]trueup {table} tag {one} month-end vat[/]"
    )
    def tag(
        ctx: typer.Context,
        named: Annotated[str, an_id(kind, "As `list` shows it.")],
        tags: Annotated[
            list[str] | None, typer.Argument(help="All that it has from now on.")
        ] = None,
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        given = TagsRequest(tags=tuple(tags or ()))
        _do(
            ctx,
            tenant,
            output,
            lambda command: cases.tag(
                command.context, table, command.tenant, named, given, by=command.by
            ),
        )

    @app.command(
        help="Add a line to its history.\n\n"
        f"Example: [bold]trueup {table} comment {one} 'asked the customer'[/]"
    )
    def comment(
        ctx: typer.Context,
        named: Annotated[str, an_id(kind, "As `list` shows it.")],
        text: Annotated[str, typer.Argument(help="Kept in its history.")],
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        given = CommentRequest(text=text)
        _do(
            ctx,
            tenant,
            output,
            lambda command: cases.comment(
                command.context, table, command.tenant, named, given, by=command.by
            ),
        )


def show_history(history: tuple[HistoryLine, ...]) -> None:
    show_rows(
        ((line.at, line.by, line.what.replace("_", " "), line.note) for line in history),
        ("at", "who", "what", "note"),
    )


def _do(
    ctx: typer.Context,
    tenant: str | None,
    output: Format,
    work: Callable[[Command], Awaitable[Noted]],
) -> None:
    noted = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(noted)
    else:
        show_history(noted.history)
