"""Where a document of billing stands with the customer, as the ERP says. Pure."""

from datetime import date

from canonical_models.ledgering import DocumentState, ErpStatus
from canonical_models.states import InvoiceStatus


def erp_status_of(found: ErpStatus | None, on: date) -> InvoiceStatus:
    """One that was cancelled in the ERP asks for nothing, whatever its total; nor does one that
    gives."""
    if found is None or found.state is DocumentState.DRAFT:
        return InvoiceStatus.UNPOSTED
    if found.state is DocumentState.CANCELLED or found.gross.minor < 0:
        return InvoiceStatus.CREDITED
    if found.open.minor <= 0:
        return InvoiceStatus.PAID
    if found.due_on is not None and found.due_on < on:
        return InvoiceStatus.OVERDUE
    return InvoiceStatus.PART_PAID if found.open < found.gross else InvoiceStatus.POSTED
