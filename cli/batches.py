"""`trueup batches`: what is done in bulk, and how far it has come."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from canonical_models.batch import Batch, BatchKind, BatchState, ItemOutcome
from cli.batch_following import Follow, followed
from cli.command import (
    Command,
    Cursor,
    Limit,
    TenantOption,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import BatchId
from cli.output import Format, Output, note, show_json, show_rows
from cli.timeline import show_approval
from operations import batches, release_approving
from operations.batches import BatchDetail
from operations.release_approving import ReleaseYes

app = typer.Typer(
    help="What is done in bulk: see, pause, resume, stop.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[
        str | None, typer.Option(help=f"Only of this kind: {', '.join(BatchKind)}.")
    ] = None,
    state_: Annotated[
        str | None,
        typer.Option("--state", help=f"Only those in this state: {', '.join(BatchState)}."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The newest batches and how far they have come.

    Examples: [bold]trueup batches list --state paused[/] · [bold]trueup batches list -o json[/]
    """
    of_kind = one_of(BatchKind, kind, "batch")
    in_state = one_of(BatchState, state_, "batch")
    page = run_command(
        ctx,
        tenant,
        lambda command: batches.list_(
            command.context,
            command.tenant,
            kind=of_kind,
            state=in_state,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                batch.batch_id,
                batch.kind.value,
                state(batch.state),
                f"{batch.count(ItemOutcome.DONE)} of {batch.total}",
                batch.begun_at,
                batch.begun_by,
                batch.why,
            )
            for batch in page.items
        ),
        ("batch", "kind", "state", "done", "begun", "by", "why"),
        empty="nothing was done in bulk",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    batch_id: BatchId,
    outcome: Annotated[
        str | None, typer.Option(help=f"Only those that came to this: {', '.join(ItemOutcome)}.")
    ] = None,
    follow: Follow = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """One batch: its counts, which add up, and its items with their reasons.

    Examples: [bold]trueup batches show bat_0d9c8b7a6f5e[/] ·
    [bold]trueup batches show bat_0d9c8b7a6f5e --outcome failed -o json[/] ·
    [bold]trueup batches show bat_0d9c8b7a6f5e --follow[/]
    """
    which = one_of(ItemOutcome, outcome, "item")

    async def both(command: Command) -> BatchDetail:
        if follow:
            await followed(command, batch_id, "At work")
        found = await batches.show(command.context, command.tenant, batch_id)
        items = await batches.items(
            command.context, command.tenant, batch_id, outcome=which, after=cursor, limit=limit
        )
        return BatchDetail(batch=found, items=items)

    detail = run_command(ctx, tenant, both)
    if output is Format.JSON:
        show_json(detail)
        return
    _tell(detail.batch)
    show_rows(
        (
            (item.number, item.key, state(item.outcome), item.change_id, item.reason)
            for item in detail.items.items
        ),
        ("", "item", "outcome", "change", "reason"),
        empty="none of its items",
    )
    tell_of_more(detail.items.next)


@app.command()
def pause(ctx: typer.Context, batch_id: BatchId, tenant: TenantOption = None) -> None:
    """Hand nothing more over until it is resumed; what was handed over goes on.

    Example: [bold]trueup batches pause bat_0d9c8b7a6f5e[/]
    """
    _moved(
        ctx,
        tenant,
        lambda command: batches.pause(command.context, command.tenant, batch_id, by=command.by),
    )


@app.command()
def resume(ctx: typer.Context, batch_id: BatchId, tenant: TenantOption = None) -> None:
    """Go on with what is left, behind its trial or what has paused it.

    Example: [bold]trueup batches resume bat_0d9c8b7a6f5e[/]
    """
    _moved(
        ctx,
        tenant,
        lambda command: batches.resume(command.context, command.tenant, batch_id),
    )


@app.command()
def approval(
    ctx: typer.Context,
    batch_id: BatchId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Whose yes a release, or its undo, needs as a whole before it goes on behind its trial.

    Example: [bold]trueup batches approval rel_0d9c8b7a6f5e[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: release_approving.show(command.context, command.tenant, batch_id),
    )
    if output is Format.JSON:
        show_json(found)
        return
    if not found.standing:
        note("It needs nobody's yes.")
        return
    show_approval(found, found.content)
    note(f"Not by {', '.join(found.caused_by)}, who caused it.")


@app.command()
def approve(
    ctx: typer.Context,
    batch_id: BatchId,
    digest: Annotated[
        str,
        typer.Option(
            help="That of what was looked at (`approval` has it): nothing is approved where it is "
            "something else by now."
        ),
    ],
    text: Annotated[str, typer.Option("--note", help="Why; it is kept.")] = "",
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Say yes to a release, or to its undo, as a whole; it goes on once it is resumed.

    Example: [bold]trueup batches approve rel_0d9c8b7a6f5e --digest 5be1a41f --note checked[/]
    """
    asked = ReleaseYes(digest=digest, note=text)
    found = run_command(
        ctx,
        tenant,
        lambda command: release_approving.approve(
            command.context, command.tenant, batch_id, asked, who=command.who
        ),
    )
    if output is Format.JSON:
        show_json(found)
    elif found.missing:
        note("Your yes is kept.")
        show_approval(found, found.content)
    else:
        note(f"It has all that it needs: go on with `trueup batches resume {batch_id}`.")


@app.command()
def stop(ctx: typer.Context, batch_id: BatchId, tenant: TenantOption = None) -> None:
    """End it: what is done stays done, the rest stays as it is.

    Example: [bold]trueup batches stop bat_0d9c8b7a6f5e[/]
    """
    _moved(
        ctx,
        tenant,
        lambda command: batches.stop(command.context, command.tenant, batch_id, by=command.by),
    )


def _moved(
    ctx: typer.Context, tenant: str | None, act: Callable[[Command], Awaitable[Batch]]
) -> None:
    batch = run_command(ctx, tenant, act)
    note(f"batch {batch.batch_id} is {batch.state.value}")


def _tell(batch: Batch) -> None:
    rate = f"{batch.rate} a minute" if batch.rate else None
    show_rows(
        (
            ("kind", batch.kind.value),
            ("state", state(batch.state)),
            ("why", batch.why),
            ("begun", batch.begun_at),
            ("by", batch.begun_by),
            ("rate", rate),
            ("total", batch.total),
            *((outcome.value, count) for outcome in ItemOutcome if (count := batch.count(outcome))),
        ),
        ("", batch.batch_id),
    )
