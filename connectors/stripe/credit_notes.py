"""A credit note of Stripe as a document: negative, and naming what it corrects. Pure.

Source: https://docs.stripe.com/invoicing/credit-notes, https://docs.stripe.com/api/credit_notes.
"""

from collections.abc import Iterable

from canonical_models.documents import (
    BillingDocument,
    DocumentKind,
    DocumentStatus,
    Settlement,
    SettlementKind,
)
from canonical_models.money import Money
from connectors.stripe.accounts import billed_party
from connectors.stripe.amounts import currency_code, instant, instant_or_none, money
from connectors.stripe.documents import customer_of, purchase_order, shown_at, their_metadata
from connectors.stripe.lines import credit_lines
from connectors.stripe.refunds import moved
from connectors.stripe.settlements import by_time
from connectors.stripe.verification import prove_settled, prove_total
from connectors.stripe.whole import WholeNote
from connectors.stripe.wire_customers import BalanceMovement
from connectors.stripe.wire_documents import CreditNote, NoteRefund
from connectors.stripe.wire_money import Refund


def note_document(whole: WholeNote) -> BillingDocument:
    """Raises Rejection where its figures disagree or are too large.

    Stripe voids only what was set off against an open invoice, whose debt is then what it was. A
    void one keeps its half of the set-off, which may have been entered, and takes it back.
    """
    note, invoice = whole.note, whole.invoice
    words = f"credit note {note.id}"
    prove_total(words, note, whole.lines)
    lines = credit_lines(note, whole.lines, whole.invoiced, whole.known)
    currency = currency_code(note.currency, subject=f"Credit note {note.id}")
    net = Money.total((line.net for line in lines), currency)
    tax = Money.total((line.tax or Money.zero(currency) for line in lines), currency)
    issued = note.status == "issued"
    settlements = by_time(_settlements(note) if issued else _set_off_and_back(note))
    waiting = _waiting(note, currency) if issued else Money.zero(currency)
    if issued:
        given = Money.total((each.amount for each in settlements), currency)
        prove_settled(words, note.id, waiting, net + tax - given)
    made_for = invoice.of_subscription
    return BillingDocument(
        document_id=note.id,
        kind=DocumentKind.CREDIT_NOTE,
        status=DocumentStatus.ISSUED if issued else DocumentStatus.VOID,
        number=note.number or None,
        customer_id=customer_of(invoice),
        currency=currency,
        issued_at=instant(note.issued),
        closed_at=instant_or_none(note.voided_at),
        corrects=invoice.id,
        made_for=made_for.subscription if made_for else None,
        bill_to=billed_party(invoice),
        lines=lines,
        net=net,
        tax=tax,
        gross=net + tax,
        remaining=waiting,
        settlements=tuple(settlements),
        metadata=their_metadata(
            made_for.metadata if made_for else None, invoice.metadata, note.metadata
        ),
        purchase_order=purchase_order(invoice),
        url=shown_at(note.pdf),
        pdf_url=shown_at(note.pdf),
    )


def _settlements(note: CreditNote) -> Iterable[Settlement]:
    """Where the credit went: each part makes smaller what we owe by the note, and is negative."""
    for part in note.refunds:
        if (given := _given_back(note, part)) is not None:
            yield given
    kept = note.customer_balance_transaction
    if isinstance(kept, BalanceMovement) and kept.amount:
        yield Settlement(
            settlement_id=kept.id,
            kind=SettlementKind.BALANCE,
            document_id=note.id,
            amount=money(kept.amount, kept.currency, subject=f"Balance transaction {kept.id}"),
            at=instant(kept.created),
        )
    if note.pre_payment_amount:
        yield _set_off(note, note.pre_payment_amount, note.created)
    if note.out_of_band_amount:
        yield Settlement(
            settlement_id=f"{note.id}/elsewhere",
            kind=SettlementKind.PAID_ELSEWHERE,
            document_id=note.id,
            amount=_taken(note, note.out_of_band_amount),
            at=instant(note.created),
        )


def _set_off(note: CreditNote, amount: int, at: int, back: str = "") -> Settlement:
    return Settlement(
        settlement_id=f"{note.id}/applied/note{back}",
        kind=SettlementKind.CREDIT_NOTE,
        document_id=note.id,
        against=note.invoice_id,
        amount=_taken(note, amount),
        at=instant(at),
    )


def _set_off_and_back(note: CreditNote) -> Iterable[Settlement]:
    if note.pre_payment_amount and note.voided_at is not None:
        yield _set_off(note, note.pre_payment_amount, note.created)
        yield _set_off(note, -note.pre_payment_amount, note.voided_at, "/back")


def _given_back(note: CreditNote, part: NoteRefund) -> Settlement | None:
    """None for a refund that did not go through: we still owe it."""
    if part.payment_record_refund is not None and part.refund is None:
        return Settlement(
            settlement_id=f"{note.id}/{part.payment_record_refund.refund_group}",
            kind=SettlementKind.PAID_ELSEWHERE,
            document_id=note.id,
            amount=_taken(note, part.amount_refunded),
            at=instant(note.created),
        )
    if not isinstance(part.refund, Refund) or not moved(part.refund):
        return None
    refund = part.refund
    # A refund that answers this note alone keeps its name, under which it may be known already
    # from before the note was written.
    alone = part.amount_refunded == refund.amount
    return Settlement(
        settlement_id=refund.id if alone else f"{refund.id}/{note.id}",
        kind=SettlementKind.REFUND,
        document_id=note.id,
        amount=_taken(note, part.amount_refunded),
        at=instant(refund.created),
    )


def _waiting(note: CreditNote, currency: str) -> Money:
    """What we still owe by the note: its refunds that did not go through."""
    failed = (
        part.amount_refunded
        for part in note.refunds
        if isinstance(part.refund, Refund) and not moved(part.refund)
    )
    return Money.total((_taken(note, amount) for amount in failed), currency)


def _taken(note: CreditNote, amount: int) -> Money:
    return money(-amount, note.currency, subject=f"Credit note {note.id}")
