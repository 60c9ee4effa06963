"""What must be true of every document that was read whole, and short words for its movements."""

from datetime import UTC, datetime

from canonical_models.documents import BillingDocument
from canonical_models.money import Money


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def proven(*documents: BillingDocument) -> None:
    """Lines add up to the document, and movements to what remains of it."""
    for found in documents:
        zero = Money.zero(found.currency)
        assert Money.total((line.net for line in found.lines), found.currency) == found.net
        assert Money.total((line.tax or zero for line in found.lines), found.currency) == found.tax
        assert found.net + found.tax == found.gross
        assert all(line.taxes is not None for line in found.lines)
        own = [each for each in found.settlements if each.document_id is not None]
        assert {each.document_id for each in own} <= {found.document_id}
        assert {each.about for each in found.settlements} <= {None, found.document_id}
        ids = [each.settlement_id for each in found.settlements]
        assert len(ids) == len(set(ids))
        if not found.void:
            settled = Money.total((each.amount for each in own), found.currency)
            assert found.gross - settled == found.remaining


def moved(found: BillingDocument) -> list[tuple[str, int, bool]]:
    """(kind, amount, whether it settles the document itself), by time."""
    return [
        (each.kind.value, each.amount.minor, each.document_id is not None)
        for each in found.settlements
    ]


def by_id(documents: tuple[BillingDocument, ...]) -> dict[str, BillingDocument]:
    proven(*documents)
    return {each.document_id: each for each in documents}
