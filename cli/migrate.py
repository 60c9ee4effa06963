"""`trueup migrate`: the database's schema."""

import typer

from cli.choices import chosen
from cli.output import note
from persistence.database import migrate_now


def migrate(ctx: typer.Context) -> None:
    """Bring the database to this version's schema. Safe to run again.

    Example: [bold]trueup --config /etc/trueup/trueup.toml migrate[/]
    """
    migrate_now(chosen(ctx).settings().dsn)
    note("The database has this version's schema.")
