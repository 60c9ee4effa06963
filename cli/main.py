"""`trueup`: the command line. Each command has a module, loaded when it is called."""

import contextlib
import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from cli.choices import Choices
from cli.output import (
    EXIT_CODES,
    ExitCode,
    Problem,
    problem_of,
    show_problem,
    show_problem_as_json,
    wants_json,
)

#: Command to the module whose function of that name it is, and the first line of its help.
COMMANDS = {
    "up": ("sandbox.commands.up", "Start everything on this machine, and stop it with Ctrl-C."),
    "down": ("sandbox.commands.stack", "Stop the stack and wait until nothing of it runs."),
    "status": ("cli.status", "Show whether each part works, since when, and what waits."),
    "demo": (
        "sandbox.commands.demo",
        "Eight stories through the front door, each verified in Stripe, Tryton and Zendesk.",
    ),
    "adopt": (
        "cli.adopt",
        "Take customers over that billing had before Trueup, as of the cutover.",
    ),
    "close": (
        "cli.close",
        "Close a month of a legal entity, and seal what both sides say.",
    ),
    "differences": (
        "cli.differences",
        "Where billing and the ERP do not say the same, with cause and owner.",
    ),
    "numbers": (
        "cli.numbers",
        "How long things take and how often they go well, against what was promised.",
    ),
    "reconcile": (
        "cli.reconcile",
        "Lay billing, ERP, entitlements and support beside each other, and set right what differs.",
    ),
    "worker": ("cli.worker", "Run sagas, activities and the dispatcher until SIGTERM."),
    "api": ("cli.api", "Serve the webhooks and the API under /v1 until SIGTERM."),
    "console": (
        "cli.console",
        "Serve the console, where people see and decide, until SIGTERM.",
    ),
    "recover": (
        "cli.recover",
        "Start again what Temporal should have and has not: processes, open changes, schedules.",
    ),
    "login": ("cli.login", "Sign in on this machine, with an invitation, a key or a password."),
    "logout": ("cli.login", "Give back the key that you signed in with."),
    "migrate": ("cli.migrate", "Bring the database to this version's schema."),
}
#: Group to its module, whose `app` is a `typer.Typer`, and the first line of its help.
GROUPS = {
    "accounts": (
        "cli.accounts",
        "See customers' accounts; have one found or made, placed, or looked at now.",
    ),
    "audit": ("cli.audit", "Verify that what was done stands as it was written; export it."),
    "backfill": ("cli.backfill", "Bring about in bulk what is missing or has changed."),
    "batches": ("cli.batches", "See what is done in bulk; pause, resume and stop it."),
    "cash": ("cli.cash", "See clearing beside billing's balance, and payouts."),
    "causes": ("cli.causes", "See what is wrong, and all that it holds."),
    "changes": ("cli.changes", "See changes and where they stand; cancel and signal them."),
    "deploy": ("cli.deploy", "Versions of the worker: roll out, roll back, drain."),
    "connections": ("cli.connections", "See which vendors are away; check and set up connections."),
    "dunning": ("cli.dunning", "See overdue invoices, and how far their dunning has gone."),
    "entitlements": (
        "cli.entitlements",
        "See what customers may use and why; give, end and suspend grants.",
    ),
    "exceptions": ("cli.exceptions", "See what waits for a person, and decide it."),
    "inbox": ("cli.inbox", "See received webhooks and dead letters; replay them."),
    "invoices": (
        "cli.invoices",
        "See invoices and credit notes in billing and the ERP; decide what becomes of them.",
    ),
    "keys": ("cli.keys", "Make, list, rotate and revoke API keys."),
    "mappings": ("cli.mappings", "See and set how things in billing are called elsewhere."),
    "notify": ("cli.notify", "Mail to teams about what waits for them: try it out."),
    "privacy": ("cli.privacy", "Erase what is personal of a customer."),
    "people": ("cli.people", "Who may sign in, and what they are to the company."),
    "periods": (
        "cli.periods",
        "See months and their reports; accept what differs, and reopen one.",
    ),
    "renewals": ("cli.renewals", "See renewals that are to come, and whether they will post."),
    "shadow": ("cli.shadow", "What would be done, and how far what others do agrees with it."),
    "streams": ("cli.streams", "See and change who is told of events; send events again."),
    "subscriptions": (
        "cli.subscriptions",
        "See what every system last agreed on; have one looked at now.",
    ),
    "support": ("cli.support", "See all that is known of a customer, for a support desk."),
    "targets": ("cli.targets", "Compare what entitlement targets hold; tell them again."),
}

_KNOWN = {**COMMANDS, **GROUPS}
#: What an installation may have been made without.
SANDBOX = "sandbox"
_HAS_SANDBOX = find_spec(SANDBOX) is not None

_OF_SANDBOX = (
    "[bold]trueup up[/] starts everything on this machine · [bold]trueup status -o json[/] · "
)
_EPILOG = (
    f"Examples: {_OF_SANDBOX if _HAS_SANDBOX else ''}[bold]trueup changes list[/] · "
    "[bold]trueup --config /etc/trueup/trueup.toml worker[/]"
)


class _LazyGroup(TyperGroup):
    """Loads a command's module when it is called: a database driver takes a second to load."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return [name for name, (module, _) in _KNOWN.items() if _is_here(module)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        super().format_help(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in _KNOWN:
            return None
        module, text = _KNOWN[cmd_name]
        if not _is_here(module):
            raise Problem(
                f"`trueup {cmd_name}` is of the sandbox, which this installation was made without",
                code=ExitCode.USAGE,
                remedy="run it in a checkout of Trueup",
            )
        if self._listing:
            return TyperCommand(cmd_name, help=text)
        loaded = importlib.import_module(module)
        if cmd_name in GROUPS:
            # Not get_command, which gives each group options of its own to install completion.
            command: Any = typer.main.get_group(loaded.app)
        else:
            alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
            alone.command()(getattr(loaded, cmd_name))
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


def _is_here(module: str) -> bool:
    return _HAS_SANDBOX or not module.startswith(f"{SANDBOX}.")


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=f"{_EPILOG}\n\n{EXIT_CODES}",
)


@app.callback(epilog=f"{_EPILOG}\n\n{EXIT_CODES}")
def choose(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The settings file; for `up`, what to use instead of embedded parts."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            envvar="TRUEUP_STATE", help="Folder of the embedded stack (default: .trueup)."
        ),
    ] = None,
) -> None:
    """Trueup keeps billing, ERP and support in step."""
    ctx.obj = Choices(config=config, state=state)


def main() -> None:
    """Run the command line; ends the process with an exit code that means something."""
    as_json = wants_json(sys.argv[1:])
    show = show_problem_as_json if as_json else show_problem
    try:
        # What is wrong with the words themselves is shown by typer, but where JSON is asked for.
        code = app(prog_name="trueup", standalone_mode=not as_json)
        _leave(code if isinstance(code, int) else ExitCode.OK)
    except KeyboardInterrupt:
        _leave(130)
    except SystemExit as left:
        if isinstance(left.code, str):
            raise
        _leave(left.code or ExitCode.OK)
    except BaseException as fault:
        if (problem := problem_of(fault)) is None:
            raise
        show(problem)
        _leave(problem.code)


def _leave(code: int) -> NoReturn:
    """Without taking the interpreter down: a thread of the Temporal client that still gives back
    its last answer aborts the process then, whatever the command has come to."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    os._exit(code)
