"""`trueup inbox`: received webhooks, dead letters, and reading them again."""

from datetime import UTC
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from canonical_models.acts import Act
from canonical_models.states import InboxStatus
from cli.command import (
    Command,
    Cursor,
    Limit,
    Since,
    TenantOption,
    To,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import Receipt
from cli.output import Format, Output, note, show_json, show_rows
from operations import inbox
from operations.inbox import ReplayMany, ReplaysForeseen
from operations.permissions import require

app = typer.Typer(
    help="Received webhooks, dead letters, replay.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_(
    ctx: typer.Context,
    status: Annotated[
        str | None, typer.Option(help=f"Only those of this status: {', '.join(InboxStatus)}.")
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The newest webhooks and what became of them.

    Examples: [bold]trueup inbox list --status dead_lettered[/] · [bold]trueup inbox list -o json[/]
    """
    status_only = one_of(InboxStatus, status, "webhook")
    page = run_command(
        ctx,
        tenant,
        lambda command: inbox.list_(
            command.context,
            command.tenant,
            status=status_only,
            event_type=type_,
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
                item.receipt,
                item.received_at,
                item.event_type,
                state(item.status),
                item.change_id or item.reason,
            )
            for item in page.items
        ),
        ("receipt", "received", "type", "status", "change or reason"),
        empty="the inbox is empty",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    receipt: Receipt,
    raw: Annotated[
        bool, typer.Option("--raw", help="Also the body as it came; it may be personal data.")
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """One webhook; with --raw its signed body.

    Example: [bold]trueup inbox show rcp_0d9c8b7a6f5e4d3c2b1a09f8 --raw[/]
    """

    async def work(command: Command) -> inbox.InboxDetail:
        if raw:
            require(command.who, Act.INBOX_BODIES)
        return await inbox.show(command.context, command.tenant, receipt, raw=raw)

    detail = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(detail)
        return
    item = detail.item
    show_rows(
        (
            ("status", state(item.status)),
            ("event", f"{item.event_type} {item.event_id}"),
            ("connection", item.connection),
            ("received", item.received_at),
            ("settled", item.settled_at),
            ("bytes", item.size),
            ("replays", item.replays),
            ("change", item.change_id),
            ("reason", item.reason),
        ),
        ("", item.receipt),
    )
    if detail.body is not None:
        Console(highlight=False, soft_wrap=True).print(Text(detail.body))


@app.command()
def replay(
    ctx: typer.Context,
    receipt: Receipt,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Read a webhook again, as if it had just come. Nothing is posted twice.

    Examples: [bold]trueup inbox replay rcp_0d9c8b7a6f5e4d3c2b1a09f8 --dry-run[/] ·
    [bold]trueup inbox replay rcp_0d9c8b7a6f5e4d3c2b1a09f8[/]
    """
    replayed = run_command(
        ctx,
        tenant,
        lambda command: inbox.replay(command.context, command.tenant, receipt, dry_run=dry_run),
    )
    if output is Format.JSON:
        show_json(replayed)
    else:
        note(replayed.words)


@app.command("replay-all")
def replay_all(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the batch.")],
    status: Annotated[
        str | None, typer.Option(help=f"Only those of this status: {', '.join(InboxStatus)}.")
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    since: Since = None,
    to: To = None,
    rate: Annotated[int, typer.Option(min=1, max=60_000, help="How many a minute.")] = 600,
    trial: Annotated[
        bool,
        typer.Option("--trial", help="Do the first one (or read it), then wait to be resumed."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Read all webhooks again that fit now, in the order in which they came.

    Examples: [bold]trueup inbox replay-all --status dead_lettered --reason "mended" --trial[/] ·
    [bold]trueup inbox replay-all --status dead_lettered --reason "mended" --dry-run[/]
    """
    asked = ReplayMany(
        status=one_of(InboxStatus, status, "webhook"),
        event_type=type_,
        since=since and since.replace(tzinfo=UTC),
        until=to and to.replace(tzinfo=UTC),
        rate=rate,
        trial=trial,
        reason=reason,
    )
    if dry_run:
        _show_foreseen(
            run_command(
                ctx,
                tenant,
                lambda command: inbox.foresee_many(command.context, command.tenant, asked),
            ),
            output,
        )
        return
    batch = run_command(
        ctx,
        tenant,
        lambda command: inbox.replay_many(command.context, command.tenant, asked, by=command.by),
    )
    if output is Format.JSON:
        show_json(batch)
    else:
        note(f"{batch.total} are read again: follow it with `trueup batches show {batch.batch_id}`")


def _show_foreseen(found: ReplaysForeseen, output: Format) -> None:
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        ((each.item.receipt, each.item.event_type, each.words) for each in found.items),
        ("receipt", "type", "what would happen"),
        empty="no webhook fits that could be read again",
    )
    if found.total > len(found.items):
        note(f"{found.total} fit; these are the first {len(found.items)}.")
