"""An invoice and a credit note with everything that is read beside them."""

from typing import NamedTuple

from connectors.stripe.taxes import Catalogue
from connectors.stripe.wire_customers import BalanceMovement
from connectors.stripe.wire_documents import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
)
from connectors.stripe.wire_money import Dispute, InvoicePayment, Refund


class Taken(NamedTuple):
    """A payment that went through, and what became of it.

    `first` is whether this invoice is the first that the payment went to: of one that pays several
    invoices, the first one has its name, its refunds and its disputes.
    """

    share: InvoicePayment
    refunds: list[Refund]
    disputes: list[Dispute]
    first: bool = True


class Moved(NamedTuple):
    """What moved on an invoice. `movements` are of the customer's balance, and None where Stripe
    shows them no longer, as of a customer that was deleted. `processing` is a payment under way
    that nobody has refused."""

    taken: list[Taken]
    notes: list[CreditNote]
    movements: list[BalanceMovement] | None
    processing: bool


class WholeInvoice(NamedTuple):
    invoice: Invoice
    lines: list[InvoiceLine]
    moved: Moved
    known: Catalogue


class WholeNote(NamedTuple):
    """A credit note, with the invoice that it corrects and that one's lines."""

    note: CreditNote
    lines: list[CreditNoteLine]
    invoice: Invoice
    invoiced: list[InvoiceLine]
    known: Catalogue
