"""The report of a backfill, for people."""

from rich.console import Console
from rich.text import Text

from canonical_models.backfill import Selection
from cli.output import show_rows
from operations.backfills import BackfillReport
from operations.estimating import Estimate


def show_report(found: BackfillReport) -> None:
    """What it is of, effects by system, money by currency, and how long it takes."""
    batch, console = found.batch, Console(highlight=False, soft_wrap=True)
    what = "Rehearsal" if found.of.rehearsal else "Backfill"
    counts = ", ".join(f"{n} {name.value.replace('_', ' ')}" for name, n in batch.counts.items())
    state = f"{batch.state.value}{f' ({batch.why})' if batch.why else ''}"
    console.print(
        Text.assemble(
            (f"{what} {batch.batch_id}", "bold"), f" of {_words(found.of.selection)}: {state}"
        )
    )
    console.print(Text(f"On the list: {batch.total}{f' ({counts})' if counts else ''}"))
    if not found.of.rehearsal and found.of.rehearsed is None:
        console.print(Text("It was not rehearsed: what it does is told by its changes"))
        return
    comes = ", ".join(f"{n} {name.value.replace('_', ' ')}" for name, n in found.comes.items())
    console.print(Text(f"Rehearsed: {comes or 'none'}; {found.agree} agree everywhere already"))
    show_rows(
        ((each.system, each.effect, each.items, each.count) for each in found.writes),
        ("system", "would be written", "of items", "in all"),
        empty="nothing would be written anywhere",
    )
    if found.totals:
        show_rows(
            (
                (
                    each.legal_entity,
                    each.documents,
                    str(each.net),
                    str(each.tax),
                    str(each.gross),
                    each.earliest,
                )
                for each in found.totals
            ),
            ("would post in", "documents", "net", "tax", "gross", "from"),
        )
    if found.estimate is not None and found.estimate.items:
        _show_estimate(console, found.estimate)


def _show_estimate(console: Console, expected: Estimate) -> None:
    if expected.connections:
        show_rows(
            (
                (each.connection, each.requests, each.documented, each.learned)
                for each in expected.connections
            ),
            ("connection", "requests", "allowed /s", "learned /s"),
        )
    if expected.seconds_alone is None or expected.seconds_beside is None:
        console.print(Text("How long it takes is not known: no vendor was called yet"))
        return
    console.print(
        Text(
            f"To bring {expected.items} about takes about {_long(expected.seconds_alone)} alone, "
            f"and at most {_long(expected.seconds_beside)} beside live changes"
        )
    )


def _long(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def _words(of: Selection) -> str:
    told = [of.subject.value]
    if of.item:
        told.append(f"of {of.item}")
    if of.target:
        told.append(f"at {of.target}")
    if len(of.customers) == 1:
        told.append(f"of customer {of.customers[0]}")
    elif of.customers:
        told.append(f"of {len(of.customers)} customers")
    if of.since:
        told.append(f"since {of.since:%Y-%m-%d %H:%M}")
    if of.until:
        told.append(f"to {of.until:%Y-%m-%d %H:%M}")
    return " ".join(told)
