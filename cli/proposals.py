"""`trueup subscriptions preview`: a change that somebody thinks of, and what it would do."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from canonical_models.commerce import SubscriptionItem
from canonical_models.preview import Foreseen
from canonical_models.proposal import Ending, ProposedItem, Prorating
from cli.command import Command, TenantOption, run_command
from cli.ids import SubscriptionId
from cli.output import Format, Output, show_json
from cli.previews import show_foreseen
from operations import preview as previews
from operations.errors import Invalid
from operations.preview import AmendmentAsked

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def preview(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    subscription_id: SubscriptionId,
    quantity: Annotated[
        list[str] | None,
        typer.Option("--quantities", metavar="[ITEM=]N", help="Another quantity; repeatable."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="[ITEM=]PRICE", help="Another price of billing; repeatable."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="PRICE[=N]", help="One more item; repeatable."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="An item that goes; repeatable.")
    ] = None,
    end: Annotated[Ending | None, typer.Option(help="When it ends.")] = None,
    prorating: Annotated[
        Prorating, typer.Option(help="What becomes of the rest of the period.")
    ] = Prorating.NEXT_INVOICE,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--prorated-from",
            help="It is prorated from then on, in UTC; else from now on.",
            formats=_TIMES,
        ),
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What a change would post, give and need, by billing's own preview. Nothing is changed.

    ITEM is billing's id of a subscription's item, and may be left out where there is only one.

    Examples: [bold]trueup subscriptions preview sub_x --quantities 12 --prorating at_once[/] ·
    [bold]trueup subscriptions preview sub_x --price si_1=price_pro --add price_addon=2[/] ·
    [bold]trueup subscriptions preview sub_x --end period_end[/]
    """

    async def asked(command: Command) -> Foreseen:
        own = await previews.agreed_items(command.context, command.tenant, subscription_id)
        others = changed(own, quantity or [], price or [])
        try:
            wanted = AmendmentAsked(
                subscription_id=subscription_id,
                items=(
                    *others,
                    *(added(each) for each in add or []),
                    *(ProposedItem(item_id=each, removed=True) for each in remove or []),
                ),
                prorating=prorating,
                ending=end,
                since=since.replace(tzinfo=UTC) if since else None,
            )
        except ValidationError as fault:
            raise Invalid(
                fault.errors(include_url=False)[0]["msg"].removeprefix("Value error, "),
                remedy="see `--help` of this command",
            ) from None
        return await previews.of_amendment(command.context, command.tenant, wanted)

    found = run_command(ctx, tenant, asked)
    if output is Format.JSON:
        show_json(found)
        return
    show_foreseen(found)


def changed(
    own: tuple[SubscriptionItem, ...], quantities: list[str], prices: list[str]
) -> Iterable[ProposedItem]:
    """One for each item that is named. Raises Invalid for what is no number, or of no item."""
    more = {item: _number(value) for item, value in (_named(own, each) for each in quantities)}
    sold = dict(_named(own, each) for each in prices)
    for item in dict.fromkeys([*more, *sold]):
        yield ProposedItem(item_id=item, price=sold.get(item), quantity=more.get(item))


def _named(own: tuple[SubscriptionItem, ...], given: str) -> tuple[str, str]:
    item, equals, value = given.rpartition("=")
    if equals:
        return item, value
    if len(own) != 1:
        having = ", ".join(f"{each.item_id} ({each.plan.item})" for each in own)
        raise Invalid(
            f"which item {given!r} is of is not said: it has {having or 'none'}",
            remedy=f"write ITEM={given}",
        )
    return own[0].item_id, value


def added(given: str) -> ProposedItem:
    """A price, and how many. Raises Invalid."""
    price, equals, number = given.partition("=")
    return ProposedItem(price=price, quantity=_number(number) if equals else None)


def _number(given: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise Invalid(f"{given[:40]!r} is no quantity", remedy="give a whole number")
    return int(given)
