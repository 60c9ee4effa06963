"""Which money the ERP has still to learn of: each movement once, in order, after its document."""

from datetime import UTC, date, datetime, timedelta

import pytest

from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.ledgering import EntryKind
from canonical_models.money import Money
from canonical_models.term import Payment, PaymentState
from planning.payments import payments_to_enter
from tests.harness.subscriptions import ACCOUNT, item, line, snapshot, subscription

AT = datetime(2026, 11, 16, 12, tzinfo=UTC)


def paid(
    payment_id: str,
    *,
    invoice: str = "in_1",
    at: datetime = AT,
    state: PaymentState = PaymentState.CONFIRMED,
    minor: int = 5000,
) -> Payment:
    return Payment(
        payment_id=payment_id,
        invoice_id=invoice,
        amount=Money(minor=minor, currency="EUR"),
        state=state,
        at=at,
    )


def found(*payments: Payment, lines: tuple[BillingLine, ...] = ()) -> BillingSnapshot:
    return snapshot(subscription(item("pro", 5)), *lines).model_copy(update={"payments": payments})


def references(snap: BillingSnapshot, *, entered: set[str] | None = None) -> list[str]:
    drafts = payments_to_enter(snap, entered or set(), set(), ACCOUNT, None)
    return [draft.reference for draft in drafts]


def test_in_the_order_in_which_the_money_moved() -> None:
    late = paid("pi_a", at=AT + timedelta(hours=1))
    same = (paid("pi_c"), paid("pi_b"))
    assert references(found(late, *same)) == ["pi_b", "pi_c", "pi_a"]


def test_each_once() -> None:
    assert references(found(paid("pi_a"), paid("pi_b")), entered={"pi_a"}) == ["pi_b"]
    assert references(found(paid("pi_a")), entered={"pi_a"}) == []


def test_what_is_known_settles_a_document_that_is_posted_again() -> None:
    """After an undo: the money is on the account, and the new document is still open."""
    snap = found(paid("pi_a"), paid("pi_b", invoice="in_2"))
    again = payments_to_enter(snap, {"pi_a", "pi_b"}, set(), ACCOUNT, None, posting={"in_2"})
    assert [draft.reference for draft in again] == ["pi_b"]


@pytest.mark.parametrize(
    ("state", "kind", "minor"),
    [
        (PaymentState.CONFIRMED, EntryKind.RECEIPT, 5000),
        (PaymentState.REINSTATED, EntryKind.RECEIPT, 5000),
        (PaymentState.WRITTEN_OFF, EntryKind.WRITE_OFF, 5000),
        (PaymentState.REFUNDED, EntryKind.REFUND, -5000),
        (PaymentState.DISPUTED, EntryKind.CHARGEBACK, -5000),
    ],
)
def test_kind_and_sign_follow_from_what_happened(
    state: PaymentState, kind: EntryKind, minor: int
) -> None:
    (draft,) = payments_to_enter(found(paid("pi_a", state=state)), (), (), ACCOUNT, None)
    assert (draft.kind, draft.amount.minor) == (kind, minor)
    assert (draft.party, draft.legal_entity) == ("C-1001", "LE-DE")
    # Which documents it settles is known when they are posted.
    assert draft.documents == ()


def test_an_attempt_that_failed_moves_nothing() -> None:
    assert references(found(paid("pi_a", state=PaymentState.FAILED))) == []


def test_money_waits_until_all_that_it_pays_for_is_posted() -> None:
    on_it = tuple(
        line(line_id, minor).model_copy(update={"invoice_id": "in_1"})
        for line_id, minor in (("il_1", 5000), ("il_2", -100), ("il_3", 0))
    )
    pending = line("ii_9", 700)
    snap = found(paid("pi_a"), paid("pi_b", invoice="in_2"), lines=(*on_it, pending))

    def due(*covered: str) -> list[str]:
        return [d.reference for d in payments_to_enter(snap, (), covered, ACCOUNT, None)]

    assert due() == ["pi_b"]
    assert due("il_1") == ["pi_b"]
    # An empty line needs no document, and what is on no invoice keeps no payment waiting.
    assert due("il_1", "il_2") == ["pi_a", "pi_b"]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        (None, date(2026, 12, 31)),
        ("Europe/Berlin", date(2027, 1, 1)),
        ("America/New_York", date(2026, 12, 31)),
        ("Pacific/Apia", date(2027, 1, 1)),
    ],
)
def test_the_value_date_is_the_local_day(zone: str | None, day: date) -> None:
    snap = found(paid("pi_a", at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC)))
    (draft,) = payments_to_enter(snap, (), (), ACCOUNT, zone)
    assert draft.value_date == day
