"""What the operator's commands share: the tenant, the systems, and errors as exit codes."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from canonical_models.decisions import Door, Entrance
from cli import identity, refusals
from cli.acts import act_of
from cli.choices import chosen
from cli.output import ExitCode, Problem, note
from operations import permissions
from operations.context import AppContext, open_context
from operations.errors import Conflict, Invalid, NotDone, NotFound, Unavailable
from operations.permissions import Concealed, Forbidden, Principal
from runtime.settings import Settings

Result = TypeVar("Result")
Known = TypeVar("Known", bound=StrEnum)

TenantOption = Annotated[
    str | None,
    typer.Option(
        # Read before all others: ids are looked up among the tenant's.
        "--tenant",
        is_eager=True,
        help="Which tenant (default: the only one configured).",
    ),
]
#: A stretch of time.
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Since = Annotated[
    datetime | None, typer.Option(help="Only what was from then on, in UTC.", formats=_TIMES)
]
To = Annotated[
    datetime | None,
    typer.Option("--to", help="Only what was before then, in UTC.", formats=_TIMES),
]
Limit = Annotated[int, typer.Option(min=1, max=200, help="Rows to show.")]
Cursor = Annotated[
    str | None, typer.Option(help="Go on behind this; it is shown when there is more.")
]

#: How a state looks: what needs people is red or yellow, what is done is green.
_COLOURS = {
    "completed": "green",
    "confirmed": "green",
    "no_change": "green",
    "dispatched": "green",
    "resolved": "green",
    "delivered": "green",
    "active": "green",
    "paid": "green",
    "ready": "green",
    "current": "green",
    "live": "green",
    "works": "green",
    "right": "green",
    "compensated": "magenta",
    "cancelled": "magenta",
    "credited": "magenta",
    "ended": "magenta",
    "running": "cyan",
    "starting": "cyan",
    "attempting": "cyan",
    "compensating": "cyan",
    "behind": "cyan",
    "waiting": "yellow",
    "agrees": "green",
    "differs": "red",
    "shadowed": "green",
    "open": "yellow",
    "exception": "yellow",
    "uncertain": "yellow",
    "grace": "yellow",
    "part_paid": "yellow",
    "escalated": "red",
    "rejected": "red",
    "requeued": "yellow",
    "held": "yellow",
    "paused": "yellow",
    "slow": "yellow",
    "unknown": "yellow",
    "overdue": "red",
    "away": "red",
    "wrong": "red",
    "down": "red",
    "given up": "red",
    "suspended": "red",
    "final": "red",
    "blocked": "red",
    "refused": "red",
    "dead_lettered": "red",
    "dead": "red",
}


@dataclass(frozen=True)
class Command:
    """`by` is recorded as the author of what is decided here."""

    context: AppContext
    who: Principal

    @property
    def tenant(self) -> str:
        return self.who.tenant

    @property
    def by(self) -> str:
        return self.who.name


def run_command(
    ctx: typer.Context,
    tenant: str | None,
    work: Callable[[Command], Awaitable[Result]],
    *,
    about: str | None = None,
) -> Result:
    """Do the work for the tenant, if who is signed in may; who may not is in the security log.
    `about` is what the command names, where it has not been read whole yet. Raises Problem with
    the exit code of what went wrong."""
    settings = chosen(ctx).settings()
    name = tenant_of(settings, tenant)
    entrance = Entrance(door=Door.CLI, request_id=f"cmd_{secrets.token_hex(8)}")

    async def working() -> Result:
        context = replace(open_context(settings, pool_size=2), entrance=entrance)
        try:
            try:
                who = await identity.who(context, settings, name)
            except identity.Unknown as fault:
                refusals.unknown_key(settings.folder, ctx, name, entrance, str(fault))
                raise
            try:
                permissions.require(who, act_of(ctx))
                return await work(Command(context, who))
            except Concealed as refusal:
                refusals.not_allowed(settings.folder, ctx, who, entrance, refusal, about)
                raise
            except Forbidden as refusal:
                refusals.not_allowed(settings.folder, ctx, who, entrance, refusal, about)
                raise await permissions.explained(context, refusal) from refusal
        finally:
            await context.database.close()

    try:
        return asyncio.run(working())
    except NotDone as fault:
        raise problem_of_refusal(fault) from fault


def problem_of_refusal(fault: NotDone) -> Problem:
    return Problem(fault.detail, code=_code(fault), remedy=remedy_of(fault))


def state(name: str | None) -> Text:
    return Text(name or "-", style=_COLOURS.get(name or "", ""))


def one_of(states: type[Known], said: str | None, what: str, *besides: str) -> Known | None:
    """The state that was asked for, None where none was. Raises Problem where a `what` is never in
    it; `besides` are words that the option takes as well."""
    if said is None:
        return None
    try:
        return states(said)
    except ValueError:
        raise Problem(
            f"no {what} is ever {said!r}",
            code=ExitCode.USAGE,
            remedy=f"use one of {', '.join([*states, *besides])}",
        ) from None


def tell_of_more(following: str | None) -> None:
    if following is not None:
        note(f"there is more: --cursor {following}")


def tenant_of(settings: Settings, given: str | None) -> str:
    known = sorted(settings.tenants)
    if given is not None:
        if given not in settings.tenants:
            raise Problem(
                f"no tenant is called {given}",
                code=ExitCode.USAGE,
                remedy=f"use one of {', '.join(known)}" if known else "configure a tenant",
            )
        return given
    if len(known) != 1:
        raise Problem(
            f"{len(known)} tenants are configured",
            code=ExitCode.USAGE,
            remedy=f"say which with --tenant: {', '.join(known)}",
        )
    return known[0]


#: How each kind of object is looked at, or what is done about it; `|` stands between two ways.
_LOOKS = {
    "account": "accounts list",
    "account_anew": "accounts sync {}",
    "admin": "people role NAME admin",
    "adoption": "adopt --report {}",
    "all_exceptions": "exceptions list --state all",
    "asked": "exceptions list --state all --change {}",
    "batch": "batches show {}",
    "batches": "batches list",
    "cancel": "changes cancel {}",
    "cause": "causes show {}",
    "causes": "causes list",
    "change": "changes show {}",
    "changes": "changes list",
    "connection": "connections list",
    "drifts": "connections drifts",
    "customers": "mappings list --kind account",
    "deployment": "deploy status",
    "difference": "differences",
    "document": "invoices show {}",
    "entitlements": "entitlements list {}",
    "exception": "exceptions show {}",
    "exceptions": "exceptions list",
    "grant": "entitlements list CUSTOMER",
    "inbox": "inbox list",
    "invoices": "invoices list|accounts sync CUSTOMER",
    "keys": "keys list",
    "login": "login",
    "mapping": "mappings list",
    "new_key": "keys create",
    "password": "login --name {}",
    "people": "people list",
    "period": "periods show {}",
    "periods": "periods list",
    "read_anew": "subscriptions sync SUBSCRIPTION|accounts sync CUSTOMER",
    "reconcile": "reconcile",
    "recovery": "recover",
    "rehearsal": "adopt --rehearse",
    "roles": "people role {}",
    "stop": "batches stop {}",
    "stream": "streams deliveries {}",
    "streams": "streams list",
    "subscription_anew": "subscriptions sync {}",
    "subscriptions": "subscriptions list",
    "unrehearsed_history": "backfill history --rehearse|backfill history --apply --yes",
    "unrehearsed_mapping": "backfill mapping --rehearse|backfill mapping --apply --yes",
    "unrehearsed_publish": "backfill publish --rehearse|backfill publish --apply --yes",
    "unrehearsed": "adopt --rehearse|adopt --apply --yes",
    "unrehearsed_of": "adopt --rehearse --customer {0}|adopt --apply --yes --customer {0}",
}


def remedy_of(fault: NotDone) -> str:
    """What to do next, with the command for it."""
    if fault.see is None:
        return fault.remedy
    return f"{fault.remedy}: {command_for(*fault.see)}"


def command_for(kind: str, key: str) -> str:
    """What people type to look at it."""
    ways = _LOOKS[kind].format(key).split("|")
    return " or ".join(f"`trueup {way}`" for way in ways)


def _code(fault: NotDone) -> ExitCode:
    match fault:
        case NotFound():
            return ExitCode.NOT_FOUND
        case Conflict() | Forbidden():
            return ExitCode.CONFLICT
        case Invalid():
            return ExitCode.USAGE
        case Unavailable():
            return ExitCode.UNAVAILABLE
        case _:
            return ExitCode.FAILED
