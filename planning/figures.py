"""Whether billing's own figures of a document hold together. Pure."""

from collections.abc import Iterator

from canonical_models.documents import BillingDocument, Settlement
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from planning.refusals import figure, named, refused

#: Minor units of any one amount; beyond it is somebody's mistake, not a sale.
MOST = 10**12


def require_sound(document: BillingDocument, agreed: str | None) -> None:
    """`agreed` is the currency of its subscription, None where it has none.

    Raises Rejection: currency_mismatch, amount_out_of_range, tax_undetermined, and
    document_inconsistent with the path of what does not add up."""
    _require_currency(document, agreed)
    _require_range(document)
    _require_decided_taxes(document)
    net = sum(line.net.minor for line in document.lines)
    tax = sum(tax.amount.minor for line in document.lines for tax in line.taxes or ())
    _require_sum(document, "lines[].net", net, "net", document.net)
    _require_sum(document, "lines[].taxes[].amount", tax, "tax", document.tax)
    whole = document.net.minor + document.tax.minor
    _require_sum(document, "net and tax", whole, "gross", document.gross)


def require_explained(document: BillingDocument) -> None:
    """Raises Rejection (settlement_unexplained) where what is left to pay is not what its movements
    leave. What is void is asked for no more, however it was settled."""
    if document.void:
        return
    settled = sum(
        movement.amount.minor
        for movement in document.settlements
        if movement.document_id == document.document_id
    )
    if document.gross.minor - settled != document.remaining.minor:
        moved = f"{figure(settled, document.currency)} {document.currency}"
        raise refused(
            RejectionCode.SETTLEMENT_UNEXPLAINED,
            f"{named(document)} of {document.gross}: billing says that {document.remaining} is "
            f"left to pay, its movements settle {moved}: look for what is missing in billing",
            document.document_id,
        )


def require_in_range(movement: Settlement) -> None:
    """Raises Rejection (amount_out_of_range)."""
    if abs(movement.amount.minor) > MOST:
        raise refused(
            RejectionCode.AMOUNT_OUT_OF_RANGE,
            f"movement {movement.settlement_id} is {movement.amount}, more than any ledger is "
            "asked to book: mend it in billing",
            movement.settlement_id,
        )


def _amounts(document: BillingDocument) -> Iterator[tuple[str, Money]]:
    for path in ("net", "tax", "gross", "remaining"):
        yield path, getattr(document, path)
    for number, line in enumerate(document.lines):
        yield f"lines[{number}].net", line.net
        for place, tax in enumerate(line.taxes or ()):
            yield f"lines[{number}].taxes[{place}].amount", tax.amount
    for number, movement in enumerate(document.settlements):
        yield f"settlements[{number}].amount", movement.amount


def _require_currency(document: BillingDocument, agreed: str | None) -> None:
    if agreed is not None and document.currency != agreed:
        raise refused(
            RejectionCode.CURRENCY_MISMATCH,
            f"{named(document)} is in {document.currency}, its subscription in {agreed}: end it in "
            "billing and begin a new one in the other currency",
            document.document_id,
        )
    for path, amount in _amounts(document):
        if amount.currency != document.currency:
            raise refused(
                RejectionCode.CURRENCY_MISMATCH,
                f"{named(document)} is in {document.currency}, {path} is {amount}",
                document.document_id,
            )


def _require_range(document: BillingDocument) -> None:
    for path, amount in _amounts(document):
        if abs(amount.minor) > MOST:
            raise refused(
                RejectionCode.AMOUNT_OUT_OF_RANGE,
                f"{named(document)}: {path} is {amount}, more than any ledger is asked to book: "
                "mend it in billing, or skip the document",
                document.document_id,
            )


def _require_decided_taxes(document: BillingDocument) -> None:
    for line in document.lines:
        if line.taxes is None:
            raise refused(
                RejectionCode.TAX_UNDETERMINED,
                f"{named(document)} is final, and billing has not decided the tax of its line "
                f"{line.line_id}: decide it there, or give the tax code",
                document.document_id,
            )


def _require_sum(document: BillingDocument, parts: str, added: int, name: str, said: Money) -> None:
    if added != said.minor:
        total, whole = (figure(minor, document.currency) for minor in (added, said.minor))
        raise refused(
            RejectionCode.DOCUMENT_INCONSISTENT,
            f"{named(document)}: {parts} add up to {total}, {name} is {whole}: mend it in billing, "
            "or skip the document",
            document.document_id,
        )
