"""What settles an invoice: its sum is always what Stripe says remains, or nothing is told."""

import pytest

from canonical_models.documents import (
    BillingDocument,
    DocumentStatus,
    Settlement,
    SettlementKind,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from tests.unit.stripe.objects import (
    FEB,
    JAN,
    MAR,
    Json,
    at,
    balance,
    dispute,
    document,
    euro,
    invoice,
    line,
    note,
    refund,
    share,
    taken,
)

PAID: Json = {"status": "paid", "amount_remaining": 0}
Kind = SettlementKind


def own(found: BillingDocument) -> int:
    """What is left after all that settles the document itself."""
    settled = (each.amount for each in found.settlements if each.document_id)
    return (found.gross - Money.total(settled, found.currency)).minor


def told(found: BillingDocument) -> list[tuple[str, str, int, str | None]]:
    return [
        (each.settlement_id, each.kind.value, each.amount.minor, each.document_id)
        for each in found.settlements
    ]


def test_a_payment() -> None:
    found = document(invoice(**PAID), taken(share()))
    assert found.settlements == (
        Settlement(
            settlement_id="pi_1",
            kind=Kind.PAYMENT,
            document_id="in_1",
            amount=euro(1000),
            at=at(FEB),
        ),
    )
    assert (found.status, found.remaining) == (DocumentStatus.PAID, euro(0))


def test_parts_and_what_was_paid_elsewhere() -> None:
    early = share("inpay_1", amount_paid=300, status_transitions={})
    outside = share("inpay_2", None, amount_paid=700)
    found = document(invoice(**PAID), taken(outside), taken(early))
    assert told(found) == [
        ("pi_1", "payment", 300, "in_1"),
        ("inpay_2", "paid_elsewhere", 700, "in_1"),
    ]
    assert found.settlements[0].at == at(JAN)
    part = document(invoice(amount_remaining=700), taken(early))
    assert (own(part), part.remaining) == (700, euro(700))


def test_a_payment_of_several_invoices_has_its_name_on_the_first() -> None:
    found = document(invoice(**PAID), taken(share(is_default=False), refund(), first=False))
    assert told(found) == [("inpay_1", "payment", 1000, "in_1")]


def test_what_was_paid_outside_before_stripe_kept_records() -> None:
    moments = {"finalized_at": JAN, "paid_at": MAR}
    old = invoice(**PAID, amount_paid_off_stripe=1000, status_transitions=moments)
    found = document(old)
    assert told(found) == [("in_1/elsewhere", "paid_elsewhere", 1000, "in_1")]
    assert found.settlements[0].at == at(MAR)
    # What a payment record shows already is not told a second time.
    recorded = document(old, taken(share(intent=None)))
    assert told(recorded) == [("inpay_1", "paid_elsewhere", 1000, "in_1")]


@pytest.mark.parametrize(
    ("status", "rest"),
    [
        ("succeeded", 190),
        ("pending", 190),
        (None, 190),
        ("failed", 0),
        ("canceled", 0),
        ("requires_action", 0),
    ],
)
def test_a_refund_that_no_note_answers_is_a_debt_of_its_own(status: str | None, rest: int) -> None:
    found = document(invoice(**PAID), taken(share(), refund(status=status)))
    given = [each for each in found.settlements if each.kind is Kind.REFUND]
    assert [each.amount.minor for each in given] == ([-rest] if rest else [])
    assert all((each.document_id, each.about) == (None, "in_1") for each in given)
    assert (own(found), found.remaining) == (0, euro(0))


@pytest.mark.parametrize(
    ("answered", "rest"),
    [([("re_1", 190)], []), ([("re_1", 100)], [-190, 100]), ([("re_9", 190)], [-190])],
)
def test_of_a_refund_is_told_what_no_note_answers(
    answered: list[tuple[str, int]], rest: list[int]
) -> None:
    """What was told of it before the note stays what it was."""
    parts = [{"amount_refunded": amount, "refund": key} for key, amount in answered]
    noted = note(refunds=parts, pre_payment_amount=0)
    found = document(invoice(**PAID), taken(share(), refund()), notes=(noted,))
    assert [each.amount.minor for each in found.settlements if each.about] == rest
    # A note that was taken back answers nothing.
    again = document(invoice(**PAID), taken(share(), refund()), notes=(noted | {"status": "void"},))
    assert [each.amount.minor for each in again.settlements if each.about] == [-190]


DISPUTES = [
    (dispute(-1000), [("dp_1", "dispute", -1000, None)]),
    (
        dispute(-1000, 1000, status="won"),
        [("dp_1", "dispute", -1000, None), ("dp_1/won", "dispute_won", 1000, None)],
    ),
    (dispute(), [("dp_1", "dispute", -1000, None)]),
    (
        dispute(status="won"),
        [("dp_1", "dispute", -1000, None), ("dp_1/won", "dispute_won", 1000, None)],
    ),
    (dispute(status="lost"), [("dp_1", "dispute", -1000, None)]),
    (dispute(status="warning_needs_response"), []),
    (dispute(status="prevented"), []),
]


@pytest.mark.parametrize(("found", "moved"), DISPUTES)
def test_a_dispute_leaves_the_invoice_paid(
    found: Json, moved: list[tuple[str, str, int, str | None]]
) -> None:
    lost = document(invoice(**PAID), taken(share(), disputes=(found,)))
    assert told(lost)[1:] == moved
    assert (lost.status, own(lost)) == (DocumentStatus.PAID, 0)
    assert {each.about for each in lost.settlements[1:]} <= {"in_1"}


def test_a_dispute_takes_nothing_that_was_refunded_before() -> None:
    back = refund(amount=1000) | {"created": FEB}
    found = document(invoice(**PAID), taken(share(), back, disputes=(dispute(),)))
    assert told(found) == [
        ("pi_1", "payment", 1000, "in_1"),
        ("re_1", "refund", -1000, None),
    ]


def test_credit_that_is_kept_and_used_up_later() -> None:
    downgrade = invoice(line(amount=-11900), **PAID | {"total": -11900, "ending_balance": -11900})
    kept = document(downgrade, moved=(balance(-11900),))
    assert told(kept) == [("cbtxn_1", "balance", -11900, "in_1")]
    assert (kept.gross, own(kept), kept.remaining) == (euro(-11900), 0, euro(0))
    used = document(invoice(line(amount=5950), **PAID | {"total": 5950}), moved=(balance(5950),))
    assert told(used) == [("cbtxn_1", "balance", 5950, "in_1")]
    assert own(used) == 0


def test_balance_that_a_void_invoice_gives_back_adds_up_to_nothing() -> None:
    moments = {"finalized_at": JAN, "voided_at": MAR}
    back = balance(-300, "cbtxn_2", created=MAR)
    found = document(
        invoice(status="void", amount_remaining=700, status_transitions=moments),
        moved=(balance(300), back),
    )
    assert (found.status, found.closed_at, found.remaining) == (
        DocumentStatus.VOID,
        at(MAR),
        euro(0),
    )
    assert sum(each.amount.minor for each in found.settlements) == 0


def test_debt_that_is_too_small_to_charge_goes_to_the_balance() -> None:
    small = invoice(line(amount=30), **PAID | {"total": 30, "ending_balance": 30})
    assert own(document(small, moved=(balance(30),))) == 0


def test_balance_of_a_credit_note_is_the_notes() -> None:
    kept = balance(-400, credit_note="cn_1")
    found = document(invoice(**PAID), taken(share()), moved=(kept,))
    assert told(found) == [("pi_1", "payment", 1000, "in_1")]


def test_a_credit_note_on_an_open_invoice() -> None:
    found = document(invoice(amount_remaining=600), notes=(note(),))
    (applied,) = found.settlements
    assert (applied.settlement_id, applied.kind, applied.amount) == (
        "cn_1/applied",
        Kind.CREDIT_NOTE,
        euro(400),
    )
    assert (applied.document_id, applied.against, applied.at) == ("in_1", "cn_1", at(FEB))
    assert own(found) == 600
    voided = document(notes=(note(status="void"),))
    assert (voided.settlements, own(voided)) == ((), 1000)


GIVEN_UP: Json = {"finalized_at": JAN, "marked_uncollectible_at": FEB}


def test_what_is_uncollectible_is_written_off_by_what_remained() -> None:
    early = share(amount_paid=300, status_transitions={"paid_at": FEB - 1})
    found = document(
        invoice(status="uncollectible", amount_remaining=700, status_transitions=GIVEN_UP),
        taken(early),
    )
    assert told(found) == [
        ("pi_1", "payment", 300, "in_1"),
        ("in_1/write-off", "write_off", 700, "in_1"),
    ]
    assert found.settlements[1].at == found.closed_at == at(FEB)
    assert (found.status, found.remaining, own(found)) == (
        DocumentStatus.UNCOLLECTIBLE,
        euro(0),
        0,
    )


@pytest.mark.parametrize(("paid_at", "status"), [(MAR, "paid"), (FEB, "paid")])
def test_money_after_the_write_off_is_about_it_and_leaves_it(paid_at: int, status: str) -> None:
    late = share(status_transitions={"paid_at": paid_at})
    found = document(
        invoice(status=status, amount_remaining=0, status_transitions=GIVEN_UP), taken(late)
    )
    recovered = next(each for each in found.settlements if each.kind is Kind.PAYMENT)
    assert (recovered.document_id, recovered.about, recovered.amount) == (
        None,
        "in_1",
        euro(1000),
    )
    written = next(each for each in found.settlements if each.kind is Kind.WRITE_OFF)
    assert (written.amount, written.at) == (euro(1000), at(FEB))
    assert (own(found), found.status, found.closed_at) == (0, DocumentStatus.PAID, at(FEB))


def test_part_of_the_money_after_the_write_off() -> None:
    late = share(amount_paid=400, status_transitions={"paid_at": MAR})
    found = document(
        invoice(status="uncollectible", amount_remaining=600, status_transitions=GIVEN_UP),
        taken(late),
    )
    written = next(each for each in found.settlements if each.kind is Kind.WRITE_OFF)
    assert (written.amount, own(found), found.remaining) == (euro(1000), 0, euro(0))


def test_what_was_given_up_and_then_taken_back_takes_its_write_off_back() -> None:
    moments = GIVEN_UP | {"voided_at": MAR}
    back = balance(-300, "cbtxn_2", created=MAR)
    found = document(
        invoice(status="void", amount_remaining=700, status_transitions=moments),
        moved=(balance(300, created=JAN), back),
    )
    written = [each for each in found.settlements if each.kind is Kind.WRITE_OFF]
    assert [(each.settlement_id, each.amount.minor, each.at) for each in written] == [
        ("in_1/write-off", 700, at(FEB)),
        ("in_1/write-off/back", -700, at(MAR)),
    ]
    assert (found.closed_at, found.remaining) == (at(MAR), euro(0))
    assert sum(each.amount.minor for each in found.settlements) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (PAID, r"0\.00 EUR of invoice in_1 remain, its movements explain 10\.00 EUR"),
        ({"amount_remaining": 400}, r"4\.00 EUR .* explain 10\.00 EUR"),
        (PAID | {"amount_paid_off_stripe": 400}, r"0\.00 EUR .* explain 10\.00 EUR"),
    ],
)
def test_what_is_not_explained_is_refused_with_both_figures(changes: Json, words: str) -> None:
    with pytest.raises(Rejection, match=words) as caught:
        document(invoice(**changes))
    assert (caught.value.reason, caught.value.subject) == (
        RejectionCode.SETTLEMENT_UNEXPLAINED,
        "in_1",
    )


def test_a_balance_that_stripe_shows_no_more_stops_nothing() -> None:
    gone = invoice(**PAID | {"starting_balance": -1000})
    assert document(gone, moved=None).remaining == euro(0)


def test_movements_are_told_by_time_and_money_comes_before_it_goes() -> None:
    same = [refund() | {"created": FEB}]
    found = document(invoice(**PAID), taken(share(), *same))
    assert [each.kind for each in found.settlements] == [Kind.PAYMENT, Kind.REFUND]
