"""What Stripe's credit notes give back of final invoices, as billing lines. Pure.

A line keeps the id of the credit note's line, and names the item of the line that it credits.
Source: https://docs.stripe.com/invoicing/credit-notes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from canonical_models.commerce import BillingLine
from canonical_models.failures import ContractDrift
from connectors.stripe import SYSTEM, wire_invoices
from connectors.stripe.amounts import instant, line_net, line_tax, money, quantity
from connectors.stripe.lines import (
    UNPRICED,
    described,
    is_final,
    is_own,
    product_of,
    prove_total,
    source_of,
)
from connectors.stripe.payments import Billed
from connectors.stripe.wire_invoices import CreditNote, CreditNoteLine, InvoiceLine


class Noted(NamedTuple):
    """A credit note with all its lines."""

    note: CreditNote
    lines: list[CreditNoteLine]


class _Credited(NamedTuple):
    """A line of a credit note, and the invoice's line that it credits; None for a bare amount, and
    where the invoice has no such line."""

    line: CreditNoteLine
    of: InvoiceLine | None


def credit_lines(
    subscription: str, billed: Iterable[Billed], noted: Iterable[Noted]
) -> Iterable[BillingLine]:
    """What issued notes give back on final invoices of `billed`, which are the subscription's.

    Raises Rejection and ContractDrift.
    """
    for entry, invoice in _on(billed, noted):
        if entry.note.status == "void" or not is_final(invoice.invoice):
            continue
        prove_total(f"credit note {entry.note.id}", entry.note, entry.lines)
        for credited in _own(subscription, entry, invoice):
            yield _billing_line(entry.note, credited)


def void_credit_ids(
    subscription: str, billed: Iterable[Billed], noted: Iterable[Noted]
) -> Iterable[str]:
    """Ids of lines that give nothing back any more: their note is void, or its invoice, which
    takes back what it charged as a whole."""
    for entry, invoice in _on(billed, noted):
        if "void" in (entry.note.status, invoice.invoice.status):
            for credited in _own(subscription, entry, invoice):
                yield credited.line.id


def _on(billed: Iterable[Billed], noted: Iterable[Noted]) -> Iterable[tuple[Noted, Billed]]:
    """The notes of these invoices; the customer's others are none of ours."""
    invoices = {entry.invoice.id: entry for entry in billed}
    for entry in noted:
        if (invoice := invoices.get(entry.note.invoice)) is not None:
            yield entry, invoice


def _own(subscription: str, entry: Noted, invoice: Billed) -> Iterable[_Credited]:
    """What credits lines of the subscription, and bare amounts."""
    invoiced = {line.id: line for line in invoice.lines}
    for line in entry.lines:
        of = invoiced.get(line.invoice_line_item or "")
        if of is None or is_own(subscription, of):
            yield _Credited(line, of)


def _billing_line(note: CreditNote, credited: _Credited) -> BillingLine:
    found, of = credited
    source = source_of(of) if of else None
    period = of.period if of else wire_invoices.Period(start=note.created, end=note.created)
    subject = f"Line {found.id} of credit note {note.id}"
    tax = line_tax(found.taxes)
    return BillingLine(
        line_id=found.id,
        item=_item(note, credited),
        item_id=source.subscription_item if source else None,
        description=described(found.description),
        quantity=quantity(found.quantity, found.id),
        net=money(-line_net(found), note.currency, subject=subject),
        tax=None if tax is None else money(-tax, note.currency, subject=subject),
        # It names the period that it gives back and is no period of the cycle itself: as one, it
        # would put off the periods after it to documents of their own.
        proration=True,
        period_start=instant(period.start),
        period_end=instant(period.end),
        invoice_id=note.invoice,
    )


def _item(note: CreditNote, credited: _Credited) -> str:
    found, of = credited
    match found.type:
        case "custom_line_item":
            return UNPRICED
        case "invoice_line_item" if of is not None:
            return product_of(of.pricing)
        case "invoice_line_item":
            raise ContractDrift(
                f"Line {found.id} of credit note {note.id} credits the line "
                f"{found.invoice_line_item}, which invoice {note.invoice} does not have: nothing "
                "is posted from it; compare both in Stripe and report it",
                system=SYSTEM,
                payload_path="$.data[*].lines.data[*].invoice_line_item",
            )
