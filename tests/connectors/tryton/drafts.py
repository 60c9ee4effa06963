"""Documents and payments to enter in the real Tryton."""

import secrets
from datetime import UTC, date, datetime

from canonical_models.ledgering import (
    Document,
    DocumentDraft,
    DocumentLine,
    DocumentStanding,
    EntryKind,
    PaymentDraft,
)
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp


def today() -> date:
    return datetime.now(UTC).date()


def draft(
    *amounts: tuple[str, int],
    party: str = "C-1001",
    entity: str = "LE-DE",
    currency: str = "EUR",
    reference: str | None = None,
) -> DocumentDraft:
    return DocumentDraft(
        reference=reference or f"chg_{secrets.token_hex(6)}",
        legal_entity=entity,
        party=party,
        currency=currency,
        posting_date=today(),
        lines=tuple(
            DocumentLine(
                line_id=f"ii_{number}",
                item=item,
                description=f"Remaining time on {item}",
                net=Money(minor=minor, currency=currency),
            )
            for number, (item, minor) in enumerate(amounts)
        ),
    )


def payment(
    minor: int,
    *documents: Document,
    kind: EntryKind = EntryKind.RECEIPT,
    party: str = "C-1001",
    entity: str = "LE-DE",
    currency: str = "EUR",
    on: date | None = None,
) -> PaymentDraft:
    return PaymentDraft(
        reference=f"pay_{secrets.token_hex(6)}",
        kind=kind,
        legal_entity=entity,
        party=party,
        amount=Money(minor=minor, currency=currency),
        value_date=on or today(),
        documents=tuple(document.document_id for document in documents),
    )


async def standing(books: TrytonErp, document: Document) -> DocumentStanding:
    (found,) = await books.standings((document.document_id,), document.legal_entity)
    return found


async def state_and_open(books: TrytonErp, *documents: Document) -> list[tuple[str, int]]:
    """State and minor units that are open, of each document."""
    found = [await standing(books, document) for document in documents]
    return [(now.state.value, now.open.minor) for now in found]
