"""`trueup close`: a month of a legal entity is closed, and what both sides say is sealed."""

from typing import Annotated

import typer

from cli.command import TenantOption, run_command
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from cli.period_rows import show_differences, show_sums, tell_what_to_do
from operations import closing
from operations.closing import Closed

Entity = Annotated[str, typer.Argument(help="Code of the legal entity, as the ERP has it.")]
Period = Annotated[str, typer.Argument(help="The month, as 2027-01.")]


def close(
    ctx: typer.Context,
    entity: Entity,
    period: Period,
    note_: Annotated[
        str, typer.Option("--note", help="Why: it is kept with the report.", show_default=False)
    ] = "",
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Close a month of a legal entity, and seal what both sides say.

    Billing and the ERP's books are read and compared first. While a difference stands that nobody
    has decided, or a write is under way, it is refused: each is listed with what to do about it.
    Once it is closed nothing of ours is dated into the month. Closing it again shows the same
    report as long as both sides say the same. Exits with 4 where it is refused.

    Examples: [bold]trueup close LE-DE 2027-01[/] · \
[bold]trueup close LE-DE 2027-01 --note 'reviewed by Jane' -o json[/]
    """
    done = run_command(
        ctx,
        tenant,
        lambda command: closing.close(
            command.context, command.tenant, entity, period, by=command.by, note=note_
        ),
    )
    if output is Format.JSON:
        show_json(done)
    else:
        _show(done, entity, period)
    if done.outcome == "refused":
        why = closing.refusal(done)
        raise Problem(why.detail, code=ExitCode.CONFLICT, remedy=why.remedy)


def _show(done: Closed, entity: str, period: str) -> None:
    if done.report is None:
        show_differences(done.standing, empty="no difference stands")
        tell_what_to_do(done.standing, entity, period)
        for each in done.in_flight:
            note(f"Under way: {each}. Wait for it")
        return
    show_sums(done.report)
    view, report = done.period, done.report
    how = "was closed already, and says the same" if done.outcome == "unchanged" else "is closed"
    note(f"{entity} {period} {how}: version {view.version}, {view.close_id}, by {report.closed_by}")
    note(f"SHA-256 of the report: {view.digest}")
    if report.differences:
        note(f"{len(report.differences)} differences stand, each by somebody's decision.")
    for left_out in report.read.not_compared:
        note(f"Not compared: {left_out}")
    note(f"Print it: `trueup periods print {entity} {period} FILE`")
