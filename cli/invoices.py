"""`trueup invoices`: what billing asks, and where the ERP says that it stands."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.desk import Cursor, Limit, TenantOption, at_desk, state, tell_of_more
from cli.life_rows import show_cases, show_invoices, show_payments
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import invoices
from operations.invoices import InvoiceDetail, Refreshed

app = typer.Typer(
    help="Invoices and where they stand in the ERP.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    customer: Annotated[str | None, typer.Option(help="Only of this billing customer.")] = None,
    subscription: Annotated[str | None, typer.Option(help="Only of this subscription.")] = None,
    standing: Annotated[
        str | None, typer.Option(help=f"Only {', '.join(invoices.STANDINGS)}.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The newest invoices with their ERP documents.

    Examples: [bold]trueup invoices list --standing overdue[/] ·
    [bold]trueup invoices list --customer cus_x -o json[/]
    """
    if standing is not None and standing not in invoices.STANDINGS:
        raise Problem(
            f"no invoice ever stands {standing!r}",
            code=ExitCode.USAGE,
            remedy=f"use one of {', '.join(invoices.STANDINGS)}",
        )
    page = at_desk(
        ctx,
        tenant,
        lambda desk: invoices.list_(
            desk.systems,
            desk.tenant,
            customer_id=customer,
            subscription_id=subscription,
            standing=standing,
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
    invoice_id: Annotated[str, typer.Argument(help="Billing's id of the invoice.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """One invoice: its ERP documents, how long ago they were read, its payments and dunning.

    Example: [bold]trueup invoices show in_1QfTrueup[/]
    """
    detail = at_desk(ctx, tenant, lambda desk: invoices.show(desk.systems, desk.tenant, invoice_id))
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


@app.command()
def sync(
    ctx: typer.Context,
    invoice_id: Annotated[
        str | None, typer.Argument(help="Billing's id of the invoice (default: all).")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Ask the ERP now where an invoice stands, or all that may have moved, and tell billing.

    Examples: [bold]trueup invoices sync in_1QfTrueup[/] · [bold]trueup invoices sync[/]
    """
    refreshed = at_desk(
        ctx, tenant, lambda desk: invoices.refresh(desk.systems, desk.tenant, invoice_id)
    )
    if output is Format.JSON:
        show_json(refreshed)
    elif refreshed.finished:
        _tell(refreshed)
    if not refreshed.finished:
        raise Problem(
            "the look at the ERP goes on and is not done yet",
            remedy="see with `trueup status` that a worker runs, and ask again",
        )


def _tell(refreshed: Refreshed) -> None:
    if refreshed.invoice is None:
        note(f"{refreshed.looked_at} invoices looked at, {refreshed.changed} changed.")
    else:
        now, was = refreshed.invoice.summary.standing, refreshed.was
        note(f"It stands {now}" + ("." if now == was else f", {was} before."))
        show_invoices((refreshed.invoice.summary,))
    for problem in refreshed.problems:
        note(f"Tried again later: {problem}")


def _show(detail: InvoiceDetail) -> None:
    console = Console(highlight=False, soft_wrap=True)
    found = detail.summary
    asked = found.invoice
    console.print(
        Text.assemble(
            (asked.invoice_id, "bold"),
            f"  {asked.number or 'no number'} of customer {asked.customer_id}, subscription "
            f"{found.subscription_id}: {asked.paid} of {asked.total} paid, {asked.status.value}; "
            "in the ERP ",
            state(found.standing),
        )
    )
    age = detail.age_seconds
    read = "has not been asked yet" if age is None else f"was asked {age:.0f} seconds ago"
    console.print(Text(f"The ERP {read}; billing shows {found.told or 'nothing'} of it."))
    console.print()
    show_rows(
        (
            (
                document.number or document.document_id,
                state(document.state.value),
                document.issued_on,
                document.due_on,
                document.total,
                document.open,
            )
            for document in detail.documents
        ),
        ("ERP document", "state", "issued", "due", "total", "open"),
        empty="no ERP documents",
    )
    console.print()
    show_payments(detail.payments)
    if detail.dunning is not None:
        console.print()
        show_cases((detail.dunning,))
