"""`trueup connections record` and `replay`: what a vendor answers, kept and played again."""

import asyncio
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.command import Command, TenantOption, problem_of_refusal, run_command
from cli.output import Format, Output, Problem, note, show_json, show_rows
from operations import recordings
from operations.errors import NotDone
from operations.recordings import Replayed

_DURATION = re.compile(r"(\d{1,4})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
#: Until each worker has handed over what it still has.
_HANDED_OVER = 3.0


def record(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The connection.")],
    lasts: Annotated[
        str, typer.Option("--for", help="How long, such as 90s, 10m or 1h; an hour at most.")
    ],
    file: Annotated[Path, typer.Option("--file", help="The file that it is written to.")],
    tenant: TenantOption = None,
) -> None:
    """Record what a vendor is asked and answers for a while, redacted, into a file.

    All workers take part, within ten seconds. Texts that are no ids, words of lists, amounts or
    times become digests, and no header is kept that opens anything. Ctrl-C ends it earlier.

    Examples: [bold]trueup connections record stripe --for 10m --file stripe.jsonl[/]
    """
    told = _duration(lasts)
    if file.exists():
        raise Problem(f"{file} is there already", remedy="name another file, or remove it")

    async def work(command: Command) -> int:
        context, of = command.context, command.tenant
        begun = datetime.now(UTC)
        made = await recordings.begin(context, of, name, lasts=told, by=command.by)
        note(f"recording {name} for {lasts}; Ctrl-C ends it earlier")
        try:
            await asyncio.sleep(told.total_seconds())
        except asyncio.CancelledError:
            note("ending it")
        await recordings.end(context, made)
        await asyncio.sleep(_HANDED_OVER)
        lines, calls = await recordings.take(
            context, of, name, made, since=begun, to=datetime.now(UTC)
        )
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(b"".join(line + b"\n" for line in lines))
        return calls

    calls = run_command(ctx, tenant, work)
    note(f"{calls} calls are in {file}; `trueup connections replay {file}` plays them")


def replay(
    file: Annotated[Path, typer.Argument(help="What `trueup connections record` has written.")],
    output: Output = Format.TABLE,
) -> None:
    """Play a recording to the adapter of this version: what would be read otherwise.

    Nothing is written, here or there, and nobody is asked: the file is all it needs. It says which
    subscriptions would be read otherwise, and by how much money. Exit code 1 where any is.

    Examples: [bold]trueup connections replay stripe.jsonl[/]
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as fault:
        raise Problem(f"{file} cannot be read: {fault.strerror}", remedy="name the file") from fault
    began = time.monotonic()
    try:
        found = asyncio.run(recordings.replay(lines))
    except NotDone as fault:
        raise problem_of_refusal(fault) from fault
    if output is Format.JSON:
        show_json(found)
    else:
        _show(found, time.monotonic() - began)
    if found.otherwise:
        raise Problem(
            f"{len(found.otherwise) + found.more} things would be read otherwise",
            remedy="look at each; where it is meant, that is the impact of the release",
        )


def _show(found: Replayed, took: float) -> None:
    show_rows(
        ((one.call, one.about, one.where, one.was, one.now) for one in found.otherwise),
        ("call", "of", "where", "was", "is"),
        empty="all would be read as it was",
    )
    note(
        f"{found.connection} ({found.vendor}), recorded by {found.recorded_by}, played to "
        f"{found.version} in {took:.1f} s: {found.calls} calls, {found.same} as they were, "
        f"{found.unplayable} could not be played, {found.writes} wrote and are not played"
    )
    if found.more:
        note(f"{found.more} more are not shown")
    if found.otherwise:
        money = ", ".join(map(str, found.money)) or "none"
        note(f"subscriptions: {', '.join(found.subscriptions) or 'none'}; money: {money}")


def _duration(said: str) -> timedelta:
    found = _DURATION.fullmatch(said)
    if found is None:
        raise Problem(f"{said!r} is no time", remedy="give a number with s, m or h, such as 10m")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
