"""`trueup entitlements`: what customers may use and why, and grants by people."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from canonical_models.entitlement import Entitlement
from cli.command import TenantOption, run_command
from cli.ids import CustomerId, GrantId
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from cli.shared_rows import show_held_back
from operations import entitlements, grants
from operations.entitlements import Check
from operations.grants import GrantChanged, NewGrant

app = typer.Typer(
    help="What customers may use, and why.", no_args_is_help=True, rich_markup_mode="rich"
)

Feature = Annotated[str, typer.Argument(help="The feature, as item mappings name it.")]


def _time(words: str) -> Any:
    """An option; without a zone it is meant as this machine's."""
    return typer.Option(
        help=words, formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
    )


@app.command("list")
def list_(
    ctx: typer.Context,
    customer: CustomerId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """All that a customer may use now, by which grants, and what is held back.

    Example: [bold]trueup entitlements list cus_x[/]
    """
    found = run_command(
        ctx, tenant, lambda command: entitlements.list_(command.context, command.tenant, customer)
    )
    if output is Format.JSON:
        show_json(found)
        return
    show_entitlements(found.items)
    show_held_back(found.held_back)


@app.command()
def check(
    ctx: typer.Context,
    customer: CustomerId,
    feature: Feature,
    at: Annotated[datetime | None, _time("When (default: now).")] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """May the customer use the feature, how much, until when and why; if not, why not.

    Examples: [bold]trueup entitlements check cus_x sso[/] ·
    [bold]trueup entitlements check cus_x seats --at 2027-01-01[/]
    """
    checked = run_command(
        ctx,
        tenant,
        lambda command: entitlements.check(
            command.context, command.tenant, customer, feature, at=_instant(at)
        ),
    )
    if output is Format.JSON:
        show_json(checked)
    else:
        _tell_check(checked)


@app.command()
def grant(  # noqa: PLR0913, PLR0917 - typer takes one parameter an option
    ctx: typer.Context,
    customer: CustomerId,
    feature: Feature,
    reason: Annotated[str, typer.Option(help="Why: it is kept and shown.")],
    quantity: Annotated[int, typer.Option(min=1, max=10**9, help="How many.")] = 1,
    source: Annotated[str, typer.Option(help=f"Whence: {', '.join(grants.SOURCES)}.")] = "manual",
    starts: Annotated[datetime | None, _time("From when on (default: now).")] = None,
    ends: Annotated[datetime | None, _time("Until when (default: until it is ended).")] = None,
    key: Annotated[str | None, typer.Option(help="Names this act: the same key acts once.")] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Give a customer a feature beside what subscriptions give.

    Examples: [bold]trueup entitlements grant cus_x sso --reason 'pilot, ticket 4711'[/] ·
    [bold]trueup entitlements grant cus_x seats --quantity 5 --source trial --ends 2027-01-31 \
--reason trial[/]
    """
    try:
        wanted = NewGrant.model_validate(
            {
                "customer_id": customer,
                "feature": feature,
                "quantity": quantity,
                "source": source,
                "starts_at": _instant(starts),
                "ends_at": _instant(ends),
                "reason": reason,
            }
        )
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])).replace("_", " ") or "the grant"
        raise Problem(
            f"{place}: {first['msg']}",
            code=ExitCode.USAGE,
            remedy="see `trueup entitlements grant --help`",
        ) from None
    _changed(
        run_command(
            ctx,
            tenant,
            lambda command: grants.give(
                command.context, command.tenant, wanted, by=command.by, key=key
            ),
        ),
        output,
    )


@app.command()
def revoke(
    ctx: typer.Context,
    grant_id: GrantId,
    grace_days: Annotated[
        int,
        typer.Option(min=0, max=grants.LONGEST_GRACE_DAYS, help="Days for which it still holds."),
    ] = 0,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """End a grant now, or after a grace. One of a subscription ends with the subscription.

    Examples: [bold]trueup entitlements revoke grt_0d9c8b7a6f5e4d3c2b1a[/] ·
    [bold]trueup entitlements revoke grt_0d9c8b7a6f5e4d3c2b1a --grace-days 14[/]
    """
    _changed(
        run_command(
            ctx,
            tenant,
            lambda command: grants.revoke(
                command.context, command.tenant, grant_id, by=command.by, grace_days=grace_days
            ),
        ),
        output,
    )


@app.command()
def suspend(
    ctx: typer.Context,
    grant_id: GrantId,
    reason: Annotated[str, typer.Option(help="Why: whoever asks for the feature is told.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Hold a grant back until it is restored.

    Example: [bold]trueup entitlements suspend grt_0d9c8b7a6f5e4d3c2b1a --reason 'abuse'[/]
    """
    if not reason:
        raise Problem(
            "a suspension needs a reason", code=ExitCode.USAGE, remedy="say it with --reason"
        )
    _changed(
        run_command(
            ctx,
            tenant,
            lambda command: grants.suspend(
                command.context, command.tenant, grant_id, reason, by=command.by
            ),
        ),
        output,
    )


@app.command()
def restore(
    ctx: typer.Context,
    grant_id: GrantId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Let a suspended grant give again.

    Example: [bold]trueup entitlements restore grt_0d9c8b7a6f5e4d3c2b1a[/]
    """
    _changed(
        run_command(
            ctx,
            tenant,
            lambda command: grants.restore(
                command.context, command.tenant, grant_id, by=command.by
            ),
        ),
        output,
    )


def show_entitlements(found: tuple[Entitlement, ...]) -> None:
    show_rows(
        ((e.feature, e.quantity, e.until, _because(e)) for e in found),
        ("entitled to", "quantity", "until", "because of"),
        empty="entitled to nothing",
    )


def _because(entitlement: Entitlement) -> str:
    return ", ".join(
        f"{given.source.value} {given.source_id} ({given.quantity})"
        for given in entitlement.because
    )


def _tell_check(checked: Check) -> None:
    if checked.allowed:
        given = Entitlement(
            customer_id=checked.customer_id,
            feature=checked.feature,
            quantity=checked.quantity,
            until=checked.until,
            because=checked.because,
        )
        show_entitlements((given,))
    else:
        why = "" if checked.because_not else ": nobody has granted it"
        Console(highlight=False).print(f"not entitled to {checked.feature}{why}", markup=False)
    show_held_back(checked.because_not)


def _changed(changed: GrantChanged, output: Format) -> None:
    if output is Format.JSON:
        show_json(changed)
        return
    found = changed.grant
    held = found.grant
    until = f" until {held.ends_at:%Y-%m-%d %H:%M} UTC" if held.ends_at else ""
    note(
        f"{'' if changed.changed else 'It was so already. '}{found.grant_id}: {held.quantity} x "
        f"{held.feature} for {held.customer_id}{until}, {found.status.replace('_', ' ')}."
    )


def _instant(given: datetime | None) -> datetime | None:
    """On this machine's clock unless a zone was given."""
    return None if given is None else given.astimezone(UTC)
