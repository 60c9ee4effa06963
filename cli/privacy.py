"""`trueup privacy`: erasing what is personal of a customer."""

from typing import Annotated

import typer

from cli.command import TenantOption, run_command
from cli.output import Format, Output, note, show_json, show_rows
from operations import privacy
from operations.privacy import Erased

app = typer.Typer(
    help="What is personal of a customer.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.callback()
def _group() -> None:
    """What is personal of a customer."""


@app.command()
def erase(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(help="The billing customer.")],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would happen: what goes, and what stays."),
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Erase it, and say what stays and why.

    Refused while something of the customer goes on. Erase the customer in billing first: what
    billing tells later is kept again. Doing it again is harmless, and goes on with what was broken
    off.

    Examples: [bold]trueup privacy erase cus_x --dry-run[/] · [bold]trueup privacy erase cus_x[/]
    """
    erased = run_command(
        ctx,
        tenant,
        lambda command: privacy.erase(
            command.context, command.tenant, customer, by=command.by, dry_run=dry_run
        ),
    )
    if output is Format.JSON:
        show_json(erased)
        return
    _show(erased)


def _show(erased: Erased) -> None:
    done, what = erased.done, "erased" if erased.done else "would be erased"
    show_rows(
        ((one.name, one.rows) for one in erased.places),
        (what, "rows"),
        empty=f"Nothing of {erased.customer_id} {'was' if done else 'is'} left to erase.",
    )
    if erased.kept:
        show_rows(
            ((one.table, one.rows, one.why) for one in erased.kept),
            ("stays" if done else "would stay", "rows", "because"),
        )
    for kind, ids in erased.goes_on.items():
        note(f"It is refused while these go on: {kind} {', '.join(ids)}.")
    histories = erased.histories
    if histories.open:
        note(
            f"{histories.open} workflows about it go on in Temporal; a history goes "
            f"{histories.kept_days:g} days after its workflow has ended. It holds ids and figures."
        )
    elif histories.gone_by is not None:
        note(f"The last history in Temporal is gone by {histories.gone_by:%Y-%m-%d}.")
    if done and erased.ended_at is not None:
        note(f"{erased.customer_id} is erased since {erased.ended_at:%Y-%m-%d %H:%M:%S} UTC.")
