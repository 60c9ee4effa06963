"""`trueup subscriptions orders`: what a subscription became, change by change."""

from collections.abc import Iterable, Iterator

import typer

from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.ids import SubscriptionId
from cli.output import Format, Output, note, show_json, show_rows
from operations import orders as became
from operations.orders import OrderDocument, Orders


def orders(
    ctx: typer.Context,
    subscription_id: SubscriptionId,
    limit: Limit = 20,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What each change became: the ERP's documents beside billing's, and what pays them.

    As JSON with the plan, the writes, the lines and how old each part is.

    Examples: [bold]trueup subscriptions orders sub_x[/] ·
    [bold]trueup subscriptions orders sub_x -o json[/]
    """
    page: Orders = run_command(
        ctx,
        tenant,
        lambda command: became.of_subscription(
            command.context, command.tenant, subscription_id, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        [
            *(row for found in page.waiting for row in _documents("-", "waits", (found,))),
            *(
                row
                for order in page.items
                for row in _documents(
                    order.change.change_id,
                    order.change.outcome or order.change.state,
                    order.documents,
                )
            ),
        ],
        (
            "change",
            "came to",
            "document",
            "billing",
            "ERP",
            "status",
            "gross",
            "in the ERP",
            "paid",
        ),
        empty="no changes",
    )
    for problem in dict.fromkeys(_problems(page)):
        note(problem)
    tell_of_more(page.next)


def _documents(
    change: str, outcome: str, documents: Iterable[OrderDocument]
) -> Iterator[tuple[object, ...]]:
    found = False
    for each in documents:
        found = True
        billing, erp = each.billing.value, each.erp.value
        entries = [view.entry_number or "not entered" for view in each.payments.value or ()]
        yield (
            change,
            outcome,
            each.document_id,
            billing.number if billing else None,
            erp.number if erp else None,
            erp.status if erp else each.state.value,
            billing.gross if billing else None,
            erp.gross if erp else None,
            ", ".join(entries) or None,
        )
    if not found:
        yield (change, outcome, *(None,) * 7)


def _problems(page: Orders) -> Iterator[str]:
    documents = [*page.waiting, *(each for order in page.items for each in order.documents)]
    for each in documents:
        if each.erp.problem:
            yield f"{each.document_id}: {each.erp.problem}."
