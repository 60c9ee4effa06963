"""What people note of a case or a cause, from the command line: who has it, tags, comments."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from canonical_models.views import HistoryLine
from cli.command import Command, TenantOption, run_command
from cli.output import Format, Output, show_json, show_rows
from operations import cases
from operations.cases import AssignRequest, CommentRequest, Noted, TagsRequest
from persistence.causes import Table

#: Where it is not known what is at risk, which is not zero.
UNKNOWN = "unknown"

_NOBODY = "nobody"

About = Annotated[str, typer.Argument(help="As `list` shows it.")]
Assignee = Annotated[str | None, typer.Option(help="Only those that this person has, or 'nobody'.")]
Tag = Annotated[str | None, typer.Option(help="Only those with this tag.")]


def assigned(given: str | None) -> str | None:
    return "" if given == _NOBODY else given


def add_notes(app: typer.Typer, table: Table) -> None:
    """The commands `assign`, `tag` and `comment` of this group."""

    @app.command()
    def assign(
        ctx: typer.Context,
        named: About,
        to: Annotated[str, typer.Argument(help="A person, or 'nobody'.")],
        text: Annotated[str, typer.Option("--note", help="Said with it.")] = "",
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        """Give it to a person, or back to its team."""
        given = AssignRequest(to=None if to == _NOBODY else to, note=text)
        _do(
            ctx,
            tenant,
            output,
            lambda command: cases.assign(
                command.context, table, command.tenant, named, given, by=command.by
            ),
        )

    @app.command()
    def tag(
        ctx: typer.Context,
        named: About,
        tags: Annotated[
            list[str] | None, typer.Argument(help="All that it has from now on.")
        ] = None,
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        """Set its tags; without any it has none."""
        given = TagsRequest(tags=tuple(tags or ()))
        _do(
            ctx,
            tenant,
            output,
            lambda command: cases.tag(
                command.context, table, command.tenant, named, given, by=command.by
            ),
        )

    @app.command()
    def comment(
        ctx: typer.Context,
        named: About,
        text: Annotated[str, typer.Argument(help="Kept in its history.")],
        tenant: TenantOption = None,
        output: Output = Format.TABLE,
    ) -> None:
        """Add a line to its history."""
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
