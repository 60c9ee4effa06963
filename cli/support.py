"""`trueup support`: all that is known of a customer, for a support desk."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from canonical_models.support import SupportCase
from cli.command import TenantOption, run_command
from cli.output import Format, Output, show_json
from operations import support
from operations.support import Asked
from operations.support_views import (
    Asset,
    CustomerContext,
    OpenDocument,
    SupportContext,
    SupportTerm,
    Told,
)

app = typer.Typer(
    help="All that is known of a customer.", no_args_is_help=True, rich_markup_mode="rich"
)

_WIDTH = 80


@app.callback()
def _group() -> None:
    """All that is known of a customer."""


@app.command()
def context(
    ctx: typer.Context,
    organization: Annotated[
        str | None, typer.Option(help="External id of the support organisation.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="Only of this billing customer.")] = None,
    email: Annotated[
        str | None, typer.Option(help="E-mail address: one that billing's documents name.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the systems now.")] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Account, contract, tier, assets, entitlements, open documents, payments, cases, questions.

    Each part says whose word it is, and how old.

    Examples: [bold]trueup support context --organization cus_x[/] ·
    [bold]trueup support context --customer cus_x --fresh[/]
    """
    asked = Asked(organization=organization, customer=customer, email=email)
    found = run_command(
        ctx,
        tenant,
        lambda command: support.context_of(command.context, command.tenant, asked, fresh=fresh),
    )
    if output is Format.JSON:
        show_json(found)
    else:
        _show(found)


def _show(found: SupportContext) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for away in found.away:
        reason = f": {away.reason}" if away.reason else ""
        _say(
            console,
            f"{away.source} ({away.connection}) is away since {_time(away.since)}{reason}",
            style="red",
        )
    for customer in found.customers:
        _customer(console, customer)
    if found.left_out:
        _say(console, f"Not shown: {', '.join(found.left_out)}")


def _customer(console: Console, found: CustomerContext) -> None:
    console.print(Text(found.customer_id, style="bold"))
    _part(console, "Account", found.hierarchy, _hierarchy(found))
    for contract in found.contracts:
        _part(console, "Contract", contract, _term(contract.value))
    tier = found.support.value
    _part(
        console,
        "Support due",
        found.support,
        [f"{tier.tier or 'no tier'}, until {_day(tier.contract_end)}"] if tier else [],
    )
    _part(console, "Support desk", found.desk, _desk(found))
    cases = found.cases.value
    _part(
        console,
        "Open cases",
        found.cases,
        [_case(view.case, view.escalated_at) for view in cases.items] if cases else [],
        whole=cases is None or cases.complete,
    )
    assets = found.assets.value
    _part(
        console,
        "Assets",
        found.assets,
        [line for asset in assets.items for line in _asset(asset)] if assets else [],
        whole=assets is None or assets.complete,
    )
    _part(console, "Entitlements", found.entitlements, _entitlements(found))
    documents = found.documents.value
    _part(
        console,
        "Open documents",
        found.documents,
        [_document(each) for each in documents.items] if documents else [],
        whole=documents is None or documents.complete,
    )
    _part(
        console,
        "Payments",
        found.payments,
        [
            f"{_day(each.at)} {each.kind} {each.amount}"
            f"{f' on {each.document_id}' if each.document_id else ''}, "
            f"{f'in the ERP as {each.entry}' if each.entry else 'not in the ERP'}"
            for each in found.payments.value or ()
        ],
    )
    _part(console, "Balance", found.balance, map(str, found.balance.value or ()))
    _part(
        console,
        "Changes on their way",
        found.pending,
        [
            f"{each.change_id} {each.kind} of {each.subject}: {each.state}"
            f"{', held by a person' if each.held else ''}"
            for each in found.pending.value or ()
        ],
    )
    _part(
        console,
        "Open questions",
        found.questions,
        [
            f"{each.exception_id} {each.code} ({each.owner}, due {_time(each.due_at)}): "
            f"{each.message}"
            for each in found.questions.value or ()
        ],
    )
    console.print()


def _part(
    console: Console, title: str, told: Told[Any], lines: Iterable[str], *, whole: bool = True
) -> None:
    """Whose word, and how old; then what it is, where it is known."""
    whose = f"{told.source}, {_age(told.age_seconds)}"
    console.print(Text.assemble((title, "bold"), f"  [{whose}]"))
    if told.problem:
        _say(console, f"! {told.problem}", style="yellow")
    if told.value is None:
        _say(console, "unknown")
        return
    said = False
    for line in lines:
        said = True
        _say(console, line)
    if not said:
        _say(console, "none")
    if not whole:
        _say(console, "… and perhaps more: not all were read")


def _hierarchy(found: CustomerContext) -> Iterator[str]:
    account = found.hierarchy.value
    if account is None:
        return
    yield f"paid by {account.payer}; parent {account.parent or 'not named'}"
    if account.children:
        yield f"below it: {', '.join(account.children)}"
    if account.pays_for:
        yield f"pays for {', '.join(account.pays_for)}"
    for program, name in account.external_ids.items():
        yield f"{program} calls it {name}"
    yield (
        f"ERP party {account.erp_party} in {account.legal_entity}, support organisation "
        f"{account.support_organization}"
        if account.erp_party
        else "mapped to nobody in ERP and support"
    )
    if account.same_party:
        yield f"same party in the ERP: {', '.join(account.same_party)}"
    if account.same_organization:
        yield f"same support organisation: {', '.join(account.same_organization)}"


def _term(term: SupportTerm | None) -> Iterator[str]:
    if term is None:
        return
    end = f"ends {_day(term.ends_at)}" if term.ends_at else "until cancelled"
    renews = f", renews {_day(term.renews_at)}" if term.renews_at else ""
    yield f"{term.subscription_id}: {term.status} since {_day(term.started_at)}, {end}{renews}"
    if term.forecast_problem:
        yield f"the renewal is {term.forecast}: {term.forecast_problem}"


def _desk(found: CustomerContext) -> Iterator[str]:
    desk = found.desk.value
    if desk is None:
        return
    yield f"organisation {desk.organization_id}, shows {desk.shown.tier or 'no tier'}"
    yield from desk.differences
    if desk.sla is None:
        yield "no SLA policy is known for the tier"
        return
    some = " (under further conditions)" if desk.sla.conditional else ""
    yield f"SLA {desk.sla.title}{some}"
    for target in desk.sla.targets:
        hours = " of business hours" if target.business_hours else ""
        yield f"{target.priority}: {_words(target.metric)} {target.minutes} min{hours}"


def _case(case: SupportCase, escalated_at: datetime | None) -> str:
    words = [case.case_id, case.status, case.priority, case.subject]
    said = " · ".join(word for word in words if word)
    if escalated_at:
        said += f" · escalated {_time(escalated_at)}"
    for deadline in case.deadlines:
        due = f" by {_time(deadline.breach_at)}" if deadline.breach_at else ""
        said += f" · {_words(deadline.metric)} {deadline.stage}{due}"
    return said


def _asset(asset: Asset) -> Iterator[str]:
    held = "" if asset.held else ", not held now"
    serials = f", serial {', '.join(asset.serials)}" if asset.serials else ""
    quantity = f"{asset.quantity:f} x " if asset.quantity is not None else ""
    changed = f", changed {_day(asset.changed_at)}" if asset.changed_at else ""
    yield f"{quantity}{asset.item}{held}, bought {_day(asset.bought_at)}{changed}{serials}"
    for event in asset.history:
        void = " (void)" if event.void else ""
        yield (
            f"  {_day(event.at)} {event.number or event.document_id}{void}: "
            f"{event.what or asset.item} {event.net}"
        )


def _entitlements(found: CustomerContext) -> Iterator[str]:
    held = found.entitlements.value
    if held is None:
        return
    for each in held.items:
        by = ", ".join(f"{grant.source} {grant.source_id}" for grant in each.because)
        yield f"{each.feature} {each.quantity}, until {_day(each.until)}, by {by}"
    for back in held.held_back:
        yield f"{back.grant.feature} gives nothing: {back.why}"


def _document(found: OpenDocument) -> str:
    late = "" if found.overdue_days is None else f", {found.overdue_days} days overdue"
    dunning = f", dunning {found.dunning}" if found.dunning else ""
    erp = found.erp
    standing = erp.value.status if erp.value else "unknown"
    return (
        f"{found.number or found.document_id}: {found.remaining} of {found.gross} open, "
        f"{found.age_days} days old{late}{dunning}; ERP: {standing}, {_age(erp.age_seconds)}"
    )


def _say(console: Console, line: str, *, style: str = "") -> None:
    """Indented, and wrapped between words; an address or an id stays whole."""
    indent = " " * (2 + len(line) - len(line.lstrip()))
    for part in textwrap.wrap(
        line.strip(),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    ):
        console.print(Text(part, style=style))


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "never read"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "now" if seconds < 1 else f"{int(seconds)} s ago"


def _day(at: datetime | None) -> str:
    return "open end" if at is None else f"{at:%Y-%m-%d}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _words(name: str) -> str:
    return name.replace("_", " ")
