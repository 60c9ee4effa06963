"""Where a document of billing stands with the customer, as the ERP says. Pure."""

from datetime import date

from canonical_models.ledgering import DocumentState, ErpStatus


def erp_status_of(found: ErpStatus | None, on: date) -> str:
    """`unposted`, `posted`, `part_paid`, `paid`, `overdue` or `credited`. One that was cancelled in
    the ERP asks for nothing, whatever its total; neither does one that gives."""
    if found is None or found.state is DocumentState.DRAFT:
        return "unposted"
    if found.state is DocumentState.CANCELLED or found.gross.minor < 0:
        return "credited"
    if found.open.minor <= 0:
        return "paid"
    if found.due_on is not None and found.due_on < on:
        return "overdue"
    return "part_paid" if found.open < found.gross else "posted"
