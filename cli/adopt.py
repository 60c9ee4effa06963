"""`trueup adopt`: customers that billing had before us are taken over."""

import sys
from typing import Annotated

import typer

from canonical_models.adoption import Adoption, AdoptionState
from cli.adoption_following import followed
from cli.adoption_rows import show_left, show_report, stream_json
from cli.command import Command, Limit, TenantOption, run_command
from cli.ids import only
from cli.output import ExitCode, Format, Output, Problem
from operations import adoption as adoptions
from operations.adoption import AdoptionReport
from operations.naming import Kind

Apply = Annotated[
    bool,
    typer.Option(
        "--apply/--rehearse",
        help="Do it, or try it out: a rehearsal writes nothing and gives the same report.",
    ),
]
AnyCustomer = Annotated[
    str | None, typer.Option(help="Only of this billing customer: by its id, known yet or not.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Apply what was not rehearsed (for this cutover or selection)."),
]


def adopt(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    apply: Apply = False,
    customer: AnyCustomer = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest that has not come to its end."),
    ] = False,
    report: Annotated[
        str | None,
        only(
            Kind.ADOPTION,
            "Only show the report of this one, or of the `last`.",
            must_be=False,
            metavar="ID",
        ),
    ] = None,
    yes: Yes = False,
    limit: Limit = 50,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Take customers over that billing had before Trueup, as of the cutover.

    Each is mapped where it is certain who it is, its subscriptions are agreed on as they are, and
    the open documents that the process before has in the ERP are found there by billing's number.
    Nothing is posted. What a person has to decide is in the report, with the figures of both sides.

    A worker does it: Ctrl-C leaves it running, and what was stopped goes on with --resume.

    Exits with 1 when something is left for people, and with 0 when all agrees.

    Examples: [bold]trueup adopt[/] · [bold]trueup adopt --apply[/] ·
    [bold]trueup adopt --apply --customer cus_x[/] · [bold]trueup adopt --report last -o json[/]
    """
    _one_of(apply=apply, customer=customer, resume=resume, report=report)

    async def work(command: Command) -> tuple[Adoption, AdoptionReport]:
        named = None if report == "last" else report
        if report is None:
            begun = (
                await adoptions.resume(command.context, command.tenant)
                if resume
                else await adoptions.begin(
                    command.context,
                    command.tenant,
                    by=command.by,
                    rehearsal=not apply,
                    customer=customer,
                    confirmed=yes,
                )
            )
            ended = await followed(command, begun)
            named = ended.adoption_id
        told = await adoptions.report(command.context, command.tenant, named)
        if output is Format.JSON:
            await stream_json(command, told, sys.stdout)
        else:
            show_report(told)
            await show_left(command, told, limit)
        return told.adoption, told

    found, told = run_command(ctx, tenant, work)
    if found.state is AdoptionState.STOPPED:
        raise Problem(
            f"adoption {found.adoption_id} was stopped: {found.error}",
            remedy="mend that, and go on with `trueup adopt --resume`",
        )
    if found.customer is not None and found.state is AdoptionState.ENDED and not found.customers:
        raise Problem(
            f"billing has no customer {found.customer} with subscriptions or open documents",
            code=ExitCode.NOT_FOUND,
            remedy="name it by billing's id",
        )
    if told.adoption.left:
        raise typer.Exit(ExitCode.FAILED)


def _one_of(*, apply: bool, customer: str | None, resume: bool, report: str | None) -> None:
    begins = apply or customer is not None
    if sum((begins, resume, report is not None)) > 1:
        raise Problem(
            "--resume and --report are about what has begun already, with its own terms",
            code=ExitCode.USAGE,
            remedy="give one of them alone, or begin with --apply, --rehearse and --customer",
        )
