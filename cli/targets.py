"""`trueup targets`: what the systems that are told what customers may use really hold."""

from typing import Annotated

import typer

from cli.command import TenantOption, run_command
from cli.ids import OfCustomer
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import targets

app = typer.Typer(
    help="What entitlement targets hold.", no_args_is_help=True, rich_markup_mode="rich"
)

Target = Annotated[
    str | None,
    typer.Option(help="Only of this target, by its connection, or of `support`."),
]


@app.command()
def check(
    ctx: typer.Context,
    target: Target = None,
    customer: OfCustomer = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Read what each target holds, and list where it is not what it should be. Exits with 1 when
    there is such a place, or something could not be read.

    Examples: [bold]trueup targets check[/] · [bold]trueup targets check --target app \
--customer cus_x[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: targets.check(
            command.context, command.tenant, target=target, customer_id=customer
        ),
    )
    if output is Format.JSON:
        show_json(found)
    elif found.finished:
        show_rows(
            (
                (one.target, one.customer_id, one.revision, one.held, "\n".join(one.differences))
                for one in found.differing
            ),
            ("target", "customer", "revision told", "held", "differs in"),
            empty=f"{found.looked_at} looked at; every target holds what it should",
        )
    for problem in found.problems:
        note(f"Not read: {problem}")
    if not found.finished:
        raise Problem(
            "the look at the targets goes on and is not done yet",
            remedy="see with `trueup deploy status` that a worker runs, and ask again",
        )
    if found.differences:
        raise Problem(
            f"{found.differences} of {found.looked_at} differ",
            remedy="`trueup targets publish` tells them again; the schedule does so by itself",
        )
    if found.problems:
        raise Problem(
            "not everything could be read",
            code=ExitCode.UNAVAILABLE,
            remedy="mend what it says, and ask again",
        )


@app.command()
def publish(
    ctx: typer.Context,
    target: Target = None,
    customer: OfCustomer = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have targets told again, with the next revision, whatever they hold.

    Examples: [bold]trueup targets publish --target app[/] · \
[bold]trueup targets publish --customer cus_x[/]
    """
    told = run_command(
        ctx,
        tenant,
        lambda command: targets.publish(
            command.context, command.tenant, target=target, customer_id=customer
        ),
    )
    if output is Format.JSON:
        show_json(told)
        return
    for name, count in told.customers.items():
        note(f"{name} is being told again of {count} customers.")
