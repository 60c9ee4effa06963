"""`trueup keys`: who may call the API, and for what."""

from typing import Annotated

import typer

from cli.command import TenantOption, run_command
from cli.ids import KeyId
from cli.output import Format, Output, note, show_json, show_rows
from operations import keys

app = typer.Typer(
    help="API keys: make, list and revoke.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who holds it; recorded with what it decides.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do; repeatable: {', '.join(keys.SCOPES)}.")
    ],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a key. It is shown once: only its hash is kept.

    Example: [bold]trueup keys create portal --scope entitlements:read[/]
    """
    made = run_command(
        ctx,
        tenant,
        lambda command: keys.create(command.context, command.tenant, name, tuple(scope)),
    )
    if output is Format.JSON:
        show_json(made)
        return
    typer.echo(made.key)
    note("Keep it now: it is not shown again. Send it as `Authorization: Bearer …`.")


@app.command("list")
def list_(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """Every key, revoked ones included.

    Example: [bold]trueup keys list[/]
    """
    found = run_command(ctx, tenant, lambda command: keys.list_(command.context, command.tenant))
    if output is Format.JSON:
        show_json([key.model_dump(mode="json") for key in found])
        return
    show_rows(
        (
            (key.key_id, key.name, ", ".join(key.scopes), key.created_at, key.revoked_at)
            for key in found
        ),
        ("key", "holder", "may", "since", "revoked"),
        empty="no keys: make one with `trueup keys create`",
    )


@app.command()
def revoke(
    ctx: typer.Context,
    key: KeyId,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """From now on the key opens nothing.

    Example: [bold]trueup keys revoke 0f3a9c5d1b2e4a68[/]
    """
    revoked = run_command(
        ctx, tenant, lambda command: keys.revoke(command.context, command.tenant, key)
    )
    if output is Format.JSON:
        show_json(revoked)
        return
    note(f"{revoked.key_id} opens nothing since {revoked.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")
