"""`trueup notify`: mail to teams."""

from typing import Annotated

import typer

from canonical_models.failures import Team
from cli.choices import chosen
from cli.command import TenantOption, run_command
from cli.output import Format, Output, note, show_json
from operations import notifying

app = typer.Typer(
    help="Mail to teams about what waits for them.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.callback()
def _group() -> None:
    """Mail to teams about what waits for them."""


@app.command("test")
def try_out(
    ctx: typer.Context,
    team: Annotated[Team, typer.Argument(help="Whose addresses are tried.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Send a team a mail that says nothing but that it came, by the mail server of the settings.

    Examples: [bold]trueup notify test finance[/] · [bold]trueup notify test support -o json[/]
    """
    settings = chosen(ctx).settings()
    sent = run_command(
        ctx,
        tenant,
        lambda command: notifying.try_out(settings, command.tenant, team, by=command.by),
    )
    if output is Format.JSON:
        show_json(sent)
    else:
        note(
            f"The mail server took it for {sent.addresses - sent.refused} of {sent.addresses} "
            "addresses; see whether it arrives."
        )
