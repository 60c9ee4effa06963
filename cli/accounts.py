"""`trueup accounts`: what belongs to a customer beside subscriptions."""

import typer
from rich.console import Console
from rich.text import Text

from cli.command import TenantOption, run_command
from cli.following import Timeout, Wait, look
from cli.ids import CustomerId
from cli.output import Format, Output, show_json, show_rows
from cli.shared_rows import show_changes, show_invoices, show_settlements
from cli.timeline import show_exception
from operations import accounts
from operations.accounts import AccountDetail

app = typer.Typer(
    help="Customers' accounts: master data, balance, and documents of no subscription.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command()
def show(
    ctx: typer.Context,
    customer: CustomerId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Who the customer is elsewhere, documents of no subscription, balance, what stands open.

    Example: [bold]trueup accounts show cus_x[/]
    """
    detail = run_command(
        ctx, tenant, lambda command: accounts.show(command.context, command.tenant, customer)
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


@app.command()
def sync(
    ctx: typer.Context,
    customer: CustomerId,
    wait: Wait = False,
    timeout: Timeout = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a customer's account read anew now, and every system brought to what it says.

    Examples: [bold]trueup accounts sync cus_x[/] · [bold]trueup accounts sync cus_x --wait[/]
    """
    look(
        ctx,
        tenant,
        lambda command: accounts.sync(command.context, command.tenant, customer),
        wait=wait,
        timeout=timeout,
        output=output,
    )


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
    show_changes(detail.recent_changes, empty="no changes of the account")
