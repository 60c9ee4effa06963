"""`trueup backfill`: what is missing or has changed is brought about in bulk, after a rehearsal."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from canonical_models.backfill import BackfillSubject, Selection
from canonical_models.batch import BatchState, ItemOutcome
from cli.adopt import AnyCustomer, Apply, Yes
from cli.backfill_rows import show_report
from cli.batch_following import Follow, followed
from cli.command import Command, Since, TenantOption, To, run_command
from cli.ids import BatchId, OfCustomer
from cli.output import ExitCode, Format, Output, Problem, show_json
from cli.targets import Target
from operations import backfills
from operations.backfills import BackfillAsked, BackfillReport

app = typer.Typer(
    help="What is missing or has changed, brought about in bulk.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Customers = Annotated[
    typer.FileText | None,
    typer.Option(
        "--customers", help="Only of the billing customers in this file, one a line; - is stdin."
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(min=1, max=60_000, help="How many a minute (default: as vendors take)."),
]
Trial = Annotated[
    bool, typer.Option("--trial", help="Do the first one (or read it), then wait to be resumed.")
]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the batch.")]
#: What a backfill has left for people.
_LEFT = (ItemOutcome.WAITS, ItemOutcome.NEEDS_APPROVAL, ItemOutcome.FAILED, ItemOutcome.SET_ASIDE)


@app.command()
def history(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    apply: Apply = False,
    customer: AnyCustomer = None,
    customers: Customers = None,
    since: Since = None,
    to: To = None,
    yes: Yes = False,
    rate: Rate = None,
    trial: Trial = False,
    reason: Reason = "",
    follow: Follow = True,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Synchronise subscriptions and accounts again, with all that billing has issued.

    What is missing anywhere is brought about by the sagas as ever, behind live changes. Without a
    time billing is asked who there is; with one it is what has moved in it, as far as it is known
    here. --apply carries out what a rehearsal of the same has found to differ.

    A worker does it: Ctrl-C leaves it running. `trueup batches` pauses, resumes and stops it.

    Examples: [bold]trueup backfill history --since 2026-11-01 --to 2026-11-03[/] ·
    [bold]trueup backfill history --customer cus_x --apply[/]
    """
    selection = Selection(
        subject=BackfillSubject.HISTORY,
        customers=_customers(customer, customers),
        since=_utc(since),
        until=_utc(to),
    )
    _begun(ctx, tenant, _asked(selection, apply, yes, rate, trial, reason), follow, output)


@app.command()
def mapping(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    item: Annotated[
        str | None, typer.Argument(help="The key of an item whose mapping has changed.")
    ] = None,
    apply: Apply = False,
    customer: OfCustomer = None,
    yes: Yes = False,
    rate: Rate = None,
    trial: Trial = False,
    reason: Reason = "",
    follow: Follow = True,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Plan again what a mapping is about, as it holds now: of an item, or of a customer's account.

    What was posted stays as it was posted; access, support and what is not billed yet follow.

    Examples: [bold]trueup backfill mapping prod_x[/] ·
    [bold]trueup backfill mapping --customer cus_x --apply[/]
    """
    selection = Selection(
        subject=BackfillSubject.MAPPING, item=item, customers=_customers(customer, None)
    )
    _begun(ctx, tenant, _asked(selection, apply, yes, rate, trial, reason), follow, output)


@app.command()
def publish(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    apply: Apply = False,
    target: Target = None,
    customer: OfCustomer = None,
    customers: Customers = None,
    yes: Yes = False,
    rate: Rate = None,
    trial: Trial = False,
    reason: Reason = "",
    follow: Follow = True,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Tell entitlement targets and support again what they do not hold, such as what was deleted.

    Examples: [bold]trueup backfill publish --target support[/] ·
    [bold]trueup backfill publish --target app --customer cus_x --apply[/]
    """
    selection = Selection(
        subject=BackfillSubject.PUBLISH,
        target=target,
        customers=_customers(customer, customers),
    )
    _begun(ctx, tenant, _asked(selection, apply, yes, rate, trial, reason), follow, output)


@app.command()
def show(
    ctx: typer.Context,
    batch_id: BatchId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """One backfill: effects, money and time as rehearsed, and how far it has come.

    Example: [bold]trueup backfill show bfl_0d9c8b7a6f5e[/]
    """
    found = run_command(
        ctx, tenant, lambda command: backfills.show(command.context, command.tenant, batch_id)
    )
    _told(found, output)


def _asked(
    selection: Selection, apply: bool, yes: bool, rate: int | None, trial: bool, reason: str
) -> BackfillAsked:
    return BackfillAsked(
        **selection.model_dump(),
        apply=apply,
        confirmed=apply and yes,
        rate=rate,
        trial=trial,
        reason=reason,
    )


def _begun(
    ctx: typer.Context, tenant: str | None, asked: BackfillAsked, follow: bool, output: Format
) -> None:
    async def work(command: Command) -> BackfillReport:
        begun = await backfills.begin(command.context, command.tenant, asked, by=command.by)
        named = begun.batch.batch_id
        if not follow:
            return begun
        await followed(command, named, "Rehearsing" if begun.of.rehearsal else "Backfilling")
        return await backfills.show(command.context, command.tenant, named)

    found = run_command(ctx, tenant, work)
    _told(found, output)
    if not follow:
        return
    batch = found.batch
    if batch.state is not BatchState.ENDED:
        raise Problem(
            f"backfill {batch.batch_id} is {batch.state.value}: {batch.why}",
            remedy=f"see it with `trueup batches show {batch.batch_id}`, and go on with "
            f"`trueup batches resume {batch.batch_id}`",
        )
    if batch.count(*_LEFT):
        raise typer.Exit(ExitCode.FAILED)


def _told(found: BackfillReport, output: Format) -> None:
    if output is Format.JSON:
        show_json(found)
    else:
        show_report(found)


def _customers(one: str | None, many: typer.FileText | None) -> tuple[str, ...]:
    if many is None:
        return () if one is None else (one,)
    if one is not None:
        raise Problem(
            "--customer and --customers say both of whom it is",
            code=ExitCode.USAGE,
            remedy="give one of them",
        )
    found = tuple(dict.fromkeys(line.strip() for line in many if line.strip()))
    if not found:
        raise Problem(
            "the file of --customers names nobody",
            code=ExitCode.USAGE,
            remedy="write one of billing's ids a line",
        )
    return found


def _utc(given: datetime | None) -> datetime | None:
    return None if given is None else given.replace(tzinfo=UTC)
