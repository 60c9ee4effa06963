"""What is posted and a person takes back out of the books, with a document of its own. Pure."""

from datetime import date

from canonical_models.records import DocumentRecord, HoldKind, RecordState


def why_not(record: DocumentRecord) -> str | None:
    """In words that stand after its name; None where a reversal leaves the books as they would be
    without it, and nothing stands on it."""
    posted = record.posted
    if posted is None or not record.in_books:
        return "does not stand in the books"
    if record.state is RecordState.BEFORE_CUTOVER or record.linked_by is not None:
        return "was not made by us: take it back in the ERP, where it was made"
    if record.document.void:
        return "is void in billing, and is taken back by itself"
    if posted.credits:
        return "is credited in the ERP already"
    if posted.open != posted.gross or record.document.remaining != record.document.gross:
        return "is settled, at least in part: give the money back in billing, with a credit note"
    return None


def taken_back(record: DocumentRecord, today: date) -> bool:
    """Whether somebody has said so, and it still can be. What has been settled since stays."""
    hold = record.hold
    said = hold is not None and hold.kind is HoldKind.ABORTED and hold.stands(today)
    return said and why_not(record) is None
