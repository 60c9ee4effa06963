"""`trueup connections`: vendors, and which of them are away."""

import typer

from cli.command import TenantOption, run_command, state
from cli.output import Format, Output, show_json, show_rows
from operations import connections

app = typer.Typer(help="Connections to vendors.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Connections to vendors."""


@app.command("list")
def list_(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """Whether each vendor is there, since when, and how many calls at once it takes.

    `open` is one that is away: nothing is sent to it, and what waits goes on by itself. Where the
    ERP wants one to post for a legal entity at a time, it is shown which worker does.

    Examples: [bold]trueup connections list[/] · [bold]trueup connections list -o json[/]
    """
    found = run_command(
        ctx, tenant, lambda command: connections.list_(command.context, command.tenant)
    )
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        (
            (
                one.connection,
                state(one.state),
                one.since,
                one.limit_seen,
                one.reason,
                one.probe_at,
                one.exception_id,
            )
            for one in found.items
        ),
        ("connection", "breaker", "since", "at once", "reason", "next look", "exception"),
        empty="no worker has looked at a connection yet",
    )
    if found.lanes:
        show_rows(
            ((one.entity, one.holder, one.build, one.until) for one in found.lanes),
            ("posts for", "worker", "version", "until"),
        )
