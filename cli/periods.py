"""`trueup periods`: which months are closed, their reports, and what may stand in them."""

from pathlib import Path
from typing import Annotated

import typer

from canonical_models.base import Canonical
from canonical_models.closing import CloseReport, PeriodView
from cli.close import Entity, Period
from cli.command import Command, Cursor, Limit, TenantOption, run_command, state, tell_of_more
from cli.ids import InEntity
from cli.output import Format, Output, Problem, note, show_json, show_rows
from cli.period_rows import show_differences, show_sums, tell_what_to_do
from operations import closing, closing_accepting
from operations.closing_page import page_of
from operations.errors import NotFound

app = typer.Typer(
    help="Months of legal entities, and their reports.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Difference = Annotated[str, typer.Argument(help="As `trueup close` shows it: dif_….")]
Version = Annotated[
    int | None, typer.Option("--report-version", min=1, help="This version of the report.")
]
Why = Annotated[str, typer.Option("--reason", help="Why: it is sealed with the decision.")]


class _Shown(Canonical):
    period: PeriodView
    report: CloseReport | None


@app.command("list")
def list_periods(
    ctx: typer.Context,
    entity: InEntity = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Months that somebody has begun to close, the newest first.

    Examples: [bold]trueup periods list[/] · [bold]trueup periods list --entity LE-DE -o json[/]
    """
    page = run_command(
        ctx,
        tenant,
        lambda command: closing.list_(
            command.context, command.tenant, legal_entity=entity, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                each.legal_entity,
                each.period,
                state(each.state.value),
                each.version or None,
                each.by,
                each.at,
                len(each.standing) or None,
                each.close_id,
            )
            for each in page.items
        ),
        ("entity", "month", "state", "version", "by", "at", "stand", "report"),
        empty="no month was closed yet",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    version: Version = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Where a month stands: its report, or what kept it open when it was last to be closed.

    Reads our own tables alone.

    Examples: [bold]trueup periods show LE-DE 2027-01[/] · \
[bold]trueup periods show LE-DE 2027-01 --report-version 1 -o json[/]
    """

    async def work(command: Command) -> _Shown:
        view = await closing_accepting.show(command.context, command.tenant, entity, period)
        try:
            kept = await closing.report(command.context, command.tenant, entity, period, version)
        except NotFound:
            if version is not None:
                raise
            return _Shown(period=view, report=None)
        return _Shown(period=view, report=kept.read())

    shown = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(shown)
        return
    view = shown.period
    note(f"{entity} {period} is {view.state.value}, by {view.by} at {view.at:%Y-%m-%d %H:%M} UTC")
    if view.reopened is not None:
        note(f"Reopened by {view.reopened.by}: {view.reopened.reason}")
    if shown.report is not None:
        report = shown.report
        note(f"Version {report.version}, closed by {report.closed_by}:")
        show_sums(report)
        if report.differences:
            show_differences(report.differences, empty="")
        for left_out in report.read.not_compared:
            note(f"Not compared: {left_out}")
    if view.tried_at is not None:
        note(f"When it was to be closed at {view.tried_at:%Y-%m-%d %H:%M} UTC, these stood:")
        show_differences(shown.period.standing, empty="nothing but writes under way")
        tell_what_to_do(shown.period.standing, entity, period)


@app.command("print")
def print_report(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    file: Annotated[Path, typer.Argument(help="Where the page goes: an .html file.")],
    version: Version = None,
    tenant: TenantOption = None,
) -> None:
    """Write the report of a month as one page to print: HTML that loads nothing.

    Example: [bold]trueup periods print LE-DE 2027-01 january.html[/]
    """
    kept = run_command(
        ctx,
        tenant,
        lambda command: closing.report(command.context, command.tenant, entity, period, version),
    )
    try:
        file.write_text(page_of(kept), encoding="utf-8")
    except OSError as fault:
        raise Problem(
            f"{file} cannot be written: {fault.strerror}", remedy="name a file that can be"
        ) from fault
    note(f"Version {kept.version} of {entity} {period} is in {file}")


@app.command()
def accept(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    difference: Difference,
    reason: Why,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Accept a difference that keeps a month open: it may stand, for this reason.

    It is accepted as it was when the month was last to be closed; once it differs otherwise it is
    open again. Then close the month again.

    Example: [bold]trueup periods accept LE-DE 2027-01 dif_0d9c8b7a6f5e --reason 'written off'[/]
    """
    done = run_command(
        ctx,
        tenant,
        lambda command: closing_accepting.accept(
            command.context, command.tenant, entity, period, difference, reason, by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(done)
        return
    show_differences((done.difference,), empty="")
    if not done.changed:
        note("It was decided already; nothing has changed.")
    note(f"Close the month again: `trueup close {entity} {period}`")


@app.command()
def withdraw(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    difference: Difference,
    reason: Why,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Take back that a difference was accepted, while its month is open.

    Example: [bold]trueup periods withdraw LE-DE 2027-01 dif_0d9c8b7a6f5e --reason 'a slip'[/]
    """
    done = run_command(
        ctx,
        tenant,
        lambda command: closing_accepting.withdraw(
            command.context, command.tenant, entity, period, difference, reason, by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(done)
        return
    show_differences((done.difference,), empty="")


@app.command()
def reopen(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    reason: Why,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Open a closed month again: its report is kept, and the next one names it.

    Example: [bold]trueup periods reopen LE-DE 2027-01 --reason 'a supplier credit came late'[/]
    """
    view = run_command(
        ctx,
        tenant,
        lambda command: closing.reopen(
            command.context, command.tenant, entity, period, reason, by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(view)
        return
    note(f"{entity} {period} is open again; version {view.version} of its report is kept")
