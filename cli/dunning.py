"""`trueup dunning`: overdue invoices."""

import typer

from cli.command import Cursor, Limit, TenantOption, run_command, state, tell_of_more
from cli.output import Format, Output, note, show_json, show_rows
from operations import dunning

app = typer.Typer(help="Overdue invoices.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Overdue invoices, and how far their dunning has gone."""


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Cases that are not closed: how far each has gone, and what finance is asked.

    Examples: [bold]trueup dunning list[/] · [bold]trueup dunning list -o json[/]
    """
    page = run_command(
        ctx,
        tenant,
        lambda command: dunning.list_(command.context, command.tenant, after=cursor, limit=limit),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                found.case.invoice_id,
                found.case.subscription_id,
                state(found.case.stage.value),
                found.unpaid,
                found.case.overdue_since,
                found.case.reminders,
                found.exception_id,
            )
            for found in page.items
        ),
        ("invoice", "subscription", "stage", "unpaid", "overdue since", "reminders", "exception"),
        empty="every invoice is paid, or not due yet",
    )
    for found in page.items:
        if found.exception_id is not None:
            note(
                f"{found.case.invoice_id}: decide with `trueup exceptions resolve "
                f"{found.exception_id} extend|credit|write_off`"
            )
    tell_of_more(page.next)
