"""`trueup worker`: sagas, activities and the dispatcher."""

from typing import Annotated

import typer

from cli.choices import chosen
from cli.process import ExitWithStdin, say_ready, until_told
from runtime import logging
from worker import run


def worker(
    ctx: typer.Context,
    version: Annotated[
        str | None,
        typer.Option(
            help="The build that it is, for `trueup deploy` (default: worker.version, else the "
            "package's version and a digest of its code)."
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of what monitoring asks: /metrics. 0: none (default: the settings).",
        ),
    ] = None,
    exit_with_stdin: ExitWithStdin = False,
) -> None:
    """Run sagas, activities and the dispatcher until SIGTERM.

    Examples: [bold]trueup --config /etc/trueup/trueup.toml worker[/] ·
    [bold]trueup worker --version 0.2.0[/]
    """
    settings = chosen(ctx).settings()
    said = {"version": version, "metrics_port": metrics_port}
    given = {name: value for name, value in said.items() if value is not None}
    settings = settings.model_copy(update={"worker": settings.worker.model_copy(update=given)})
    logging.configure("worker")
    until_told(lambda: run(settings, ready=say_ready), exit_with_stdin=exit_with_stdin)
