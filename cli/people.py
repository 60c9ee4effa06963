"""`trueup people`: who may sign in, and what they are to the company."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from canonical_models.acts import Role
from cli.command import Command, Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import people, sign_in
from operations.people import NewPerson, Removed
from persistence.people import Member

app = typer.Typer(
    help="Who may sign in, and what they are to the company.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[str, typer.Argument(help="As `trueup people list` shows it.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Everybody who belongs to the company, with their roles and how they sign in.

    Example: [bold]trueup people list[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: people.list_(command.context, command.tenant, after=cursor, limit=limit),
    )
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        ((one.name, ", ".join(one.roles), one.email, _signs_in(one)) for one in found.items),
        ("name", "roles", "e-mail", "signs in by"),
        empty="nobody yet: `trueup people add NAME --role admin`",
    )
    tell_of_more(found.next)


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="What they sign in with, and what is recorded as who did something."),
    ],
    role: Annotated[list[Role], typer.Option(help="What they are here; repeatable.")],
    email: Annotated[
        str | None, typer.Option(help="E-mail address: the one that the identity provider says.")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Add somebody. Until somebody administers, whoever has the configuration adds the first.

    Examples: [bold]trueup people add ada --role admin[/] ·
    [bold]trueup people add fay --role finance --email fay@example.com[/]
    """
    try:
        new = NewPerson(name=name, email=email, roles=tuple(role))
    except ValidationError as fault:
        raise Problem(
            f"somebody cannot be called {name!r}, with the e-mail {email or 'none'}",
            code=ExitCode.USAGE,
            remedy="a name has lower-case letters, digits, `.`, `_` and `-`, 63 at most",
        ) from fault
    added = run_command(
        ctx,
        tenant,
        lambda command: people.add(command.context, command.tenant, new, by=command.by),
    )
    if output is Format.JSON:
        show_json(added)
        return
    if added.known:
        note(f"{name} had an account already, which another company has made.")
    note(f"{name} is {', '.join(added.person.roles)}; next: `trueup people invite {name}`.")


@app.command()
def role(
    ctx: typer.Context,
    name: Name,
    roles: Annotated[list[Role], typer.Argument(help="These, and no others.")],
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Say what somebody is to the company; it holds from their next request on.

    Example: [bold]trueup people role fay finance operations[/]
    """
    changed = run_command(
        ctx,
        tenant,
        lambda command: people.set_roles(
            command.context, command.tenant, name, tuple(roles), by=command.by
        ),
    )
    if output is Format.JSON:
        show_json(changed)
    else:
        note(f"{name} is {', '.join(changed.roles)}.")


@app.command()
def invite(
    ctx: typer.Context, name: Name, tenant: TenantOption = None, output: Output = Format.TABLE
) -> None:
    """Make an invitation, which is shown once and makes one personal key: give it to them alone.

    Example: [bold]trueup people invite fay[/]
    """
    invited = run_command(
        ctx, tenant, lambda command: people.invite(command.context, command.tenant, name)
    )
    if output is Format.JSON:
        show_json(invited)
        return
    typer.echo(invited.invitation)
    note(f"{name} enters it in `trueup login`, within {invited.days} days; it works once.")


@app.command()
def password(ctx: typer.Context, tenant: TenantOption = None) -> None:
    """Choose your own password. It is asked for, or read as one line of standard input.

    Every session of yours in a browser is over then.

    Example: [bold]trueup people password[/]
    """
    chosen = secret("New password", confirm=True)

    async def work(command: Command) -> str:
        if command.who.person_id is None:
            raise Problem(
                "only a person has a password, and nobody is signed in by a personal key",
                code=ExitCode.CONFLICT,
                remedy="sign in with `trueup login`",
            )
        await sign_in.set_password(command.context, command.who.person_id, chosen)
        return command.by

    note(f"{run_command(ctx, tenant, work)} has a new password.")


@app.command()
def remove(
    ctx: typer.Context, name: Name, tenant: TenantOption = None, output: Output = Format.TABLE
) -> None:
    """Take somebody out of the company at once: their keys open nothing, their sessions are over.

    Example: [bold]trueup people remove fay[/]
    """

    async def work(command: Command) -> Removed:
        return await people.remove(command.context, command.tenant, name, by=command.by)

    removed = run_command(ctx, tenant, work)
    if output is Format.JSON:
        show_json(removed)
    else:
        note(f"{name} does not belong to the company any more.")


def secret(what: str, *, confirm: bool = False) -> str:
    """Typed unseen, or one line of standard input: never an argument, which all of the machine can
    read."""
    if sys.stdin.isatty():
        typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _signs_in(member: Member) -> str:
    ways = {
        "password": member.password,
        "identity provider": member.provider,
        "invited": member.invited_until is not None,
    }
    return ", ".join(way for way, there in ways.items() if there) or "key"
