"""Money that goes back to the customer: refunds and disputes. Pure.

Source: https://docs.stripe.com/refunds, https://docs.stripe.com/disputes/how-disputes-work.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from canonical_models.documents import Settlement, SettlementKind
from connectors.stripe.amounts import instant, money
from connectors.stripe.whole import Taken
from connectors.stripe.wire_documents import CreditNote
from connectors.stripe.wire_money import Dispute, Refund

#: Money that was given back or is on its way; None is what refunds of long ago say. What still
#: asks the customer for an account, or came back to us, is not.
_GIVEN_BACK = frozenset({"succeeded", "pending", None})

#: Disputes that are no mere inquiry, and that nothing prevented.
_FORMAL = frozenset(
    {
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
        "won",
        "lost",
    }
)


def moved(refund: Refund) -> bool:
    """Whether the refund takes money from us, as far as is known."""
    return refund.status in _GIVEN_BACK


def unanswered(invoice: str, taken: Taken, notes: Iterable[CreditNote]) -> Iterable[Settlement]:
    """What refunds gave back beyond credit notes, and disputes took: Stripe leaves the invoice
    paid, so that each is a debt of its own."""
    if not taken.first:
        return
    answered = _answered(notes)
    for refund in taken.refunds:
        if moved(refund):
            yield from _refunded(invoice, refund, answered.get(refund.id, []))
    for dispute in taken.disputes:
        yield from _disputed(invoice, dispute, taken)


class _Answer(NamedTuple):
    """What of a refund a credit note accounts for."""

    note: str
    amount: int


def _answered(notes: Iterable[CreditNote]) -> dict[str, list[_Answer]]:
    """By refund; of issued credit notes alone."""
    found: dict[str, list[_Answer]] = {}
    for note in notes:
        for part in note.refunds if note.status == "issued" else ():
            if part.refund_id is not None:
                answer = _Answer(note.id, part.amount_refunded)
                found.setdefault(part.refund_id, []).append(answer)
    return found


def _refunded(invoice: str, refund: Refund, answers: list[_Answer]) -> Iterable[Settlement]:
    """Nothing of a refund that one note answers whole: it is the note's. Of any other the debt
    keeps its amount for good, for it may have been entered before there was a note; what a note
    answers of it comes back as a movement of its own, and goes out again under the note's name."""
    if any(answer.amount == refund.amount for answer in answers):
        return
    subject = f"Refund {refund.id}"
    yield Settlement(
        settlement_id=refund.id,
        kind=SettlementKind.REFUND,
        about=invoice,
        amount=money(-refund.amount, refund.currency, subject=subject),
        at=instant(refund.created),
    )
    for answer in answers:
        yield Settlement(
            settlement_id=f"{refund.id}/{answer.note}/answered",
            kind=SettlementKind.REFUND,
            about=invoice,
            amount=money(answer.amount, refund.currency, subject=subject),
            at=instant(refund.created),
        )


def _disputed(invoice: str, dispute: Dispute, taken: Taken) -> Iterable[Settlement]:
    amount = money(dispute.amount, dispute.currency, subject=f"Dispute {dispute.id}")
    lost_at, won_at = _taken_and_returned(dispute, taken)
    if lost_at is not None:
        yield Settlement(
            settlement_id=dispute.id,
            kind=SettlementKind.DISPUTE,
            about=invoice,
            amount=-amount,
            at=lost_at,
        )
    if won_at is not None:
        yield Settlement(
            settlement_id=f"{dispute.id}/won",
            kind=SettlementKind.DISPUTE_WON,
            about=invoice,
            amount=amount,
            at=won_at,
        )


def _taken_and_returned(dispute: Dispute, taken: Taken) -> tuple[datetime | None, datetime | None]:
    """When a dispute took its money and when it gave it back; None where it did not.

    The movements on our balance at Stripe say so. Where none is shown the status does, unless the
    money had been refunded before: Stripe takes nothing for what the customer has already.
    """
    if shown := sorted(dispute.balance_transactions, key=lambda movement: movement.created):
        lost = next((movement.created for movement in shown if movement.amount < 0), None)
        won = next((movement.created for movement in shown if movement.amount > 0), None)
        return (
            None if lost is None else instant(lost),
            None if won is None else instant(won),
        )
    refunded = sum(
        refund.amount
        for refund in taken.refunds
        if moved(refund) and refund.created < dispute.created
    )
    paid = taken.share.amount_paid or 0
    if dispute.status not in _FORMAL or refunded + dispute.amount > max(paid, dispute.amount):
        return None, None
    opened = instant(dispute.created)
    return opened, opened if dispute.status == "won" else None
