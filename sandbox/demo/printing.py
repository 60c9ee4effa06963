"""The stories on a terminal: what each system held before and after, and what is proven."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandbox.demo.stories import Told

_SYSTEMS = (
    ("Billing (Stripe)", "billing"),
    ("ERP (Tryton)", "erp"),
    ("Entitlements", "entitlements"),
    ("Support (Zendesk)", "support"),
)


def show(console: Console, number: int, told: Told, seconds: float) -> None:
    table = Table(title=f"{number}. {told.title}", title_justify="left", expand=False)
    for heading in ("system", "before", "after"):
        table.add_column(heading, overflow="fold")
    for name, key in _SYSTEMS:
        table.add_row(name, getattr(told.before, key), getattr(told.after, key))
    console.print(table)
    for text, holds, seen in told.evidence.claims:
        mark = Text("  yes  " if holds else "  NO   ", style="green" if holds else "bold red")
        console.print(mark + Text(text) + Text("" if holds else f"  (saw: {seen})", style="red"))
    console.print(Text(f"  {told.of}: {told.link}", style="dim"), soft_wrap=True)
    console.print(Text(f"  {seconds:.1f} s\n", style="dim"))
