"""`trueup keys usage`: who uses what of the API, read before something of it ends."""

from datetime import datetime
from typing import Annotated

import typer

from canonical_models.base import Canonical
from canonical_models.endings import ENDING, State, state_of
from cli.command import Cursor, Limit, TenantOption, run_command, tell_of_more
from cli.output import Format, Output, note, show_json, show_rows
from operations import keys
from operations.paging import Page
from persistence.key_usage import KeyUsage


class Use(KeyUsage):
    """`state` is the operation's. Of one that ends: since when another is to be used, from when it
    is gone, where that is fixed, and what is called instead."""

    state: State
    deprecated_at: datetime | None
    sunset_at: datetime | None
    instead: str | None


class Uses(Page[Use]):
    """`unused` are operations that end and that no key of the tenant has used; only where those
    that end were asked for."""

    unused: tuple[str, ...] = ()


class _End(Canonical):
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None
    instead: str | None = None


def usage(
    ctx: typer.Context,
    operation: Annotated[
        str | None,
        typer.Option(help="Only this one, or whose name has this in it, such as /v1/grants."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--used-by", help="Only by this key, as `trueup keys list` shows it."),
    ] = None,
    ending: Annotated[
        bool, typer.Option("--ending", help="Only operations that are to end.")
    ] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = None,
    output: Output = Format.TABLE,
) -> None:
    """Which key uses which operation of the API, and when last: to be read before one ends.

    Examples: [bold]trueup keys usage --operation /v1/grants[/] ·
    [bold]trueup keys usage --ending[/]
    """
    found = run_command(
        ctx,
        tenant,
        lambda command: keys.usage(
            command.context,
            command.tenant,
            operation=operation,
            one_of=sorted(ENDING) if ending else None,
            key_id=key,
            after=cursor,
            limit=limit,
        ),
    )
    unused: tuple[str, ...] = ()
    if ending and cursor is None and found.next is None:
        used = {one.operation for one in found.items}
        unused = tuple(
            each for each in sorted(ENDING) if each not in used and (operation or "") in each
        )
    uses = Uses(items=tuple(map(_use, found.items)), next=found.next, unused=unused)
    if output is Format.JSON:
        show_json(uses)
        return
    show_rows(
        (
            (
                one.operation,
                _ends(one),
                one.key_id,
                one.holder,
                one.first_used_at,
                one.last_used_at,
                "yes" if one.opens else "no",
            )
            for one in uses.items
        ),
        ("operation", "ends", "key", "holder", "first used", "last used", "opens"),
        empty="no key has used it" if ENDING or not ending else "no operation is to end",
    )
    for one in unused:
        note(f"{one} {_of(one)}, and no key has used it.")
    tell_of_more(uses.next)


def _use(found: KeyUsage) -> Use:
    return Use(
        **found.model_dump(),
        state=state_of(found.operation),
        **_end_of(found.operation).model_dump(),
    )


def _end_of(operation: str) -> _End:
    ending = ENDING.get(operation)
    if ending is None:
        return _End()
    return _End(deprecated_at=ending.deprecated, sunset_at=ending.sunset, instead=ending.instead)


def _ends(one: Use) -> str:
    if one.deprecated_at is None:
        return "-"
    day = f"{one.sunset_at:%Y-%m-%d}" if one.sunset_at else "no day yet"
    return f"{day}; use {one.instead}" if one.instead else day


def _of(operation: str) -> str:
    end = _end_of(operation)
    return f"ends on {end.sunset_at:%Y-%m-%d}" if end.sunset_at else "is to end"
