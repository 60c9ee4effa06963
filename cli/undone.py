"""What an abort would undo, and what it has undone begun anew."""

from typing import Annotated

import typer

from cli.command import TenantOption, run_command
from cli.ids import ExceptionId
from cli.output import Format, Output, note, show_json, show_rows
from operations import undoing


def undoes(
    ctx: typer.Context,
    exception_id: ExceptionId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What `abort` would undo, on each system and in its order. Nothing is done.

    Example: [bold]trueup exceptions undoes exc_5f1d2c3b4a596877[/]
    """
    preview = run_command(
        ctx,
        tenant,
        lambda command: undoing.abort_preview(command.context, command.tenant, exception_id),
    )
    if output is Format.JSON:
        show_json(preview)
        return
    if preview.by_hand:
        note("It is of an undo: abort says that a person has done it, and undoes nothing more.")
        return
    show_rows(
        (
            (
                undone.system,
                undone.step,
                undone.document,
                undone.amount,
                undone.fate.value.replace("_", " "),
                None if undone.certain else "if it is there",
            )
            for undone in preview.undone
        ),
        ("system", "step", "document", "amount", "becomes", ""),
        empty="nothing was done yet that could be undone",
    )
    if preview.held:
        note(f"Stays out of the ERP until it is released: {', '.join(preview.held)}.")


def reopen(
    ctx: typer.Context,
    exception_id: ExceptionId,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Begin anew what an abort has undone: what it kept out is released, and a change of its own
    carries out what billing says now.

    Example: [bold]trueup exceptions reopen exc_1 --reason 'the customer wants it after all'[/]
    """
    given = undoing.ReopenRequest(reason=reason)
    reopened = run_command(
        ctx,
        tenant,
        lambda command: undoing.reopen(
            command.context, command.tenant, exception_id, given, by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(reopened)
        return
    note(f"Begun anew by change {', '.join(reopened.change_ids)}; what was undone stays so.")
    if reopened.released:
        note(f"Released: {', '.join(reopened.released)}.")
