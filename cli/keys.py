"""`trueup keys`: who may call the API, and for what."""

from datetime import timedelta
from typing import Annotated

import typer

from cli import key_usage
from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.ids import KeyId
from cli.output import Format, Output, note, show_json, show_rows
from operations import keys

app = typer.Typer(
    help="API keys: make, list, rotate and revoke.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who holds it; recorded with what it decides.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do; repeatable: {', '.join(keys.SCOPES)}.")
    ],
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="It expires after so many; else never.")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a key of a program. It is shown once: only its hash is kept.

    Example: [bold]trueup keys create portal --scope entitlements:read --days 365[/]
    """
    lasts = None if days is None else timedelta(days=days)
    made = run_command(
        ctx,
        tenant,
        lambda command: keys.create(
            command.context, command.tenant, name, tuple(scope), lasts=lasts
        ),
    )
    if output is Format.JSON:
        show_json(made)
        return
    typer.echo(made.key)
    note(
        f"Keep it now: it is not shown again. It is called {made.key_id}; "
        "send it as `Authorization: Bearer …`."
    )


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Every key, revoked ones included.

    Example: [bold]trueup keys list[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: keys.list_(command.context, command.tenant, after=cursor, limit=limit),
    )
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        (
            (
                key.key_id,
                key.name,
                ", ".join(key.roles if key.person_id else key.scopes),
                key.created_at,
                key.last_used_at,
                key.expires_at,
                key.revoked_at,
            )
            for key in found.items
        ),
        ("key", "holder", "may", "since", "last used", "expires", "revoked"),
        empty="no keys: make one with `trueup keys create`",
    )
    tell_of_more(found.next)


app.command()(key_usage.usage)


@app.command()
def rotate(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="As `trueup keys list` shows it.")],
    hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the old one goes on to open.")
    ] = 24,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a new key for the same holder; the old one opens for a while still.

    Example: [bold]trueup keys rotate tk_0f3a9c5d1b2e4a68 --hours 2[/]
    """
    made = run_command(
        ctx,
        tenant,
        lambda command: keys.rotate(
            command.context, command.tenant, key, grace=timedelta(hours=hours)
        ),
    )
    if output is Format.JSON:
        show_json(made)
        return
    typer.echo(made.key)
    note(
        f"Keep it now: it is not shown again. It is called {made.key_id}; {made.replaces} opens "
        f"until {made.until:%Y-%m-%d %H:%M} UTC."
    )


@app.command()
def revoke(
    ctx: typer.Context,
    key: KeyId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """From now on the key opens nothing.

    Example: [bold]trueup keys revoke tk_0f3a9c5d1b2e4a68[/]
    """
    revoked = run_command(
        ctx, tenant, lambda command: keys.revoke(command.context, command.tenant, key)
    )
    if output is Format.JSON:
        show_json(revoked)
        return
    note(f"{revoked.key_id} opens nothing since {revoked.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")
