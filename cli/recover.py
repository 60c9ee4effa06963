"""`trueup recover`: fill a Temporal that has lost its store again from PostgreSQL."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
import typer
from temporalio.client import Client
from temporalio.service import RPCError

from cli.choices import chosen
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from dispatch.belonging import other_name
from dispatch.recovery import Recovered
from dispatch.recovery import recover as recovered
from persistence.database import Database
from runtime.settings import Settings
from runtime.temporal import connect


def recover(
    ctx: typer.Context,
    moved: Annotated[
        bool,
        typer.Option(
            "--moved", help="Temporal has moved to a namespace of another name, and for good."
        ),
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Start again what Temporal should have and has not: processes, open changes, schedules.

    For a Temporal whose store was lost, or restored from a copy. Workers that run find out by
    themselves within minutes; this does it at once. Where nothing was lost, nothing happens.

    Examples: [bold]trueup recover[/] · [bold]trueup recover -o json[/]
    """
    with _logging_on_stderr():
        done = asyncio.run(_recover(chosen(ctx).settings(), moved=moved))
    if output is Format.JSON:
        show_json(done)
        return
    note(
        f"Started again: {done.processes} processes and {done.schedules} schedules; "
        f"{done.changes} open changes are queued anew."
    )
    if done.changes:
        note("They begin when a worker runs: see `trueup changes list`.")


@contextmanager
def _logging_on_stderr() -> Iterator[None]:
    """The result alone is on stdout."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _recover(settings: Settings, *, moved: bool) -> Recovered:
    database = Database(settings.dsn, pool_size=2)
    try:
        client = await connect(settings.temporal, folder=settings.folder)
        if not moved:
            await _the_same(database, client)
        return await recovered(database, client, settings)
    except (RPCError, RuntimeError) as fault:
        raise Problem(
            f"the workflow engine (Temporal) cannot be reached, or has no such namespace: {fault}",
            code=ExitCode.UNAVAILABLE,
            remedy="check [temporal] address and namespace; what was started again stays, and it "
            "can be repeated",
        ) from fault
    finally:
        await database.close()


async def _the_same(database: Database, client: Client) -> None:
    if (other := await other_name(database, client)) is not None:
        raise Problem(
            f"the changes of this database are carried out in the namespace {other}, and "
            f"temporal.namespace is {client.namespace}",
            code=ExitCode.CONFLICT,
            remedy="correct temporal.namespace, or, where it has moved for good and no worker runs "
            "on the old one, say --moved",
        )
