"""`trueup streams`: who is told of events, and what became of each."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from canonical_models.failures import Team
from canonical_models.streams import Answer, Delivery, DeliveryState, Stream, StreamState
from cli.command import (
    Cursor,
    Limit,
    TenantOption,
    one_of,
    run_command,
    state,
    tell_of_more,
)
from cli.ids import StreamName
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import streams
from operations.streams import Again, NewStream, Rotation

app = typer.Typer(
    help="Streams: who is told of events, and what became of each.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Receivers, and teams that are told by mail.

    Example: [bold]trueup streams list[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: streams.list_(command.context, command.tenant, after=cursor, limit=limit),
    )
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        (
            (
                each.name,
                state(each.state),
                each.url or "by mail",
                ", ".join(each.types) or "all",
                each.team,
                each.pending,
                each.dead,
                each.sent_at,
                each.failing_since,
                each.error,
            )
            for each in found.items
        ),
        (
            *("stream", "state", "to", "types", "team", "pending", "dead", "last sent"),
            *("failing since", "error"),
        ),
        empty="nobody is told of events: add a stream with `trueup streams add`",
    )
    tell_of_more(found.next)


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    url: Annotated[str, typer.Argument(help="Where the receiver takes events: https://….")],
    secret: Annotated[
        str,
        typer.Option(help="Name of the secret that signs: one of the tenant's `stream_secrets`."),
    ],
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--events", help="Only of this type: `invoice.posted.v1`, or `sync.*`; repeatable."
        ),
    ] = None,
    team: Annotated[
        Team | None, typer.Option(help="Only questions that this team answers.")
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have a receiver told of events from now on.

    Examples: [bold]trueup streams add crm https://crm.example.com/trueup --secret crm --events \
'invoice.*'[/] ·
    [bold]trueup streams add desk https://desk.example.com/in --secret desk --events \
'sync.exception_*' --team finance[/]
    """
    given = {"name": name, "url": url, "secret": secret, "types": tuple(type_ or ()), "team": team}
    try:
        new = NewStream.model_validate(given)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        raise Problem(
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            code=ExitCode.USAGE,
            remedy="see `trueup streams add --help`",
        ) from None
    added = run_command(
        ctx,
        tenant,
        lambda command: streams.add(command.context, command.tenant, new, by=command.by),
    )
    _shown(
        added,
        output,
        f"{name} is told from now on; try it with `trueup streams test {name}`, and have what was "
        f"before sent with `trueup streams resend {name} --since DATE`.",
    )


@app.command()
def remove(
    ctx: typer.Context,
    name: StreamName,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Tell a receiver of nothing any more; what was still to come to it is not sent.

    Example: [bold]trueup streams remove crm[/]
    """
    removed = run_command(
        ctx,
        tenant,
        lambda command: streams.remove(command.context, command.tenant, name, by=command.by),
    )
    if output is Format.JSON:
        show_json(removed)
        return
    note(f"{removed.name} is told of nothing any more; {removed.pending} events were not sent.")


@app.command()
def pause(
    ctx: typer.Context,
    name: StreamName,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Send nothing until it is resumed; what comes meanwhile waits.

    Example: [bold]trueup streams pause crm[/]
    """
    _turn(ctx, name, StreamState.PAUSED, tenant, output)


@app.command()
def resume(
    ctx: typer.Context,
    name: StreamName,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Go on, also with one that was paused because its receiver answered 410.

    Example: [bold]trueup streams resume crm[/]
    """
    _turn(ctx, name, StreamState.ACTIVE, tenant, output)


@app.command()
def rotate(
    ctx: typer.Context,
    name: StreamName,
    secret: Annotated[
        str | None,
        typer.Option(help="Name of the secret that signs: the new one; both do from now on."),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="The new one signs alone from now on.")
    ] = False,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Have another secret take the place of the present one, without a gap.

    Examples: [bold]trueup streams rotate crm --secret crm-2028[/] ·
    [bold]trueup streams rotate crm --finish[/]
    """
    if finish == (secret is not None):
        raise Problem(
            "a rotation is begun with a secret, or finished",
            code=ExitCode.USAGE,
            remedy="give either --secret or --finish",
        )
    rotation = Rotation(secret=secret)
    rotated = run_command(
        ctx,
        tenant,
        lambda command: streams.rotate(
            command.context, command.tenant, name, rotation, by=command.by
        ),
    )
    _shown(rotated, output, f"{name} signs with {' and '.join(rotated.secrets)}.")


@app.command("test")
def try_out(
    ctx: typer.Context,
    name: StreamName,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Send a receiver an event that says nothing, and show its answer. Exits 1 if it takes it not.

    Example: [bold]trueup streams test crm[/]
    """
    answer = run_command(
        ctx,
        tenant,
        lambda command: streams.try_out(command.context, command.tenant, name, by=command.by),
    )
    if output is Format.JSON:
        show_json(answer)
    else:
        note(_said(answer))
    if not answer.taken:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def deliveries(
    ctx: typer.Context,
    name: StreamName,
    only: Annotated[
        str | None,
        typer.Option("--state", help="Only those in this state: pending, delivered, dead."),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only of this subject.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """What became of each event, with the receiver's last answer; the newest first.

    Example: [bold]trueup streams deliveries crm --state dead[/]
    """
    wanted = one_of(DeliveryState, only, "delivery")
    page = run_command(
        ctx,
        tenant,
        lambda command: streams.list_deliveries(
            command.context,
            command.tenant,
            name,
            state=wanted,
            subject=subject,
            after=cursor,
            limit=limit,
        ),
    )
    if output is Format.JSON:
        show_json(page)
        return
    show_rows(map(_row, page.items), _COLUMNS, empty="no deliveries")
    tell_of_more(page.next)


@app.command()
def resend(
    ctx: typer.Context,
    name: StreamName,
    position: Annotated[
        int | None, typer.Argument(help="Of one event, as `trueup streams deliveries` shows it.")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that are dead.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Only what was from then on, in UTC: all of it, delivered or not.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        ),
    ] = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Send one event again now and show the answer, or many by and by. Exits 1 if one is not taken.

    Examples: [bold]trueup streams resend crm 1042[/] · [bold]trueup streams resend crm --dead[/] ·
    [bold]trueup streams resend crm --since 2027-01-31[/]
    """
    if (position is not None) + dead + (since is not None) != 1:
        raise Problem(
            "it is not said what is to be sent again",
            code=ExitCode.USAGE,
            remedy="give a position, --dead or --since",
        )
    if position is None:
        which = Again(since=since and since.replace(tzinfo=UTC))
        many = run_command(
            ctx,
            tenant,
            lambda command: streams.resend_all(
                command.context, command.tenant, name, which, by=command.by
            ),
        )
        if output is Format.JSON:
            show_json(many)
        else:
            note(f"{many.events} events are sent to {name} again, by and by.")
        return
    place = position
    sent = run_command(
        ctx,
        tenant,
        lambda command: streams.resend(command.context, command.tenant, name, place, by=command.by),
    )
    if output is Format.JSON:
        show_json(sent)
    else:
        show_rows([_row(sent)], _COLUMNS)
    if sent.state is not DeliveryState.DELIVERED:
        raise typer.Exit(ExitCode.FAILED)


_COLUMNS = (
    *("position", "state", "type", "subject", "tries", "last try", "status", "answer"),
    *("error", "next try"),
)


def _row(delivery: Delivery) -> tuple[object, ...]:
    again = delivery.due_at if delivery.state is DeliveryState.PENDING else None
    return (
        delivery.position,
        state(delivery.state),
        delivery.type,
        delivery.subject,
        delivery.attempts,
        delivery.tried_at,
        delivery.status,
        delivery.answer,
        delivery.error,
        again,
    )


def _said(answer: Answer) -> str:
    body = f": {answer.body}" if answer.body else ""
    if answer.taken:
        return f"The receiver took it, with {answer.status}{body}"
    return f"Not taken: {answer.words}{body}"


def _turn(
    ctx: typer.Context, name: str, to: StreamState, tenant: str | None, output: Format
) -> None:
    turned = run_command(
        ctx,
        tenant,
        lambda command: streams.turn(command.context, command.tenant, name, to, by=command.by),
    )
    _shown(turned, output, f"{name} is {turned.state}; {turned.pending} events wait.")


def _shown(stream: Stream, output: Format, words: str) -> None:
    if output is Format.JSON:
        show_json(stream)
    else:
        note(words)
