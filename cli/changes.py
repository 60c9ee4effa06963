"""`trueup changes`: see what changes do across all systems, stop, cancel and signal them."""

import json
from typing import Annotated, Any

import typer

from canonical_models.states import ChangeOutcome, ChangeState, ExceptionState
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
from cli.following import Timeout, Wait
from cli.ids import ChangeId, OfSubject, OfSubscription
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from cli.timeline import show_change
from operations import changes, holding
from workflows.names import DECIDE

app = typer.Typer(
    help="Changes of subscriptions and accounts, and their way through all systems.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    state_: Annotated[
        str | None,
        typer.Option("--state", help=f"Only those in this state: {', '.join(ChangeState)}."),
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(help=f"Only those that came to this: {', '.join(ChangeOutcome)}."),
    ] = None,
    lost: Annotated[
        bool,
        typer.Option("--lost", help="Only those whose saga was lost, and begun anew."),
    ] = False,
    subscription: OfSubscription = None,
    subject: OfSubject = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The newest changes and where they stand.

    Examples: [bold]trueup changes list --state waiting[/] ·
    [bold]trueup changes list --subscription sub_1 -o json[/] ·
    [bold]trueup changes list --outcome cancelled[/] ·
    [bold]trueup changes list --subject account:cus_x[/]
    """
    state_only = one_of(ChangeState, state_, "change")
    outcome_only = one_of(ChangeOutcome, outcome, "change")
    if subject is not None and subscription is not None and subject != subscription:
        raise Problem(
            "--subscription and --subject name different subjects",
            code=ExitCode.USAGE,
            remedy="use one of them",
        )
    page = run_command(
        ctx,
        tenant,
        lambda command: changes.list_(
            command.context,
            command.tenant,
            state=state_only,
            outcome=outcome_only,
            lost=lost,
            subject=subject or subscription,
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
                change.change_id,
                change.received_at,
                change.subject,
                change.kind.value,
                state(change.outcome or change.state),
                change.summary,
            )
            for change in page.items
        ),
        ("change", "received", "subject", "kind", "state", "summary"),
        empty="no changes",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    change_id: ChangeId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The timeline of a change: every step in every system, with documents and links.

    Example: [bold]trueup changes show chg_0123456789abcdef0123[/]
    """
    detail = run_command(
        ctx, tenant, lambda command: changes.show(command.context, command.tenant, change_id)
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        show_change(detail)


@app.command()
def cancel(
    ctx: typer.Context,
    change_id: ChangeId,
    wait: Wait = False,
    timeout: Timeout = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Take back what a change has done, and end it.

    Documents that are posted stay: only `trueup exceptions resolve … abort` reverses them.

    Examples: [bold]trueup changes cancel chg_0123456789abcdef0123[/] ·
    [bold]trueup changes cancel chg_0123456789abcdef0123 --wait[/]
    """

    async def work(command: Command) -> tuple[changes.Cancelled, changes.ChangeDetail]:
        before = await changes.show(command.context, command.tenant, change_id)
        waiting = [
            found.exception_id for found in before.exceptions if found.state is ExceptionState.OPEN
        ]
        cancelled = await changes.cancel(command.context, command.tenant, change_id, by=command.by)
        if wait:
            await changes.followed(
                command.context,
                command.tenant,
                change_id,
                apart_from=waiting,
                bound=timeout,
            )
        return cancelled, await changes.show(command.context, command.tenant, change_id)

    cancelled, detail = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json({"cancelled": cancelled, "change": detail.change})
    else:
        follow = f" Follow it with `trueup changes show {change_id}`."
        note(detail.words if wait else cancelled.words + follow)
    if wait and detail.change.state is not ChangeState.SETTLED:
        raise Problem(
            f"change {change_id} has not been undone within {timeout:g} seconds",
            remedy=f"see where it stands with `trueup changes show {change_id}`",
        )


@app.command()
def hold(
    ctx: typer.Context,
    change_id: ChangeId,
    reason: Annotated[str, typer.Option(help="Why: for those who find it held.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Stop a change where it stands, and what comes after it of its subject, until `release`.

    Nothing is taken back. Terminating its saga stops nothing: the change is carried out anew.

    Example: [bold]trueup changes hold chg_0123456789abcdef0123 --reason 'books are moved'[/]
    """
    held = run_command(
        ctx,
        tenant,
        lambda command: holding.hold(
            command.context, command.tenant, change_id, by=command.by, reason=reason
        ),
    )
    if output is Format.JSON:
        show_json(held)
    else:
        note(f"{held.words} Let it go on with `trueup changes release {change_id}`.")


@app.command()
def release(
    ctx: typer.Context,
    change_id: ChangeId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Let a change go on that is held.

    Example: [bold]trueup changes release chg_0123456789abcdef0123[/]
    """
    released = run_command(
        ctx,
        tenant,
        lambda command: holding.release(command.context, command.tenant, change_id, by=command.by),
    )
    if output is Format.JSON:
        show_json(released)
    else:
        note(released.words)


@app.command()
def signal(
    ctx: typer.Context,
    change_id: ChangeId,
    name: Annotated[str, typer.Argument(help="`decide`, `newer_change`, or another.")],
    payload: Annotated[str | None, typer.Argument(help="JSON; none for a bare signal.")] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Send a signal to the saga of a change.

    Example: [bold]trueup changes signal chg_0123456789abcdef0123 newer_change[/]
    """
    document = _json(payload)

    async def work(command: Command) -> None:
        await changes.signal(
            command.context,
            command.tenant,
            change_id,
            name,
            document,
            who=command.who,
        )

    run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json({"change_id": change_id, "name": name})
    else:
        kept = "The decision is kept, and handed over to the saga." if name == DECIDE else None
        note(kept or f"The saga of {change_id} has the signal {name}.")


def _json(payload: str | None) -> Any:
    if payload is None:
        return None
    try:
        return json.loads(payload)
    except ValueError as fault:
        raise Problem(
            f"the payload is not JSON: {fault}",
            code=ExitCode.USAGE,
            remedy='put it in single quotes, as in \'{"action": "retry"}\'',
        ) from None
