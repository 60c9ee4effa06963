"""`trueup subscriptions`: what every system last agreed on, and having one looked at now."""

import typer
from rich.console import Console
from rich.text import Text

from cli.books_rows import show_unbilled
from cli.command import Cursor, Limit, TenantOption, run_command, state, tell_of_more
from cli.entitlements import show_entitlements
from cli.following import DryRun, Timeout, Wait, look
from cli.ids import OfCustomer, SubscriptionId
from cli.orders import orders
from cli.output import Format, Output, show_json, show_rows
from cli.proposals import preview
from cli.shared_rows import (
    show_cases,
    show_changes,
    show_held_back,
    show_invoices,
    show_settlements,
)
from operations import subscriptions
from operations.subscriptions import SubscriptionDetail

app = typer.Typer(
    help="Subscriptions as every system last agreed on them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    customer: OfCustomer = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Subscriptions and when they were last agreed on.

    Example: [bold]trueup subscriptions list --customer cus_x[/]
    """
    page = run_command(
        ctx,
        tenant,
        lambda command: subscriptions.list_(
            command.context, command.tenant, customer_id=customer, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                found.subscription.subscription_id,
                found.subscription.customer.customer_id,
                found.subscription.status.value,
                ", ".join(
                    f"{item.quantity} x {item.plan.item}" for item in found.subscription.items
                ),
                found.synced_at,
            )
            for found in page.items
        ),
        ("subscription", "customer", "status", "items", "agreed"),
        empty="no subscription has been agreed on yet",
    )
    tell_of_more(page.next)


@app.command()
def show(
    ctx: typer.Context,
    subscription_id: SubscriptionId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Contract and renewal, what it holds and why, its documents on both sides, changes.

    Also what settles the documents, what is not billed yet and what the ERP shows of that, and
    dunning.

    Example: [bold]trueup subscriptions show sub_x[/]
    """
    detail = run_command(
        ctx,
        tenant,
        lambda command: subscriptions.show(command.context, command.tenant, subscription_id),
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


@app.command()
def sync(
    ctx: typer.Context,
    subscription_id: SubscriptionId,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have all that billing has issued read anew now, and every system brought to what it says.

    Examples: [bold]trueup subscriptions sync sub_x --dry-run[/] ·
    [bold]trueup subscriptions sync sub_x --wait[/]
    """
    look(
        ctx,
        tenant,
        lambda command: subscriptions.sync(
            command.context, command.tenant, subscription_id, dry_run=dry_run
        ),
        dry_run=dry_run,
        wait=wait,
        timeout=timeout,
        output=output,
    )


app.command()(preview)
app.command()(orders)


def _show(detail: SubscriptionDetail) -> None:
    console = Console(highlight=False, soft_wrap=True)
    agreed = detail.agreed
    if agreed is None:
        console.print(Text(f"{detail.subscription_id}  not agreed on yet", style="bold"))
    else:
        held = agreed.subscription
        items = ", ".join(f"{item.quantity} x {item.plan.item}" for item in held.items)
        console.print(
            Text.assemble(
                (detail.subscription_id, "bold"),
                f"  {held.status.value} of customer {held.customer.customer_id}: "
                f"{items or 'nothing'}; agreed by {agreed.change_id}",
            )
        )
    _show_contract(console, detail)
    console.print()
    show_entitlements(detail.entitlements)
    show_held_back(detail.held_back)
    if detail.access_hold is not None:
        console.print(
            f"Access stays as it was before a change that was aborted: "
            f"{detail.access_hold.reason}; release the document that was held with it, or sell "
            "something else"
        )
    _show_targets(detail)
    console.print()
    show_invoices(detail.invoices)
    console.print()
    show_settlements(detail.settlements)
    show_unbilled(detail.unbilled)
    if detail.dunning:
        console.print()
        show_cases(detail.dunning)
    console.print()
    show_changes(detail.recent_changes)


def _show_contract(console: Console, detail: SubscriptionDetail) -> None:
    contract = detail.contract
    if contract is None:
        return
    end = f"ends {contract.ends_at:%Y-%m-%d %H:%M} UTC" if contract.ends_at else "runs on"
    console.print(
        Text(f"Contract since {contract.starts_at:%Y-%m-%d}, {end} (in {contract.time_zone})")
    )
    if contract.renews_at is None:
        return
    words = Text.assemble(
        f"Renews {contract.renews_at:%Y-%m-%d %H:%M} UTC: ", state(contract.forecast)
    )
    for more in (contract.forecast_amount, contract.forecast_problem):
        words.append(f", {more}" if more else "")
    console.print(words)


def _show_targets(detail: SubscriptionDetail) -> None:
    if detail.targets:
        show_rows(
            (
                (
                    target.target,
                    state(target.state),
                    target.revision,
                    target.confirmed,
                    target.error,
                )
                for target in detail.targets
            ),
            ("target", "state", "revision", "confirmed", "error"),
        )
