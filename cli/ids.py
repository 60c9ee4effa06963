"""Ids on the command line: as much of the beginning as no other has is enough, and the shell
completes them."""

from collections.abc import Callable
from typing import Annotated, Any

import psycopg
import typer

from cli.choices import Choices
from cli.command import run_command
from cli.output import Problem
from operations import naming
from operations.naming import Kind
from runtime.settings import SettingsError


def _whole(kind: Kind, *, must_be: bool) -> Callable[..., Any]:
    def callback(ctx: typer.Context, value: str | None) -> str | None:
        if not value or ctx.resilient_parsing:
            return value
        return run_command(
            ctx,
            ctx.params.get("tenant"),
            lambda command: naming.whole(
                command.context, command.tenant, kind, value, must_be=must_be
            ),
            about=value,
        )

    return callback


def _completed(kind: Kind) -> Callable[..., list[str]]:
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        # What stands before the command has not been acted on: the shell only asks.
        root = ctx.find_root()
        root.obj = Choices(config=root.params.get("config"), state=root.params.get("state"))
        try:
            found = run_command(
                ctx,
                ctx.params.get("tenant"),
                lambda command: naming.beginning_with(
                    command.context, command.tenant, kind, incomplete
                ),
            )
        # A shell has no place for what is wrong.
        except (SettingsError, Problem, psycopg.Error, OSError):
            return []
        return list(found)

    return complete


def an_id(kind: Kind, words: str, **more: Any) -> Any:
    """An argument that names one."""
    complete = _completed(kind)
    return typer.Argument(
        help=words, callback=_whole(kind, must_be=False), autocompletion=complete, **more
    )


def only(kind: Kind, words: str, *, must_be: bool = True, **more: Any) -> Any:
    """An option that names one, which has to be there unless it takes other words as well."""
    complete = _completed(kind)
    return typer.Option(
        help=words, callback=_whole(kind, must_be=must_be), autocompletion=complete, **more
    )


ChangeId = Annotated[str, an_id(Kind.CHANGE, "As `trueup changes list` shows it.")]
ExceptionId = Annotated[str, an_id(Kind.EXCEPTION, "As `trueup exceptions list` shows it.")]
CauseId = Annotated[str, an_id(Kind.CAUSE, "As `trueup causes list` shows it.")]
BatchId = Annotated[str, an_id(Kind.BATCH, "As `trueup batches list` shows it.")]
Receipt = Annotated[str, an_id(Kind.RECEIPT, "As `trueup inbox list` shows it.")]
GrantId = Annotated[str, an_id(Kind.GRANT, "As `trueup entitlements list` shows it: grt_….")]
KeyId = Annotated[str, an_id(Kind.KEY, "As `trueup keys list` shows it.")]
StreamName = Annotated[str, an_id(Kind.STREAM, "As `trueup streams list` shows it.")]
SubscriptionId = Annotated[str, an_id(Kind.SUBSCRIPTION, "Billing's id of the subscription.")]
CustomerId = Annotated[str, an_id(Kind.CUSTOMER, "Billing's id of the customer.")]

OfCustomer = Annotated[str | None, only(Kind.CUSTOMER, "Only of this billing customer.")]
OfSubscription = Annotated[str | None, only(Kind.SUBSCRIPTION, "Only of this subscription.")]
OfSubject = Annotated[
    str | None,
    only(Kind.SUBJECT, "Only of this subject: a subscription, or `account:` and a customer."),
]
OfCause = Annotated[str | None, only(Kind.CAUSE, "Only cases of this cause.")]
OfChange = Annotated[str | None, only(Kind.ASKING, "Only of this change, or process by its name.")]
InEntity = Annotated[
    str | None, only(Kind.ENTITY, "Code of the legal entity: only what is in its books.")
]
