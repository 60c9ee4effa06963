"""The money that moved on invoices: what counts, when it moved, and under which name."""

from datetime import datetime
from typing import get_args

import pytest
import stripe

from canonical_models.money import Money
from canonical_models.term import Payment, PaymentState
from connectors.stripe.payments import movements
from tests.unit.stripe.objects import (
    FEB,
    JAN,
    MAR,
    Json,
    at,
    billed,
    charged,
    dispute,
    euro,
    refund,
    share,
)


def test_a_payment_of_an_invoice() -> None:
    assert movements([billed(share())], []) == (
        Payment(
            payment_id="pi_1",
            invoice_id="in_1",
            amount=euro(1190),
            state=PaymentState.CONFIRMED,
            at=at(FEB),
        ),
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"type": "payment_intent", "payment_intent": "pi_9"}, "pi_9"),
        ({"type": "charge", "charge": "ch_9"}, "ch_9"),
        ({"type": "payment_record", "payment_record": "pr_9"}, "inpay_1"),
    ],
)
def test_the_name_of_a_payment(source: Json, name: str) -> None:
    (found,) = movements([billed(share(payment=source, status_transitions={}))], [])
    assert (found.payment_id, found.at) == (name, at(JAN))


def test_what_is_not_paid_yet_or_was_settled_without_money_is_no_payment() -> None:
    waiting = share(status="open", amount_paid=None)
    gone = share("inpay_2", "pi_2", status="canceled", amount_paid=None)
    nothing = share("inpay_3", "pi_3", amount_paid=0)
    assert movements([billed(waiting, gone, nothing), billed(key="in_2")], []) == ()


def test_parts_of_an_invoice_are_payments_of_their_own() -> None:
    found = movements([billed(share(), share("inpay_2", "pi_2", amount_paid=10))], [])
    assert [(each.payment_id, each.amount.minor) for each in found] == [
        ("pi_1", 1190),
        ("pi_2", 10),
    ]


def test_one_payment_of_two_invoices_is_two_movements() -> None:
    later = billed(share("inpay_2"), key="in_2", created=FEB)
    found = movements([later, billed(share())], [charged(refund())])
    assert [(each.payment_id, each.invoice_id) for each in found] == [
        ("inpay_2", "in_2"),
        ("pi_1", "in_1"),
        ("re_1", "in_1"),
    ]


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("succeeded", True),
        ("pending", True),
        (None, True),
        ("requires_action", False),
        ("failed", False),
        ("canceled", False),
    ],
)
def test_which_refunds_move_money(status: str | None, counts: bool) -> None:
    found = movements([billed(share())], [charged(refund(status=status))])
    assert (len(found) == 2) is counts
    if counts:
        assert found[1] == Payment(
            payment_id="re_1",
            invoice_id="in_1",
            amount=euro(190),
            state=PaymentState.REFUNDED,
            at=at(MAR),
        )


def test_a_charge_without_an_intent_is_matched_by_its_own_id() -> None:
    paid = share(payment={"type": "charge", "charge": "ch_1"})
    found = movements([billed(paid)], [charged(refund(), payment_intent=None)])
    assert [each.payment_id for each in found] == ["ch_1", "re_1"]


def test_charges_of_other_things_are_left_out() -> None:
    others = charged(refund(), payment_intent="pi_other", id="ch_other")
    assert len(movements([billed(share())], [others])) == 1
    assert movements([], [others]) == ()


DISPUTED, REINSTATED = PaymentState.DISPUTED, PaymentState.REINSTATED


def disputed(found: Json, *refunds: Json) -> list[tuple[str, PaymentState, datetime]]:
    """What a dispute moved of a paid invoice of 11.90."""
    moved = movements([billed(share())], [charged(*refunds, disputes=(found,))])
    assert all(each.amount == euro(1000) for each in moved if each.state in (DISPUTED, REINSTATED))
    return [
        (each.payment_id, each.state, each.at)
        for each in moved
        if each.state in (DISPUTED, REINSTATED)
    ]


@pytest.mark.parametrize("status", ["needs_response", "won", "lost"])
def test_the_balance_says_what_a_dispute_took_and_gave_back(status: str) -> None:
    taken = ("dp_1", DISPUTED, at(FEB))
    assert disputed(dispute(-1000, status=status)) == [taken]
    both = [taken, ("dp_1-won", REINSTATED, at(FEB + 1))]
    assert disputed(dispute(-1000, 1000, status=status)) == both
    # In the currency of the balance, not of the dispute.
    assert disputed(dispute(-1130, status=status)) == [taken]


STATUSES = {
    "warning_needs_response": [],
    "warning_under_review": [],
    "warning_closed": [],
    "prevented": [],
    "needs_response": [DISPUTED],
    "under_review": [DISPUTED],
    "appeal_needs_response": [DISPUTED],
    "appeal_under_review": [DISPUTED],
    "lost": [DISPUTED],
    "won": [DISPUTED, REINSTATED],
}


@pytest.mark.parametrize("status", STATUSES)
def test_where_the_balance_says_nothing_the_status_does(status: str) -> None:
    found = disputed(dispute(status=status))
    assert [state for _, state, _ in found] == STATUSES[status]
    assert {when for _, _, when in found} <= {at(JAN)}


def test_the_statuses_of_a_dispute_are_those_of_the_sdk() -> None:
    hint = stripe.Dispute.__annotations__["status"]
    assert {value for part in get_args(hint) for value in get_args(part)} == set(STATUSES)


def test_what_was_refunded_is_not_taken_again() -> None:
    lost = dispute(status="lost", created=MAR + 1)
    assert disputed(lost, refund(amount=191)) == []
    assert len(disputed(lost, refund(amount=190))) == 1
    assert len(disputed(lost, refund(amount=191, status="failed"))) == 1
    assert len(disputed(dispute(-1000, status="lost"), refund(amount=191))) == 1


def test_what_is_refunded_after_a_won_dispute_had_come_back_before() -> None:
    assert len(disputed(dispute(status="won"), refund(amount=1190))) == 2


def test_in_the_same_second_money_comes_in_before_it_goes() -> None:
    late = share(status_transitions={"paid_at": MAR})
    won = dispute(created=MAR, status="won")
    found = movements([billed(late)], [charged(refund(), disputes=(won,))])
    assert [each.payment_id for each in found] == ["pi_1", "re_1", "dp_1", "dp_1-won"]


def test_all_movements_together_are_what_is_left() -> None:
    history = [charged(refund(), disputes=(dispute(-1000, 1000),))]
    found = movements([billed(share())], history)
    assert Money.total((each.moved for each in found), "EUR") == euro(1000)
