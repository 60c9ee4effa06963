"""`trueup numbers`: how well the process does what was promised of it."""

from collections.abc import Iterator

import typer
from rich.text import Text

from cli.command import TenantOption, run_command
from cli.output import Format, Output, note, show_json, show_rows
from operations import numbers as found_by
from operations.numbers import Measure, NumberView


def numbers(ctx: typer.Context, tenant: TenantOption = None, output: Output = Format.TABLE) -> None:
    """How long things take and how often they go well, against what was promised.

    Over the last 30 days and the last hour: how many, the middle and the 95th percentile of the
    time, how many of them kept the target, and the burn: how much of what may go wrong did, 100 %
    being all of it. Of what nothing is known is shown as unknown.

    Examples: [bold]trueup numbers[/] · [bold]trueup numbers -o json[/]
    """
    found = run_command(ctx, tenant, lambda command: found_by.look(command.context, command.tenant))
    if output is Format.JSON:
        show_json(found)
        return
    show_rows(
        (row for one in found.items for row in _rows(one)),
        ("number", "over", "cases", "late", "median", "p95", "target", "within", "of", "burn"),
    )
    for one in found_by.breaking(found.items):
        note(f"{one.number}: more went wrong in 30 days than was promised. It is {one.means}.")


def _rows(one: NumberView) -> Iterator[tuple[object, ...]]:
    for measure in one.measures:
        yield (
            one.number.value,
            measure.window,
            measure.cases,
            measure.missed,
            _duration(measure.median),
            _duration(measure.p95),
            _duration(one.target),
            _share(measure.within),
            f"{one.objective:.2%}",
            _burn(measure),
        )


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.2%}"


def _burn(measure: Measure) -> Text:
    if measure.burn is None:
        return Text("unknown", style="dim")
    return Text(f"{measure.burn:.0%}", style="red" if measure.burn > 1 else "green")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"
