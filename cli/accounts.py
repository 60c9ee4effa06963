"""`trueup accounts`: who customers are elsewhere, where they stand among others, and what belongs
to one beside subscriptions."""

from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.text import Text

from canonical_models.mapping import AccountPlace
from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.following import DryRun, Timeout, Wait, look
from cli.ids import CustomerId
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from cli.shared_rows import show_changes, show_invoices, show_settlements
from cli.timeline import show_exception
from operations import account_places, account_sync, accounts
from operations.account_places import AccountPlaced, PlaceRequest
from operations.account_sync import AccountAsked, AccountSynced
from operations.accounts import AccountDetail

app = typer.Typer(
    help="Customers' accounts: master data, balance, and documents of no subscription.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Parent = Annotated[str | None, typer.Option(help="Billing's id of the account above it.")]
Payer = Annotated[str | None, typer.Option(help="Billing's id of the account that pays for it.")]
External = Annotated[
    list[str] | None,
    typer.Option(metavar="PROGRAM:ID", help="What another program calls it; repeatable."),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    parent: Parent = None,
    payer: Payer = None,
    external: Annotated[
        str | None,
        typer.Option("--called", metavar="PROGRAM:ID", help="Only what a program calls so."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Customers that are mapped, or stand somewhere among others.

    Examples: [bold]trueup accounts list --parent cus_x[/] ·
    [bold]trueup accounts list --called crm:0015[/]
    """
    page = run_command(
        ctx,
        tenant,
        lambda command: account_places.list_(
            command.context,
            command.tenant,
            parent=parent,
            payer=payer,
            external=external,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(
        (
            (
                found.customer_id,
                found.account.erp_party if found.account else None,
                found.parent,
                found.payer,
                ", ".join(f"{name}:{given}" for name, given in found.external_ids.items()),
            )
            for found in page.items
        ),
        ("customer", "ERP party", "parent", "paid by", "called"),
        empty="no accounts",
    )
    tell_of_more(page.next)


@app.command("open")
def open_(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(help="Billing's id of the customer.")],
    parent: Parent = None,
    payer: Payer = None,
    external: External = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a customer's account found or made in the ERP, or proposed to a person.

    Parent, payer and names at other programs stay as they are where none is given.

    Examples: [bold]trueup accounts open cus_x --dry-run[/] ·
    [bold]trueup accounts open cus_x --parent cus_y --external crm:0015[/]
    """
    said = {"parent": parent, "payer": payer, "external_ids": _external(external)}
    asked = _made(
        AccountAsked,
        {"customer_id": customer, **{name: one for name, one in said.items() if one is not None}},
    )
    found = run_command(
        ctx,
        tenant,
        lambda command: account_sync.sync(
            command.context, command.tenant, asked, by=command.by, dry_run=dry_run
        ),
    )
    if output is Format.JSON:
        show_json(found)
    else:
        _tell(found)


@app.command()
def place(
    ctx: typer.Context,
    customer: CustomerId,
    parent: Parent = None,
    payer: Payer = None,
    external: External = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Say where an account stands: what is not given is nobody, and no name.

    Examples: [bold]trueup accounts place cus_x --parent cus_y --payer cus_y[/] ·
    [bold]trueup accounts place cus_x --external crm:0015[/]
    """
    asked = _made(
        PlaceRequest,
        {"parent": parent, "payer": payer, "external_ids": _external(external) or {}},
    )
    found: AccountPlaced = run_command(
        ctx,
        tenant,
        lambda command: account_places.place(
            command.context, command.tenant, customer, asked, by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(found)
    else:
        note(f"{_stands(found.place)}." if found.changed else "It stands so already.")


@app.command()
def show(
    ctx: typer.Context,
    customer: CustomerId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Who the customer is elsewhere, documents of no subscription, balance, what stands open.

    Example: [bold]trueup accounts show cus_x[/]
    """
    detail = run_command(
        ctx, tenant, lambda command: accounts.show(command.context, command.tenant, customer)
    )
    if output is Format.JSON:
        show_json(detail)
    else:
        _show(detail)


@app.command()
def sync(
    ctx: typer.Context,
    customer: CustomerId,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a customer's account read anew now, and every system brought to what it says.

    Examples: [bold]trueup accounts sync cus_x --dry-run[/] ·
    [bold]trueup accounts sync cus_x --wait[/]
    """
    look(
        ctx,
        tenant,
        lambda command: accounts.sync(command.context, command.tenant, customer, dry_run=dry_run),
        dry_run=dry_run,
        wait=wait,
        timeout=timeout,
        output=output,
    )


def _show(detail: AccountDetail) -> None:
    console = Console(highlight=False, soft_wrap=True)
    account = detail.account
    elsewhere = (
        f"ERP party {account.erp_party} in {account.legal_entity}, support organisation "
        f"{account.support_organization}"
        if account
        else "mapped to nobody"
    )
    console.print(Text.assemble((detail.customer_id, "bold"), f"  {elsewhere}"))
    if detail.place is not None:
        console.print(Text(f"{_stands(detail.place)}."))
    for words, names in (("Below it", detail.children), ("Pays for", detail.pays_for)):
        if names:
            console.print(Text(f"{words}: {', '.join(names)}"))
    told = detail.master_data
    at = f", told at {told.told_at:%Y-%m-%d %H:%M} UTC" if told.told_at else ""
    asked = f"; decide {told.exception_id}" if told.exception_id else ""
    console.print(Text(f"Master data: {told.state}{at}{asked}"))
    if detail.subscriptions:
        console.print(Text(f"Subscriptions: {', '.join(detail.subscriptions)}"))
    console.print()
    show_rows(
        ((found.billing, found.missing) for found in detail.balances),
        ("balance in billing", "not in the ERP"),
        empty="no balance",
    )
    console.print()
    show_settlements(detail.open_items)
    console.print()
    show_invoices(detail.documents, empty="no documents beside subscriptions")
    for exception in detail.exceptions:
        console.print()
        show_exception(exception)
    console.print()
    show_changes(detail.recent_changes, empty="no changes of the account")


Model = TypeVar("Model", bound=BaseModel)


def _made(model: type[Model], values: dict[str, Any]) -> Model:
    """Raises Problem for an id that cannot be one."""
    try:
        return model.model_validate(values)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Problem(
            f"{where}: {first['msg']}", code=ExitCode.USAGE, remedy="see `--help` of this command"
        ) from None


def _external(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    found: dict[str, str] = {}
    for each in given:
        program, colon, name = each.partition(":")
        if not (program and colon and name):
            raise Problem(
                f"{each[:60]!r} is no name at a program",
                code=ExitCode.USAGE,
                remedy="write PROGRAM:ID, such as crm:0015",
            )
        found[program] = name
    return found


def _stands(place: AccountPlace) -> str:
    called = "".join(f"; {name} calls it {given}" for name, given in place.external_ids.items())
    return f"Stands below {place.parent or 'nobody'}, paid by {place.payer or 'itself'}{called}"


def _tell(found: AccountSynced) -> None:
    note(f"{found.outcome if found.done else f'would be {found.outcome}'}: {found.words}")
    if found.candidates:
        show_rows(
            ((each.party, each.score, each.why) for each in found.candidates),
            ("ERP party", "score", "why"),
            empty="",
        )
    if found.differs:
        note(f"Billing says otherwise in {', '.join(found.differs)}.")
    if found.problem:
        note(f"Not all could be told: {found.problem}.")
    if found.exception_id:
        note(f"Decide it with `trueup exceptions resolve {found.exception_id} correct`.")
    elif found.change_id and found.outcome == "underway":
        note(f"Follow it with `trueup changes show {found.change_id}`.")
