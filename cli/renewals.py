"""`trueup renewals`: what is to be renewed, and whether it will post."""

from typing import Annotated

import typer

from cli.command import Cursor, Limit, TenantOption, run_command, state, tell_of_more
from cli.output import Format, Output, note, show_json, show_rows
from operations import renewals

app = typer.Typer(help="Renewals that are to come.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Renewals that are to come."""


@app.command("list")
def list_(
    ctx: typer.Context,
    within: Annotated[
        int, typer.Option(min=0, max=renewals.LONGEST_DAYS, help="Days to look ahead.")
    ] = 30,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The next renewals with their forecasts; blocked ones say what is in the way.

    Examples: [bold]trueup renewals list --within 30[/] · [bold]trueup renewals list -o json[/]
    """
    page = run_command(
        ctx,
        tenant,
        lambda command: renewals.list_(
            command.context, command.tenant, within_days=within, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                found.contract.subscription_id,
                found.contract.customer_id,
                found.contract.renews_at,
                state(found.contract.forecast),
                found.contract.forecast_amount,
                found.exception_id,
            )
            for found in page.items
        ),
        ("subscription", "customer", "renews", "forecast", "amount", "exception"),
        empty=f"nothing renews within {within} days",
    )
    for found in page.items:
        if found.contract.forecast_problem:
            note(f"{found.contract.subscription_id}: {found.contract.forecast_problem}")
    tell_of_more(page.next)
