"""`trueup worker`: sagas, activities and the dispatcher."""

import typer

from cli.choices import chosen
from cli.process import ExitWithStdin, say_ready, until_told
from runtime import logging
from worker import run


def worker(ctx: typer.Context, exit_with_stdin: ExitWithStdin = False) -> None:
    """Run sagas, activities and the dispatcher until SIGTERM.

    Example: [bold]trueup --config /etc/trueup/trueup.toml worker[/]
    """
    settings = chosen(ctx).settings()
    logging.configure("worker")
    until_told(lambda: run(settings, ready=say_ready), exit_with_stdin=exit_with_stdin)
