"""`trueup mappings`: what billing's customers and items are called elsewhere."""

from datetime import datetime
from typing import Annotated

import typer

from canonical_models.mapping import AccountMapping, ItemMapping
from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.mapping_options import (
    Entity,
    Included,
    Organization,
    PerUnit,
    Tier,
    account_mapping,
    item_mapping,
)
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import mappings

app = typer.Typer(
    help="What billing's customers and items are called in the other systems.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
setting = typer.Typer(
    help="Set a mapping; it holds from now on, or from a day.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(setting, name="set")

#: Of a typer option: a day, without a time.
From = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        formats=["%Y-%m-%d"],
        help="The day from which it holds, in the tenant's time zone (default: from now on).",
    ),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only of this kind: account or item.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """The mappings that hold now, and those that are set for later.

    Example: [bold]trueup mappings list --kind item[/]
    """
    if kind is not None and kind not in mappings.KINDS:
        raise Problem(
            f"there are no {kind!r} mappings",
            code=ExitCode.USAGE,
            remedy=f"use {' or '.join(mappings.KINDS)}",
        )
    page = run_command(
        ctx,
        tenant,
        lambda command: mappings.list_(
            command.context, command.tenant, kind=kind, after=cursor, limit=limit
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                row.kind,
                row.source,
                _words(row.target),
                row.valid_from,
                row.valid_to,
                row.set_by,
            )
            for row in page.items
        ),
        ("kind", "in billing", "elsewhere", "from", "until", "set by"),
        empty="no mappings",
    )
    tell_of_more(page.next)


@setting.command("account")
def set_account(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(help="The billing customer.")],
    party: Annotated[str, typer.Option(help="Code of the ERP party.")],
    entity: Entity = None,
    organization: Organization = None,
    day: From = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Who a billing customer is in the ERP and the support platform.

    Examples: [bold]trueup mappings set account cus_x --party C-1001 --entity LE-DE[/] ·
    [bold]trueup mappings set account cus_x --party C-1001 --entity LE-FR --from 2027-01-01[/]
    """
    _set(ctx, tenant, account_mapping(customer, party, organization, entity), day, output)


@setting.command("item")
def set_item(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    item: Annotated[
        str,
        typer.Argument(
            help="The id of a price or product, `name=value` of metadata, or `*` for what nothing "
            "else names. Of several the price goes first, then metadata, product, `*`."
        ),
    ],
    erp_item: Annotated[str, typer.Option(help="Code of the ERP item.")],
    per_unit: PerUnit = None,
    included: Included = None,
    tier: Tier = None,
    day: From = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What a billing item is in the ERP, what it grants, and its support tier.

    Examples: [bold]trueup mappings set item prod_x --erp-item AI-ADDON --per-unit seats \
--included sso --tier premium[/] ·
    [bold]trueup mappings set item 'channel=partner' --erp-item PARTNER --from 2027-01-01[/] ·
    [bold]trueup mappings set item '*' --erp-item OTHER[/]
    """
    _set(ctx, tenant, item_mapping(item, erp_item, per_unit, included, tier), day, output)


def _set(
    ctx: typer.Context,
    tenant: str | None,
    mapping: AccountMapping | ItemMapping,
    day: datetime | None,
    output: Format,
) -> None:
    begins = day.date() if day else None
    mapped = run_command(
        ctx,
        tenant,
        lambda command: mappings.put(
            command.context, command.tenant, mapping, by=command.by, valid_from=begins
        ),
    )
    if output is Format.JSON:
        show_json(mapped)
        return
    begin = f" from {begins} on" if begins else ""
    now = f"{mapped.mapping.source}{begin}: {_words(mapped.mapping.target)}"
    if not mapped.changed:
        note(f"It was so already. {now}")
    elif mapped.replaced is None:
        note(f"New. {now}")
    else:
        note(f"{now}, instead of {_words(mapped.replaced.target)}")


def _words(target: dict[str, object]) -> str:
    shown = []
    for name, value in target.items():
        if name in ("billing_customer", "item") or not value:
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        shown.append(f"{name.replace('_', ' ')} {words}")
    return "; ".join(shown)
