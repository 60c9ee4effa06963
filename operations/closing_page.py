"""A report of a month as one page to print: self-contained, and everything in it escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from canonical_models.closing import CloseReport, Entry, Figures, PeriodDifference
from canonical_models.money import Money
from persistence.closing import Kept

_STYLE = """
:root { color-scheme: light; }
body { font: 10pt/1.45 system-ui, sans-serif; color: #111; background: #fff; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; border-bottom: 1px solid #999; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: #444; padding-bottom: .2rem; }
th, td { text-align: left; vertical-align: top; padding: .15rem .5rem .15rem 0;
  border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
th { font-weight: 600; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.apart td { background: #fdecc8; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0; }
dt { color: #444; } dd { margin: 0; overflow-wrap: anywhere; }
p.none { color: #444; }
thead { display: table-header-group; } tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; padding: 0; } @page { margin: 15mm; } }
"""

_Cell = str | Money | int | None


def page_of(kept: Kept) -> str:
    """HTML for a browser or a printer; it loads nothing from anywhere."""
    report = kept.read()
    title = f"{report.legal_entity} {report.period}, version {report.version}"
    parts = (
        f"<h1>Month-end report {escape(title)}</h1>",
        _facts(report, kept),
        _currencies(report),
        _accounts(report),
        _ledger(report),
        _taxes(report),
        _differences(report.differences),
        _entries("Booked in the month, issued before it", report.late),
        _entries("Issued in the month, booked later", report.moved),
        _entries("Taken back in the month", report.reversals),
        _entries("Issued in the month, in no books", report.unbooked),
        _left_out(report),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _facts(report: CloseReport, kept: Kept) -> str:
    rows = [
        ("Tenant", report.tenant),
        ("Legal entity", report.legal_entity),
        ("Month", f"{report.first} to {report.last}, in {report.zone}"),
        ("Closed", f"by {report.closed_by} at {report.closed_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Note", report.note or "-"),
        ("Replaces", report.before or "nothing: it is the first"),
    ]
    if report.reopened is not None:
        again = report.reopened
        rows.append(
            ("Reopened", f"by {again.by} at {again.at:%Y-%m-%d %H:%M:%S} UTC: {again.reason}")
        )
    rows += [
        ("Compared", f"from {report.read.began_at:%Y-%m-%d %H:%M:%S} UTC, {report.read.run_id}"),
        ("Books read", f"at {report.read.books_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Closed months", f"policy closed_period = {report.closed_period}"),
        ("Report", kept.close_id),
        ("SHA-256", kept.digest),
    ]
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in rows)
        + "</dl>"
    )


def _currencies(report: CloseReport) -> str:
    rows = []
    for each in report.currencies:
        for side, figures in (
            ("issued by billing", each.issued),
            ("booked, as billing has it", each.billing),
            ("booked, as the ERP has it", each.erp),
            ("booked by others", each.others),
        ):
            rows.append((each.currency, side, *_cells(figures)))
    apart = {
        each.currency + each_side
        for each in report.currencies
        if each.billing != each.erp
        for each_side in ("booked, as billing has it", "booked, as the ERP has it")
    }
    return _table(
        "Documents by currency",
        ("currency", "side", "documents", "net", "tax", "gross"),
        rows,
        marked=[f"{row[0]}{row[1]}" in apart for row in rows],
    )


def _accounts(report: CloseReport) -> str:
    return _table(
        "Net by revenue account",
        ("account", "currency", "billing", "ERP", "difference", "booked by others"),
        [
            (
                each.account or "not told",
                each.currency,
                each.billing,
                each.erp,
                each.erp - each.billing,
                each.others,
            )
            for each in report.accounts
        ],
        marked=[each.billing != each.erp for each in report.accounts],
    )


def _ledger(report: CloseReport) -> str:
    return _table(
        "General ledger of these accounts, whatever moved it, in the currency of the books",
        ("account", "debit", "credit", "credit less debit"),
        [
            (each.account, each.debit, each.credit, each.credit - each.debit)
            for each in report.ledger
        ],
    )


def _taxes(report: CloseReport) -> str:
    return _table(
        "Tax by tax code",
        ("code", "currency", "base, billing", "base, ERP", "tax, billing", "tax, ERP"),
        [
            (
                each.code or "not told",
                each.currency,
                each.billing_base,
                each.erp_base,
                each.billing,
                each.erp,
            )
            for each in report.taxes
        ],
        marked=[
            (each.billing_base, each.billing) != (each.erp_base, each.erp) for each in report.taxes
        ],
    )


def _differences(found: Sequence[PeriodDifference]) -> str:
    rows = []
    for each in found:
        decided = each.decided
        why = "-"
        if decided is not None:
            at = f" on {decided.at:%Y-%m-%d}" if decided.at else ""
            why = f"{decided.kind} by {decided.by}{at}: {decided.reason}"
        rows.append(
            (
                each.about,
                each.named,
                each.what,
                _side(each.billing, each.expected),
                _side(each.erp, each.found),
                each.cause,
                why,
            )
        )
    return _table(
        "Differences, and why they stand",
        ("of", "which", "what", "billing", "ERP", "cause", "decided"),
        rows,
    )


def _entries(title: str, entries: Sequence[Entry]) -> str:
    return _table(
        title,
        ("document", "ERP number", "issued", "booked", "gross", "why"),
        [
            (
                each.number or each.document_id,
                each.erp_number,
                str(each.issued_on),
                str(each.booked_on) if each.booked_on else None,
                each.gross,
                each.why,
            )
            for each in entries
        ],
    )


def _left_out(report: CloseReport) -> str:
    said = "".join(f"<li>{escape(each)}</li>" for each in report.read.not_compared)
    listed = f"<ul>{said}</ul>" if said else '<p class="none">Everything was compared.</p>'
    return f"<h2>Not compared</h2>{listed}"


def _side(amount: Money | None, words: str | None) -> str | None:
    """What one side says, in amounts and in words."""
    said = [str(each) for each in (amount, words) if each is not None]
    return ": ".join(said) or None


def _cells(figures: Figures) -> tuple[int, Money, Money, Money]:
    return figures.count, figures.net, figures.tax, figures.gross


def _table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[_Cell]],
    *,
    marked: Iterable[bool] | None = None,
) -> str:
    head = f"<h2>{escape(title)}</h2>"
    if not rows:
        return f'{head}<p class="none">None.</p>'
    marks = [False] * len(rows) if marked is None else list(marked)
    numeric = [
        all(isinstance(row[place], (Money, int)) for row in rows) for place in range(len(columns))
    ]

    def cell(tag: str, value: _Cell, place: int) -> str:
        css = ' class="n"' if numeric[place] else ""
        return f"<{tag}{css}>{escape('-' if value is None else str(value))}</{tag}>"

    names = "".join(cell("th", name, place) for place, name in enumerate(columns))
    body = "".join(
        ('<tr class="apart">' if apart else "<tr>")
        + "".join(cell("td", value, place) for place, value in enumerate(row))
        + "</tr>"
        for row, apart in zip(rows, marks, strict=True)
    )
    return f"{head}<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
