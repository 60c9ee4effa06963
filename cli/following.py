"""A look at billing that is asked for, waited for or not, and what is told of it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from canonical_models.states import ChangeState
from canonical_models.views import ChangeView
from cli.command import Command, run_command
from cli.output import Format, Problem, note, show_json
from cli.previews import show_foreseen
from operations import changes
from operations.syncing import SyncStarted

Wait = Annotated[
    bool, typer.Option("--wait", help="Until it has come to its end: settled, or asking a person.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Timeout = Annotated[float, typer.Option(min=1, max=3600, help="Seconds that --wait lasts.")]


def look(
    ctx: typer.Context,
    tenant: str | None,
    ask: Callable[[Command], Awaitable[SyncStarted]],
    *,
    dry_run: bool,
    wait: bool,
    timeout: float,
    output: Format,
) -> None:
    """Raises Problem where it was waited for and has not settled within `timeout` seconds."""
    if dry_run and wait:
        raise typer.BadParameter("a dry run begins nothing that could be waited for")

    async def work(command: Command) -> tuple[SyncStarted, ChangeView | None]:
        asked = await ask(command)
        if not wait or asked.change_id is None:
            return asked, None
        change = await changes.followed(
            command.context, command.tenant, asked.change_id, bound=timeout
        )
        return asked, change

    asked, change = run_command(ctx, tenant, work)
    _tell(asked, change, timeout=timeout, output=output)


def _tell(asked: SyncStarted, change: ChangeView | None, *, timeout: float, output: Format) -> None:
    """`change` is None where nobody waited for it."""
    waits = f"Follow it with `trueup changes show {asked.change_id}`."
    if output is Format.JSON:
        show_json({**asked.model_dump(mode="json"), "change": change})
    elif change is not None and change.state is ChangeState.SETTLED:
        note(f"Change {change.change_id} is {change.outcome}: {change.summary or 'done'}.")
    elif asked.foreseen is not None:
        show_foreseen(asked.foreseen)
        note(f"It waits already. {waits}" if asked.already else "Nothing was begun.")
    else:
        note(waits)
    if change is not None and change.state is not ChangeState.SETTLED:
        raise Problem(
            f"change {change.change_id} is {change.state} after {timeout:g} seconds or waits for a "
            "person",
            remedy=f"see it with `trueup changes show {change.change_id}`",
        )
