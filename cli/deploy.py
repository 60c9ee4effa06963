"""`trueup deploy`: versions of the worker, rolled out and back while sagas are open."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from cli.choices import chosen
from cli.command import state
from cli.following import Timeout
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from runtime.temporal import connect
from runtime.versions import Deployment, NotDeployed, Version

app = typer.Typer(
    help="Versions of the worker: roll out, roll back, drain.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Result = TypeVar("Result")
_AGAIN_SECONDS = 5
_COLUMNS = ("version", "state", "new sagas", "open", "workers", "since")


@app.command()
def status(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """Every version: its share of new sagas, how many workflows are open on it, its workers.

    Exit code 5 when workflows are open on a version that has no worker: they wait.

    Example: [bold]trueup deploy status[/]
    """
    found = _run(ctx, Deployment.versions)
    if output is Format.JSON:
        show_json(found)
    else:
        show_rows(
            [_row(one) for one in found],
            _COLUMNS,
            empty="no worker has been here yet",
        )
    if stuck := [one for one in found if _is_stuck(one)]:
        builds = ", ".join(one.build for one in stuck)
        raise Problem(
            f"nobody works on version {builds}",
            code=ExitCode.UNAVAILABLE,
            remedy=f"start its worker: `trueup worker --version {stuck[0].build}`, in the code of "
            "that version",
        )


@app.command()
def promote(
    ctx: typer.Context,
    version: Annotated[str, typer.Argument(help="As `trueup deploy status` shows it.")],
    share: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of new sagas; the rest stay as now.")
    ] = 100,
) -> None:
    """From now on new sagas begin on the version. Those that are open stay on theirs.

    Examples: [bold]trueup deploy promote 0.2.0-3fa9c1d2e4b5 --share 10[/] ·
    [bold]trueup deploy promote 0.2.0-3fa9c1d2e4b5[/]
    """
    _run(ctx, lambda deployment: deployment.promote(version, share))
    note(f"{share:g} % of new sagas begin on {version}.")


@app.command()
def rollback(ctx: typer.Context) -> None:
    """From now on new sagas begin on the version before; a ramp is ended instead.

    Example: [bold]trueup deploy rollback[/]
    """
    build = _run(ctx, Deployment.roll_back)
    note(f"New sagas begin on {build}. `trueup deploy drain` has what waits go on there too.")


@app.command()
def drain(
    ctx: typer.Context,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it has come to its end: nothing is open on them.")
    ] = False,
    timeout: Timeout = 3600,
) -> None:
    """Have what waits on versions that new sagas do not begin on go on in the current one.

    What is at work ends on its version by itself. When nothing is open on it, its workers can go.

    Example: [bold]trueup deploy drain --wait[/]
    """
    left = _run(ctx, lambda deployment: _drained(deployment, seconds=timeout if wait else 0))
    if not left:
        note("Nothing is open on other versions than those that new sagas begin on.")
    for build, count in left.items():
        note(f"{build}: {count} were open and have been woken; look again, or wait with --wait.")
    if left and wait:
        raise Problem(
            f"not drained within {timeout:g} seconds",
            remedy="see with `trueup deploy status` what is open, and drain again",
        )


async def _drained(deployment: Deployment, *, seconds: float) -> dict[str, int]:
    """What is still open after so many seconds at most."""
    before: dict[str, int] = {}
    until = time.monotonic() + seconds
    while True:
        left = await deployment.drain()
        if not left or time.monotonic() >= until:
            return left
        if left != before:
            note("still open: " + ", ".join(f"{count} on {build}" for build, count in left.items()))
        before = left
        await asyncio.sleep(_AGAIN_SECONDS)


def _row(version: Version) -> tuple[object, ...]:
    share = f"{version.share:g} %"
    counts = (version.open_runs, version.workers)
    return (version.build, state(version.state), share, *counts, version.since)


def _is_stuck(version: Version) -> bool:
    return not version.workers and (version.open_runs > 0 or version.share > 0)


def _run(ctx: typer.Context, act: Callable[[Deployment], Awaitable[Result]]) -> Result:
    settings = chosen(ctx).settings()

    async def go() -> Result:
        client = await connect(settings.temporal, folder=settings.folder)
        return await act(Deployment(client, settings.temporal.task_queue))

    try:
        return asyncio.run(go())
    except NotDeployed as refused:
        raise Problem(str(refused), code=ExitCode.CONFLICT) from refused
