"""`trueup connections`: vendors, which of them are away, and whether they are set up."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import structlog
import typer

from cli import recordings
from cli.choices import chosen
from cli.command import (
    Cursor,
    Limit,
    TenantOption,
    problem_of_refusal,
    run_command,
    state,
    tell_of_more,
    tenant_of,
)
from cli.output import Format, Output, Problem, note, show_json, show_rows
from operations import connection_checks, connections
from operations.errors import NotDone
from runtime.settings import Settings

Result = TypeVar("Result")

app = typer.Typer(help="Connections to vendors.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Connections to vendors."""


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Whether each vendor is there, since when, and how many calls at once it takes.

    `open` is one that is away: nothing is sent to it, and what waits goes on by itself. `drifts`
    are calls whose answers did not fit the vendor's contract and that wait for ones that do:
    [bold]trueup connections drifts[/] says which. Where the ERP wants one to post for a legal
    entity at a time, it is shown which worker does.

    Examples: [bold]trueup connections list[/] · [bold]trueup connections list -o json[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: connections.list_(
            command.context, command.tenant, after=cursor, limit=limit
        ),
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
                one.drifts,
                one.exception_id,
            )
            for one in found.items
        ),
        ("connection", "breaker", "since", "at once", "reason", "next look", "drifts", "exception"),
        empty="no worker has looked at a connection yet",
    )
    if found.lanes:
        show_rows(
            ((one.entity, one.holder, one.build, one.until) for one in found.lanes),
            ("posts for", "worker", "version", "until"),
        )
    tell_of_more(found.next)


@app.command()
def drifts(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A connection; without it all of them.")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what of vendors' answers does not fit their contract, and how much waits for it.

    What something waits for is asked of operations once for its connection, and closes by itself
    when answers fit again. Exit code 1 while there is any. Words of a vendor's lists that are not
    known here, and that nothing depends on, are shown beside with how they are read; nothing waits
    for them, and what was not met for a week is left out.

    Examples: [bold]trueup connections drifts[/] · [bold]trueup connections drifts stripe -o json[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: connections.drifts(command.context, command.tenant, name),
    )
    if output is Format.JSON:
        show_json(found)
    else:
        show_rows(
            (
                (
                    one.connection,
                    one.operation,
                    one.path,
                    one.change,
                    one.objects if one.waits else "nothing",
                    one.since,
                )
                for one in found.items
            ),
            ("connection", "asked", "where", "what", "waiting", "since"),
            empty="all that vendors answer fits",
        )
    if waiting := [one for one in found.items if one.waits]:
        raise Problem(
            f"{len(waiting)} things that vendors answer do not fit their contract",
            remedy="compare the vendor's changelog; what waits goes on by itself when they fit",
        )


@app.command()
def check(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="A connection, or a vendor such as stripe; without it all of them."),
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Look at connections before anything is done through them, and say what is wrong.

    Nothing is changed, here or there. Exit code 1 when something is wrong; what cannot be seen from
    outside is told as unknown.

    Examples: [bold]trueup connections check[/] · [bold]trueup connections check stripe -o json[/]
    """
    found = _run(ctx, tenant, lambda settings, of: connection_checks.check(settings, of, name))
    if output is Format.JSON:
        show_json(found)
    else:
        show_rows(
            (
                (one.connection, finding.looked_at, state(finding.verdict.value), finding.meaning)
                for one in found.connections
                for finding in one.findings
            ),
            ("connection", "looked at", "is", "meaning"),
        )
        for one in found.connections:
            for finding in one.findings:
                if finding.next_step is not None:
                    # Whole, whatever the table had room for.
                    note(
                        f"{one.connection}, {finding.looked_at}: {finding.meaning}. Next: "
                        f"{finding.next_step}."
                    )
    if found.wrong:
        raise Problem(
            f"{found.wrong} things are wrong, {found.unknown} cannot be seen",
            remedy="do what each says, and look again",
        )


@app.command()
def setup(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A connection, or its vendor, such as stripe.")],
    apply: Annotated[
        bool,
        typer.Option(
            "--apply/--rehearse",
            help="Do it, or try it out: a rehearsal says what would be made, and makes nothing.",
        ),
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a vendor made ready: endpoint, events, fields, webhook.

    Without --apply it is only said what would be made. What is as it should be is left alone, so it
    may be repeated. A signing secret is written to the `file:` of `webhook_secrets`, and never
    shown.

    Examples: [bold]trueup connections setup stripe[/] · \
[bold]trueup connections setup stripe --apply[/]
    """
    made = _run(
        ctx,
        tenant,
        lambda settings, of: connection_checks.setup(settings, of, name, apply=apply),
    )
    if output is Format.JSON:
        show_json(made)
        return
    for step in made.steps:
        note(f"{'done' if step.done else 'would be done'}: {step.what}")
    if not made.steps:
        note(f"{made.connection} is set up as it should be: nothing to do")
    elif not made.applied:
        note("Nothing was changed: do it with --apply.")
    else:
        note(
            "Start API and workers anew where a secret was written, then look with `trueup "
            f"connections check {made.connection}`."
        )


app.command("record")(recordings.record)
app.command("replay")(recordings.replay)


def _run(
    ctx: typer.Context, tenant: str | None, work: Callable[[Settings, str], Awaitable[Result]]
) -> Result:
    """With the installation's configuration alone. Raises Problem as other commands do."""
    settings = chosen(ctx).settings()
    of = tenant_of(settings, tenant)

    async def working() -> Result:
        return await work(settings, of)

    before = structlog.get_config()
    # Stdout is the result alone; a request that is refused on purpose is no news of its own.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    try:
        return asyncio.run(working())
    except NotDone as fault:
        raise problem_of_refusal(fault) from fault
    finally:
        structlog.configure(**before)
