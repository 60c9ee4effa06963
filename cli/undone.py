"""What an abort would undo, what it has undone begun anew, and a release undone."""

from typing import Annotated

import typer

from canonical_models.batch import Batch
from cli.command import Command, TenantOption, run_command
from cli.following import DryRun
from cli.ids import BatchId, ExceptionId
from cli.output import Format, Output, note, show_json, show_rows
from operations import undoing, undoing_releases
from operations.undoing_releases import ReleaseUndo, ReleaseUndoAsked


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


def undo_release(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    batch_id: BatchId,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    count: Annotated[
        int | None, typer.Option(min=1, help="How many documents, where they are more than ten.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(help="The one that is tried alone, before the others (a document)."),
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=6000, help="How many a minute.")] = 60,
    dry_run: DryRun = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Take back what a release has posted: one document alone, then, once resumed, all others.

    Resuming it sets the mappings of the release back as well. What is settled or credited stays.

    Examples: [bold]trueup exceptions undo-release rel_0d9c8b7a6f5e --reason wrong --dry-run[/] ·
    [bold]trueup exceptions undo-release rel_0d9c8b7a6f5e --reason 'another article'[/]
    """
    asked = ReleaseUndoAsked(reason=reason, count=count, first=first, rate=rate)

    async def work(command: Command) -> ReleaseUndo | Batch:
        of = (command.context, command.tenant, batch_id)
        if dry_run:
            return await undoing_releases.foresee(*of)
        return await undoing_releases.begin(*of, asked, who=command.who)

    found = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(found)
    elif isinstance(found, ReleaseUndo):
        _tell_undo(found)
    else:
        named = found.batch_id
        note(
            f"{named} takes back the first of {found.total}: see it with "
            f"`trueup batches show {named}`, then go on with `trueup batches resume {named}`"
        )


def _tell_undo(found: ReleaseUndo) -> None:
    show_rows(
        (
            (each.document_id, each.erp_number, each.gross, each.why or "is taken back")
            for each in found.documents
        ),
        ("document", "in the ERP", "amount", "it"),
        empty="the release has posted nothing",
    )
    for mapping in found.mappings:
        if not mapping.holds:
            became = "stays: something else was set since"
        elif mapping.before is None:
            became = "holds no longer, as before the release"
        else:
            became = "is again what it was before the release"
        note(f"The mapping of {mapping.kind} {mapping.source} {became}.")
    sums = ", ".join(map(str, found.totals))
    note(f"{found.many} documents would be taken back{f', {sums}' if sums else ''}.")
