"""A final invoice of Stripe as a document, proven to be whole. Pure.

Source: https://docs.stripe.com/invoicing/overview, https://docs.stripe.com/api/invoices/object.
"""

import re
from datetime import datetime

from canonical_models.documents import (
    BillingDocument,
    DocumentKind,
    DocumentStatus,
)
from canonical_models.failures import ContractDrift
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.accounts import billed_party
from connectors.stripe.amounts import currency_code, instant, instant_or_none
from connectors.stripe.lines import invoice_lines
from connectors.stripe.settlements import settled
from connectors.stripe.verification import prove_settled, prove_total
from connectors.stripe.whole import WholeInvoice
from connectors.stripe.wire_documents import Invoice

#: In front of the names of what we note, so that they are told apart from people's own metadata.
OUR_PREFIX = "trueup_"

#: What people call the field with their customer's order number.
_ORDER_FIELD = re.compile(r"(p\.? ?o\.?|purchase[ _-]?order)\b", re.IGNORECASE)
_LONGEST_ORDER, _LONGEST_URL = 140, 2000


def invoice_document(whole: WholeInvoice, *, as_of: datetime) -> BillingDocument:
    """An invoice that is no draft. Raises Rejection where its figures disagree or are too large."""
    found = whole.invoice
    words = f"invoice {found.id}"
    prove_total(words, found, whole.lines)
    lines = invoice_lines(found, whole.lines, whole.known)
    currency = currency_code(found.currency, subject=f"Invoice {found.id}")
    net = Money.total((line.net for line in lines), currency)
    tax = Money.total((line.tax or Money.zero(currency) for line in lines), currency)
    settling = settled(whole, net + tax)
    status = DocumentStatus(found.status)
    # Of what is void nothing is waited for, and of what was given up no more.
    ended = status is DocumentStatus.VOID or given_up(found)
    if status is not DocumentStatus.VOID and whole.moved.movements is not None:
        prove_settled(words, found.id, settling.says, settling.explained)
    made_for = found.of_subscription
    return BillingDocument(
        document_id=found.id,
        kind=DocumentKind.INVOICE,
        status=status,
        number=found.number or None,
        customer_id=customer_of(found),
        currency=currency,
        issued_at=instant(found.issued),
        due_at=instant_or_none(found.due_date),
        closed_at=_closed_at(found),
        overdue_since=_overdue_since(whole, as_of),
        made_for=made_for.subscription if made_for else None,
        bill_to=billed_party(found),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
        remaining=Money.zero(currency) if ended else settling.says,
        settlements=settling.movements,
        metadata=their_metadata((made_for.metadata if made_for else None), found.metadata),
        purchase_order=purchase_order(found),
        url=shown_at(found.hosted_invoice_url or found.invoice_pdf),
        pdf_url=shown_at(found.invoice_pdf),
    )


def given_up(found: Invoice) -> bool:
    """Whether its write-off settles it, also where money came after all."""
    return found.status != "open" and found.status_transitions.marked_uncollectible_at is not None


def customer_of(found: Invoice) -> str:
    named = found.customer or found.customer_account
    if named is None:
        raise ContractDrift(
            f"Invoice {found.id} names no customer: look at it in Stripe",
            system=SYSTEM,
            payload_path="$.customer",
        )
    return named


def their_metadata(*found: dict[str, str] | None) -> dict[str, str]:
    """What people and their programs noted, later ones over earlier; not what we noted."""
    merged: dict[str, str] = {}
    for each in found:
        merged |= each or {}
    return {name: value for name, value in merged.items() if not name.startswith(OUR_PREFIX)}


def purchase_order(found: Invoice) -> str | None:
    for field in found.custom_fields or ():
        if _ORDER_FIELD.match(field.name.strip()) and field.value.strip():
            return field.value.strip()[:_LONGEST_ORDER]
    return None


def shown_at(address: str | None) -> str | None:
    return address if address and len(address) <= _LONGEST_URL else None


def _closed_at(found: Invoice) -> datetime | None:
    """A void one closed when it was voided, any other when it was given up."""
    moments = found.status_transitions
    voided = found.status == "void"
    return instant_or_none(moments.voided_at if voided else moments.marked_uncollectible_at)


def _overdue_since(whole: WholeInvoice, as_of: datetime) -> datetime | None:
    """When the first charge was refused, or an invoice that was sent should have been paid."""
    found = whole.invoice
    if found.status != "open":
        return None
    if found.collection_method == "send_invoice":
        due = instant_or_none(found.due_date)
        return due if due is not None and due <= as_of else None
    if not found.attempted or whole.moved.processing:
        return None
    return instant(found.became_final)
