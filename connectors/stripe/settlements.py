"""What settles an invoice, in canonical words and by time. Pure.

Source: https://docs.stripe.com/invoicing/overview, https://docs.stripe.com/billing/customer/balance.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from canonical_models.documents import Settlement, SettlementKind
from canonical_models.money import Money
from connectors.stripe.amounts import instant, instant_or_none, money
from connectors.stripe.refunds import unanswered
from connectors.stripe.whole import Taken, WholeInvoice

#: Of movements in the same second, money comes in before it goes out again.
_ORDER = tuple(SettlementKind)


class Settled(NamedTuple):
    """The movements of an invoice, and how it stands by them: `explained` is what they leave open,
    `says` what Stripe does."""

    movements: tuple[Settlement, ...]
    says: Money
    explained: Money


def settled(whole: WholeInvoice, gross: Money) -> Settled:
    """All movements of an invoice whose sum is `gross`, with what each leaves to it.

    What Stripe calls uncollectible is written off by what remained then. Money that comes later
    leaves the write-off as it was and is about the document, no longer of it. One that became void
    after all keeps its write-off, which may have been entered, and takes it back.
    """
    invoice = whole.invoice
    given_up = _given_up(whole)
    found = [*_received(whole), *_balance(whole), *_noted(whole)]
    if given_up is not None:
        found = [_after(given_up, whole, movement) for movement in found]
    late = Money.total((each.amount for each in found if each.about), gross.currency)
    says = late + _amount(whole, invoice.amount_remaining)
    open_after = gross - _own(found, gross.currency)
    if (outside := _told_outside(whole, open_after - says)) is not None:
        found.append(outside)
        open_after = open_after - outside.amount
    if given_up is not None and says:
        found.append(_written_off(whole, says, given_up))
    found += _taken_back(whole, gross, found)
    for taken in whole.moved.taken:
        found += unanswered(invoice.id, taken, whole.moved.notes)
    return Settled(tuple(by_time(found)), says, open_after)


def by_time(found: Iterable[Settlement]) -> list[Settlement]:
    return sorted(found, key=lambda each: (each.at, _ORDER.index(each.kind), each.settlement_id))


def _own(found: Iterable[Settlement], currency: str) -> Money:
    return Money.total((each.amount for each in found if each.document_id), currency)


def _given_up(whole: WholeInvoice) -> datetime | None:
    """When it became uncollectible; None where it did not, or was taken back altogether after."""
    marked = whole.invoice.status_transitions.marked_uncollectible_at
    if marked is None or whole.invoice.status in ("void", "open"):
        return None
    return instant(marked)


def _written_off(whole: WholeInvoice, amount: Money, at: datetime, back: str = "") -> Settlement:
    return Settlement(
        settlement_id=f"{whole.invoice.id}/write-off{back}",
        kind=SettlementKind.WRITE_OFF,
        document_id=whole.invoice.id,
        amount=amount,
        at=at,
    )


def _taken_back(
    whole: WholeInvoice, gross: Money, found: Iterable[Settlement]
) -> Iterable[Settlement]:
    """The write-off of what is void by now, and its end. What it was over is what was open then:
    Stripe says no more of it."""
    moments = whole.invoice.status_transitions
    marked = instant_or_none(moments.marked_uncollectible_at)
    voided = instant_or_none(moments.voided_at)
    if whole.invoice.status != "void" or marked is None or voided is None:
        return
    lost = gross - _own((each for each in found if each.at <= marked), gross.currency)
    if lost:
        yield _written_off(whole, lost, marked)
        yield _written_off(whole, -lost, voided, "/back")


def _received(whole: WholeInvoice) -> Iterable[Settlement]:
    for taken in whole.moved.taken:
        share = taken.share
        paid_at = share.status_transitions.paid_at
        outside = share.payment.at_stripe is None
        yield Settlement(
            settlement_id=name_of(taken),
            kind=SettlementKind.PAID_ELSEWHERE if outside else SettlementKind.PAYMENT,
            document_id=whole.invoice.id,
            amount=money(share.amount_paid or 0, share.currency, subject=f"Payment {share.id}"),
            at=instant(share.created if paid_at is None else paid_at),
        )


def name_of(taken: Taken) -> str:
    """What names a payment for good: of several invoices that it pays, the first has its name."""
    source = taken.share.payment.at_stripe
    return source if source and taken.first else taken.share.id


def _balance(whole: WholeInvoice) -> Iterable[Settlement]:
    """Kept from it, used for it, and given back when it was void: each as it moved the balance."""
    for movement in whole.moved.movements or ():
        if movement.credit_note is None and movement.amount:
            subject = f"Balance transaction {movement.id}"
            yield Settlement(
                settlement_id=movement.id,
                kind=SettlementKind.BALANCE,
                document_id=whole.invoice.id,
                amount=money(movement.amount, movement.currency, subject=subject),
                at=instant(movement.created),
            )


def _noted(whole: WholeInvoice) -> Iterable[Settlement]:
    """What credit notes took off it while it was open: the half of each pair that is the
    invoice's."""
    for note in whole.moved.notes:
        if note.status == "issued" and note.pre_payment_amount:
            subject = f"Credit note {note.id}"
            yield Settlement(
                settlement_id=f"{note.id}/applied",
                kind=SettlementKind.CREDIT_NOTE,
                document_id=whole.invoice.id,
                against=note.id,
                amount=money(note.pre_payment_amount, note.currency, subject=subject),
                at=instant(note.created),
            )


def _after(given_up: datetime, whole: WholeInvoice, movement: Settlement) -> Settlement:
    """Money that came when nobody waited for it any more is recovered, and settles nothing."""
    money_came = movement.kind in (SettlementKind.PAYMENT, SettlementKind.PAID_ELSEWHERE)
    # An invoice that is paid by now was paid by what came last, be it in the same second.
    late = movement.at > given_up or (movement.at == given_up and whole.invoice.status == "paid")
    if not (money_came and late):
        return movement
    return movement.model_copy(update={"document_id": None, "about": whole.invoice.id})


def _told_outside(whole: WholeInvoice, gap: Money) -> Settlement | None:
    """What Stripe counts as paid outside without showing a payment of it, as before it kept
    records; only where that is exactly what is not explained."""
    invoice = whole.invoice
    recorded = sum(
        taken.share.amount_paid or 0
        for taken in whole.moved.taken
        if taken.share.payment.at_stripe is None
    )
    told = (invoice.amount_paid_off_stripe or 0) - recorded
    if told <= 0 or _amount(whole, told) != gap:
        return None
    paid_at = invoice.status_transitions.paid_at
    return Settlement(
        settlement_id=f"{invoice.id}/elsewhere",
        kind=SettlementKind.PAID_ELSEWHERE,
        document_id=invoice.id,
        amount=gap,
        at=instant(invoice.became_final if paid_at is None else paid_at),
    )


def _amount(whole: WholeInvoice, amount: int) -> Money:
    invoice = whole.invoice
    return money(amount, invoice.currency, subject=f"Invoice {invoice.id}")
