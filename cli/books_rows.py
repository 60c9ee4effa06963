"""A document of billing and the ERP's drawn side by side, and what is not billed yet."""

from decimal import Decimal

from rich.console import Console
from rich.text import Text

from canonical_models.money import Money
from cli.command import state
from cli.output import show_rows
from cli.shared_rows import erp_status_words, show_cases, show_settlements
from cli.timeline import show_exception
from operations.invoice_fresh import ReadAt
from operations.invoices import InvoiceDetail
from operations.sides import InvoiceSummary
from operations.unbilled import UnbilledView

_AMOUNTS = ("net", "tax", "gross", "open")


def show_invoice(detail: InvoiceDetail) -> None:
    console = Console(highlight=False, soft_wrap=True)
    found = detail.summary
    _show_head(console, found)
    billing, erp = detail.sources.billing, detail.sources.erp
    console.print(
        Text(
            f"Billing {_read(billing)}, the ERP {_read(erp)}; billing shows "
            f"{found.erp_status_shown or 'nothing'} of it."
        )
    )
    for problem in filter(None, (billing.problem, erp.problem)):
        console.print(Text(problem, style="yellow"))
    for what, link in (("See it", detail.links.billing), ("PDF", detail.links.pdf)):
        if link:
            console.print(Text(f"{what}: {link}"))
    _show_decided(console, found)
    console.print()
    _show_sides(detail)
    console.print()
    show_settlements(detail.settlements)
    for exception in detail.exceptions:
        console.print()
        show_exception(exception)
    if detail.dunning is not None:
        console.print()
        show_cases((detail.dunning,))


def _read(source: ReadAt) -> str:
    age = source.age_seconds
    return "has not been asked yet" if age is None else f"said so {age:.0f} seconds ago"


def show_unbilled(unbilled: UnbilledView | None) -> None:
    """Nothing at all where nothing is pending or shown."""
    if unbilled is None or not (unbilled.pending.lines or unbilled.shown or unbilled.problem):
        return
    console = Console(highlight=False, soft_wrap=True)
    shown = unbilled.shown
    there = f"{shown.net} as {shown.document_id}" if shown and shown.document_id else "nothing"
    expected = unbilled.pending.expected_on
    console.print(
        Text(
            f"Not billed yet: {unbilled.net or 'nothing'}"
            + (f", expected on {expected}" if expected else "")
            + f"; the ERP shows {there}"
        )
    )
    if unbilled.problem:
        console.print(Text(f"It cannot be shown there: {unbilled.problem}", style="yellow"))
    rows = [
        (line.line_id, line.description or line.item, line.quantity, line.net)
        for line in unbilled.pending.lines
    ]
    if rows:
        show_rows(rows, ("pending", "what", "quantity", "net"))


def _show_head(console: Console, found: InvoiceSummary) -> None:
    whose = f"subscription {found.subscription_id}" if found.subscription_id else "the account"
    kind = found.kind.value.replace("_", " ")
    console.print(
        Text.assemble(
            (found.invoice_id, "bold"),
            f"  {kind} {found.billing.number or 'without a number'} of customer "
            f"{found.customer_id}, {whose}: {found.status.value} in billing; in the ERP ",
            state(erp_status_words(found)),
        )
    )
    if found.change_id is not None:
        done = "Posted" if found.linked_by is None else "Linked"
        console.print(Text(f"{done} by change {found.change_id}."))
    if found.erp_url is not None:
        console.print(Text(found.erp_url, style="dim"))


def _show_decided(console: Console, found: InvoiceSummary) -> None:
    hold, correction = found.hold, found.correction
    if hold is not None:
        ended = "" if found.kept_out else " (ended)"
        until = f" until {hold.until}" if hold.until else ""
        words = f"{hold.kind.value.capitalize()}{until} by {hold.by}{ended}: {hold.reason}"
        console.print(Text(words, style="yellow"))
    if found.linked_by is not None:
        console.print(Text(f"Made by hand in the ERP, linked by {found.linked_by}."))
    if correction is not None and correction.says:
        said = {
            "tax code": correction.tax_code,
            "booked on": correction.posting_date,
            "is ERP document": correction.link,
        }
        words = ", ".join(f"{name} {value}" for name, value in said.items() if value)
        console.print(Text(f"Corrected{f' by {correction.by}' if correction.by else ''}: {words}."))


def _show_sides(detail: InvoiceDetail) -> None:
    found = detail.summary
    ours, theirs, apart = found.billing, found.erp, found.difference
    rows: list[tuple[object, ...]] = [
        ("number", ours.number, theirs.number or found.erp_id if theirs else None, ""),
        ("date", ours.on, theirs.on if theirs else None, ""),
        ("due", ours.due_on, theirs.due_on if theirs else None, ""),
    ]
    for name in _AMOUNTS:
        rows.append(
            (
                name,
                getattr(ours, name),
                getattr(theirs, name) if theirs else None,
                getattr(apart, name) if apart else None,
            )
        )
        if name == "tax":
            rows += [
                (f"  at {_rate(row.rate)}", row.billing, _coded(row.erp, row.codes), row.difference)
                for row in detail.taxes
            ]
    show_rows(rows, ("", "billing", "ERP", "difference"))


def _rate(rate: Decimal | None) -> str:
    return "a rate that is not said" if rate is None else f"{(rate * 100).normalize():f} %"


def _coded(amount: Money | None, codes: tuple[str, ...]) -> str | None:
    if amount is None:
        return None
    return f"{amount} ({', '.join(codes)})" if codes else str(amount)
