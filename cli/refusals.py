"""What the command line refuses, for the security log: the line that the API writes, with the act
and what it was about.

A command has no log of its own: the line goes to the end of `logs/security.log` beside the
settings, which only its owner may read, and to stderr where that cannot be written.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import typer

from canonical_models.decisions import Entrance
from operations.permissions import Concealed, Forbidden, Principal
from runtime import security
from runtime.logging import lines_to
from runtime.security import Reason, Refusal

LOG = Path("logs", "security.log")


def not_allowed(
    folder: Path,
    ctx: typer.Context,
    who: Principal,
    entrance: Entrance,
    refusal: Forbidden | Concealed,
    about: str | None,
) -> None:
    """Who is known may not do it. `folder` is that of the settings; `about` is what was named,
    where the command has not been read whole yet."""
    _write(
        folder,
        ctx,
        Refusal(
            reason=Reason.NOT_ALLOWED,
            detail=refusal.why if isinstance(refusal, Concealed) else refusal.detail,
            request_id=entrance.request_id,
            tenant=refusal.tenant,
            who=who.name,
            route=_command(ctx),
            act=refusal.act.value,
            about=about or _named(ctx),
        ),
    )


def unknown_key(
    folder: Path, ctx: typer.Context, tenant: str, entrance: Entrance, detail: str
) -> None:
    _write(
        folder,
        ctx,
        Refusal(
            reason=Reason.UNKNOWN_KEY,
            detail=detail,
            request_id=entrance.request_id,
            tenant=tenant,
            route=_command(ctx),
        ),
    )


def sign_in(folder: Path, ctx: typer.Context, tenant: str, detail: str) -> None:
    """Nobody came of it. Who was named is not said: it may be a password in the wrong place."""
    _write(
        folder,
        ctx,
        Refusal(
            reason=Reason.SIGN_IN,
            detail=detail,
            request_id=f"cmd_{secrets.token_hex(8)}",
            tenant=tenant,
            route=_command(ctx),
        ),
    )


def _command(ctx: typer.Context) -> str:
    # The first word is how the program itself was called.
    return f"trueup {ctx.command_path.partition(' ')[2]}"


def _named(ctx: typer.Context) -> str | None:
    """The first word after the command, which is the object of all that have one; what else was
    typed may be anybody's words."""
    for parameter in ctx.command.params:
        if parameter.param_type_name == "argument":
            value = ctx.params.get(parameter.name or "")
            return value if isinstance(value, str) else None
    return None


def _write(folder: Path, ctx: typer.Context, refusal: Refusal) -> None:
    if ctx.resilient_parsing:
        # The shell asks how a word may go on: nobody has asked for anything.
        return
    with _opened(folder / LOG) as file, lines_to(file, "cli"):
        security.refused(refusal)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        yield sys.stderr
        return
    with os.fdopen(number, "a", encoding="utf-8") as file:
        yield file
