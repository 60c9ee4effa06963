"""`trueup login`, `trueup logout`: a personal key for this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

import typer

from cli import identity, refusals
from cli.choices import chosen
from cli.command import Result, TenantOption, remedy_of, tenant_of
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from cli.people import secret
from operations import people, sign_in
from operations.context import AppContext, open_context
from operations.errors import NotDone
from persistence import keys
from persistence.people import INVITATION
from runtime.settings import Settings

#: Where a password is typed here, for what is counted of failures.
_HERE = "command line"


def login(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Sign in by name and password instead.")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the key, for $TRUEUP_KEY, and keep it nowhere.")
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Sign in on this machine, with an invitation, a key or a password.

    It is asked for, or read as one line of standard input. The personal key that comes of it is
    kept in a file that only you can read; $TRUEUP_KEY goes before it.

    Examples: [bold]trueup login[/] · [bold]trueup login --name fay[/] ·
    [bold]trueup login --show[/]
    """
    settings = chosen(ctx).settings()
    of = tenant_of(settings, tenant)
    said = secret("Invitation or personal key" if name is None else f"Password of {name}").strip()

    async def work(context: AppContext) -> tuple[str, keys.ApiKey]:
        if not show:
            # Before an invitation is used up: whether the key can be kept.
            _keep(settings, identity.kept_in_file(settings))
        key = await _key(context, settings, of, name, said)
        found = None if key is None else await identity.of_tenant(context, key, of)
        if key is None or found is None:
            raise sign_in.NotSignedIn
        if not show:
            _keep(settings, (*await _others(context, settings, of), key))
        return key, found

    try:
        key, signed_in = _run(settings, work)
    except Problem as problem:
        if isinstance(problem.__cause__, sign_in.NotSignedIn):
            refusals.sign_in(settings.folder, ctx, of, problem.__cause__.detail)
        raise
    if output is Format.JSON:
        show_json(signed_in.model_dump(mode="json") | ({"key": key} if show else {}))
        return
    if show:
        typer.echo(key)
    until = f" until {signed_in.expires_at:%Y-%m-%d}" if signed_in.expires_at else ""
    roles = ", ".join(signed_in.roles) or "a program"
    note(f"Signed in to {of} as {signed_in.name} ({roles}){until}.")


def logout(ctx: typer.Context, tenant: TenantOption = None) -> None:
    """Give back the key that you signed in with.

    A personal key opens nothing any more, also where it was copied to.

    Example: [bold]trueup logout[/]
    """
    settings = chosen(ctx).settings()
    of = tenant_of(settings, tenant)

    async def work(context: AppContext) -> str | None:
        for raw in identity.kept(settings):
            if (found := await identity.of_tenant(context, raw, of)) is not None:
                # A program's key is not ours to end: `trueup keys revoke` does that.
                if found.person_id is not None:
                    async with context.database.transaction() as conn:
                        await keys.revoke(conn, of, found.key_id)
                _keep(settings, await _others(context, settings, of))
                return found.name
        return None

    name = _run(settings, work)
    note(f"{name} is signed out of {of}." if name else f"Nobody was signed in to {of}.")


async def _key(
    context: AppContext, settings: Settings, tenant: str, name: str | None, said: str
) -> str | None:
    lasts = timedelta(days=settings.sign_in.key_days)
    if name is not None:
        person_id = await sign_in.with_password(context, name, said, _HERE)
        made = await people.personal_key(context, tenant, person_id, lasts=lasts)
    elif said.startswith(INVITATION):
        made = await people.accept(context, tenant, said, lasts=lasts)
    else:
        return said
    return None if made is None else made.key


async def _others(context: AppContext, settings: Settings, tenant: str) -> tuple[str, ...]:
    """What the file has for other tenants, without what opens nothing any more."""
    others = []
    for raw in identity.kept_in_file(settings):
        async with context.database.statement() as conn:
            found = await keys.find(conn, raw)
        if found is not None and found.tenant != tenant:
            others.append(raw)
    return tuple(others)


def _keep(settings: Settings, given: tuple[str, ...]) -> None:
    try:
        identity.keep(settings, given)
    except OSError as fault:
        raise Problem(
            f"the key cannot be kept in {identity.key_file(settings)}: {fault.strerror}",
            remedy=f"name a file of your own with {identity.FILE}, or have it printed with --show",
        ) from fault


def _run(settings: Settings, work: Callable[[AppContext], Awaitable[Result]]) -> Result:
    """Without asking who it is, which is what is to be found out."""

    async def working() -> Result:
        context = open_context(settings, pool_size=2)
        try:
            return await work(context)
        finally:
            await context.database.close()

    try:
        return asyncio.run(working())
    except NotDone as fault:
        raise Problem(fault.detail, code=ExitCode.CONFLICT, remedy=remedy_of(fault)) from fault
