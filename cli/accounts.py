"""`trueup accounts`: what belongs to a customer beside subscriptions."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from canonical_models.views import ChangeView
from cli.desk import Desk, TenantOption, at_desk, state
from cli.following import tell_look
from cli.life_rows import show_invoices, show_settlements
from cli.output import Format, Output, show_json, show_rows
from cli.timeline import show_exception
from operations import accounts, changes
from operations.accounts import AccountDetail
from operations.looking import LookAsked

app = typer.Typer(
    help="Customers' accounts: master data, balance, and documents of no subscription.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Customer = Annotated[str, typer.Argument(help="Billing's id of the customer.")]


@app.command()
def show(
    ctx: typer.Context,
    customer: Customer,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Who the customer is elsewhere, documents of no subscription, balance, what stands open.

    Example: [bold]trueup accounts show cus_x[/]
    """
    detail = at_desk(ctx, tenant, lambda desk: accounts.show(desk.systems, desk.tenant, customer))
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


@app.command()
def sync(
    ctx: typer.Context,
    customer: Customer,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until the change has settled or waits for a person.")
    ] = False,
    bound: Annotated[float, typer.Option(min=1, max=3600, help="Seconds to wait at most.")] = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a customer's account read anew now, and every system brought to what it says.

    Examples: [bold]trueup accounts sync cus_x[/] · [bold]trueup accounts sync cus_x --wait[/]
    """

    async def work(desk: Desk) -> tuple[LookAsked, ChangeView | None]:
        asked = await accounts.sync(desk.systems, desk.tenant, customer)
        if not wait:
            return asked, None
        change = await changes.followed(desk.systems, desk.tenant, asked.change_id, bound=bound)
        return asked, change

    asked, change = at_desk(ctx, tenant, work)
    tell_look(asked, change, bound=bound, output=output)


def _show(detail: AccountDetail) -> None:
    console = Console(highlight=False, soft_wrap=True)
    account = detail.account
    elsewhere = (
        f"ERP party {account.erp_party} in {account.legal_entity}, support organisation "
        f"{account.support_organization}"
        if account
        else "mapped to nobody"
    )
    console.print(Text.assemble((detail.customer_id, "bold"), f"  {elsewhere}"))
    told = detail.master_data
    at = f", told at {told.told_at:%Y-%m-%d %H:%M} UTC" if told.told_at else ""
    asked = f"; decide {told.exception_id}" if told.exception_id else ""
    console.print(Text(f"Master data: {told.state}{at}{asked}"))
    if detail.subscriptions:
        console.print(Text(f"Subscriptions: {', '.join(detail.subscriptions)}"))
    console.print()
    show_rows(
        ((found.billing, found.missing) for found in detail.balances),
        ("balance in billing", "not in the ERP"),
        empty="no balance",
    )
    console.print()
    show_settlements(detail.open_items)
    console.print()
    show_invoices(detail.documents, empty="no documents beside subscriptions")
    for exception in detail.exceptions:
        console.print()
        show_exception(exception)
    console.print()
    show_rows(
        (
            (
                change.change_id,
                change.received_at,
                change.kind.value,
                state(change.outcome or change.state),
                change.summary,
            )
            for change in detail.recent_changes
        ),
        ("change", "received", "kind", "state", "summary"),
        empty="no changes of the account",
    )
