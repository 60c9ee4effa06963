"""`trueup invoices`: billing's documents and the ERP's, and what becomes of them."""

from typing import Annotated

import typer

from cli import invoice_decisions
from cli.books_rows import show_invoice
from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.ids import OfCustomer, OfSubscription, an_id
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from cli.shared_rows import show_invoices
from operations import invoices
from operations.invoices import Refreshed
from operations.naming import Kind

app = typer.Typer(
    help="Invoices and credit notes in billing and the ERP.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    customer: OfCustomer = None,
    subscription: OfSubscription = None,
    number: Annotated[
        str | None, typer.Option(help="Only of this number, billing's or the ERP's.")
    ] = None,
    erp_status: Annotated[
        str | None,
        typer.Option(
            help=f"Only those that stand so in the ERP: {', '.join(invoices.ERP_STATUSES)}."
        ),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The newest invoices and credit notes, as billing and the ERP have them.

    Examples: [bold]trueup invoices list --erp-status overdue[/] ·
    [bold]trueup invoices list --customer cus_x -o json[/]
    """
    if erp_status is not None and erp_status not in invoices.ERP_STATUSES:
        raise Problem(
            f"no invoice ever stands {erp_status!r}",
            code=ExitCode.USAGE,
            remedy=f"use one of {', '.join(invoices.ERP_STATUSES)}",
        )
    page = run_command(
        ctx,
        tenant,
        lambda command: invoices.list_(
            command.context,
            command.tenant,
            customer_id=customer,
            subscription_id=subscription,
            erp_status=erp_status,
            number=number,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_invoices(page.items)
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    invoice: invoice_decisions.Invoice,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the systems now.")] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """One invoice or credit note, billing's and the ERP's side by side.

    With what settles it, what was decided of it, why it waits, and its dunning; as JSON with both
    documents whole.

    Examples: [bold]trueup invoices show in_1QfTrueup[/] ·
    [bold]trueup invoices show A-0042 --fresh[/]
    """
    detail = run_command(
        ctx,
        tenant,
        lambda command: invoices.show(command.context, command.tenant, invoice, fresh=fresh),
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        show_invoice(detail)


@app.command()
def sync(
    ctx: typer.Context,
    invoice: Annotated[
        str | None, an_id(Kind.INVOICE, "Billing's id, or a number (default: all).")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Ask the ERP now where an invoice stands, or all that may have moved, and tell billing.

    Examples: [bold]trueup invoices sync in_1QfTrueup[/] · [bold]trueup invoices sync[/]
    """
    refreshed = run_command(
        ctx, tenant, lambda command: invoices.refresh(command.context, command.tenant, invoice)
    )
    if output is Format.JSON:
        show_json(refreshed)
    elif refreshed.finished:
        _tell(refreshed)
    if not refreshed.finished:
        raise Problem(
            "the look at the ERP goes on and is not done yet",
            remedy="see with `trueup deploy status` that a worker runs, and ask again",
        )


for decision in invoice_decisions.COMMANDS:
    app.command()(decision)


def _tell(refreshed: Refreshed) -> None:
    if refreshed.invoice is None:
        note(f"{refreshed.looked_at} invoices looked at, {refreshed.changed} changed.")
    else:
        now, was = refreshed.invoice.summary.erp_status, refreshed.was
        note(f"It stands {now}" + ("." if now == was else f", {was} before."))
        show_invoices((refreshed.invoice.summary,))
    for problem in refreshed.problems:
        note(f"Tried again later: {problem}")
