"""`trueup cash`: money between billing and the bank."""

from typing import Annotated

import typer

from canonical_models.cash import CashLook, PayoutState
from cli.command import Cursor, Limit, TenantOption, one_of, run_command, state, tell_of_more
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import cash
from operations.cash import CashStands

app = typer.Typer(
    help="Money between billing and the bank.", no_args_is_help=True, rich_markup_mode="rich"
)

State = Annotated[
    str | None,
    typer.Option("--state", help=f"Only those in this state: {', '.join(PayoutState)}."),
]


@app.command()
def show(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """Clearing beside billing's balance, as it was seen last. Exits with 1 where both are not the
    same, or nothing is known.

    Examples: [bold]trueup cash show[/] · [bold]trueup cash show -o json[/]
    """
    stands = run_command(ctx, tenant, lambda command: cash.show(command.context, command.tenant))
    if output is Format.JSON:
        show_json(stands)
    _tell(stands, table=output is Format.TABLE)


@app.command()
def look(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """Lay clearing beside billing's balance now. Exits as `trueup cash show` does.

    Examples: [bold]trueup cash look[/]
    """
    found = run_command(ctx, tenant, lambda command: cash.look(command.context, command.tenant))
    if output is Format.JSON:
        show_json(found)
    if not found.finished:
        raise Problem(
            "the look goes on and is not done yet",
            remedy="see with `trueup deploy status` that a worker runs, and ask again",
        )
    _tell(found.stands, table=output is Format.TABLE)


@app.command()
def payouts(
    ctx: typer.Context,
    only: State = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Payouts and what became of them in the ERP, newest first.

    Examples: [bold]trueup cash payouts[/] · [bold]trueup cash payouts --state seen[/]
    """
    wanted = one_of(PayoutState, only, "payout")
    page = run_command(
        ctx,
        tenant,
        lambda command: cash.payouts(
            command.context, command.tenant, state=wanted, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                each.payout.payout_id,
                each.payout.amount,
                state(each.payout.status.value),
                each.payout.arrives_on,
                state(each.payout.state.value),
                each.payout.booked.number if each.payout.booked else None,
                each.payout.booked.fee if each.payout.booked else None,
                each.exception_id or each.payout.note,
            )
            for each in page.items
        ),
        ("payout", "amount", "billing says", "arrives", "books", "move", "fees", "waits for"),
        empty="no payout is known",
    )
    for each in page.items:
        booked = each.payout.booked
        if booked is not None and booked.covered is None:
            note(
                f"{each.payout.payout_id} was made by hand: billing does not say what it pays out, "
                "so its sum alone was taken from clearing"
            )
    tell_of_more(page.next)


def _tell(stands: CashStands, *, table: bool) -> None:
    if not stands.carried:
        raise Problem(
            "cash is not carried: payouts are not booked",
            remedy=f"name the accounts as `{stands.setting}` in the tenant's settings",
        )
    if not stands.looks:
        raise Problem(
            "nothing is known: nobody has looked yet",
            code=ExitCode.UNAVAILABLE,
            remedy="look now with `trueup cash look`",
        )
    for look_ in stands.looks:
        if table:
            _rows(look_)
        if look_.problem is not None:
            seen = (
                f"the figures are of {look_.seen_at:%Y-%m-%d %H:%M} UTC"
                if look_.seen_at
                else ("nothing is known of it")
            )
            raise Problem(
                f"clearing of {look_.connection} could not be read: {look_.problem} ({seen})",
                code=ExitCode.UNAVAILABLE,
                remedy="mend what it says, and look again with `trueup cash look`",
            )
    apart = [
        f"{each.difference} in {look_.connection}"
        for look_ in stands.looks
        for each in look_.standings
        if each.difference
    ]
    if apart:
        raise Problem(
            f"clearing is not what it should be: {', '.join(apart)}",
            remedy="less than it should be: a payment is not in the books yet, see `trueup "
            "differences`; more: it was entered by hand as well, or paid out past billing",
        )


def _rows(look_: CashLook) -> None:
    show_rows(
        (
            (
                each.currency,
                each.billing,
                each.fees,
                each.on_the_way,
                each.converted + each.other,
                each.should,
                each.clearing,
                each.difference,
            )
            for each in look_.standings
        ),
        (
            "currency",
            "billing's balance",
            "fees not booked",
            "payouts not booked",
            "converted, other",
            "should be",
            "clearing",
            "difference",
        ),
        empty="nothing is on clearing, nor at billing",
    )
