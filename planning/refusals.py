"""How planning says no, and how documents and figures are called in what it says. Pure."""

from decimal import Decimal

from canonical_models.currencies import MINOR_UNITS
from canonical_models.documents import BillingDocument, DocumentKind
from canonical_models.failures import Rejection, RejectionCode

SYSTEM = "trueup"


def refused(code: RejectionCode, message: str, subject: str) -> Rejection:
    return Rejection(code, message, system=SYSTEM, subject=subject)


def unmapped_account(customer_id: str) -> Rejection:
    return refused(
        RejectionCode.ACCOUNT_UNMAPPED,
        f"billing customer {customer_id} has no ERP party and support organisation: map it, or "
        "correct the exception with the mapping",
        customer_id,
    )


def unmapped_item(key: str) -> Rejection:
    return refused(
        RejectionCode.ITEM_UNMAPPED,
        f"billing item {key} has no ERP item: map it, or correct the exception with the mapping",
        key,
    )


def named(document: BillingDocument) -> str:
    """Such as `invoice INV-7`."""
    kind = "credit note" if document.kind is DocumentKind.CREDIT_NOTE else "invoice"
    return f"{kind} {document.number or document.document_id}"


def figure(minor: int, currency: str) -> str:
    """In major units without the currency, where that is plain; of any size."""
    return f"{Decimal(minor).scaleb(-MINOR_UNITS[currency]):,f}"


def percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"
