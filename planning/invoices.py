"""Where an invoice of billing stands, from what the ERP says of its documents. Pure."""

from datetime import date

from canonical_models.ledgering import DocumentStanding, DocumentState
from canonical_models.money import Money


def standing_of(documents: tuple[DocumentStanding, ...], on: date) -> str:
    """`unposted` until a document carries it; else what its documents say together. One that was
    cancelled in the ERP asks for nothing, whatever its total."""
    if not documents:
        return "unposted"
    documents = tuple(d for d in documents if d.state is not DocumentState.CANCELLED)
    if not documents:
        return "credited"
    total, owed = total_of(documents), open_of(documents)
    if total.minor <= 0:
        return "credited"
    if owed.minor <= 0:
        return "paid"
    if any(d.due_on is not None and d.due_on < on and d.open.minor > 0 for d in documents):
        return "overdue"
    if owed < total:
        return "part_paid"
    return "sent" if any(d.sent for d in documents) else "posted"


def total_of(documents: tuple[DocumentStanding, ...]) -> Money:
    return Money.total((d.total for d in documents), documents[0].total.currency)


def open_of(documents: tuple[DocumentStanding, ...]) -> Money:
    return Money.total((d.open for d in documents), documents[0].open.currency)


def due_on(documents: tuple[DocumentStanding, ...]) -> date | None:
    """The earliest day on which something that is open is due."""
    days = [d.due_on for d in documents if d.due_on is not None and d.open.minor > 0]
    return min(days or [d.due_on for d in documents if d.due_on is not None], default=None)
