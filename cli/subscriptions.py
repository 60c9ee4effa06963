"""`trueup subscriptions`: what every system last agreed on."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from canonical_models.entitlement import Entitlement
from cli.desk import Cursor, Limit, TenantOption, at_desk, state, tell_of_more
from cli.output import Format, Output, show_json, show_rows
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
    customer: Annotated[str | None, typer.Option(help="Only of this billing customer.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Subscriptions and when they were last agreed on.

    Example: [bold]trueup subscriptions list --customer cus_x[/]
    """
    page = at_desk(
        ctx,
        tenant,
        lambda desk: subscriptions.list_(
            desk.systems, desk.tenant, customer_id=customer, after=cursor, limit=limit
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
    subscription_id: Annotated[str, typer.Argument(help="Billing's id of the subscription.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What it holds and why, its changes, and the ERP documents that carry its lines.

    Example: [bold]trueup subscriptions show sub_x[/]
    """
    detail = at_desk(
        ctx, tenant, lambda desk: subscriptions.show(desk.systems, desk.tenant, subscription_id)
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


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
    console.print()
    show_rows(
        ((e.feature, e.quantity, e.until, _because(e)) for e in detail.entitlements),
        ("entitled to", "quantity", "until", "because of"),
        empty="entitled to nothing",
    )
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
        empty="no changes",
    )
    console.print()
    show_rows(
        (
            (document.number or document.document_id, document.state, document.net, document.url)
            for document in detail.documents
        ),
        ("ERP document", "state", "net", "link"),
        empty="no ERP documents",
    )


def _because(entitlement: Entitlement) -> str:
    return ", ".join(
        f"{grant.source.value} {grant.source_id} ({grant.quantity})"
        for grant in entitlement.because
    )
