"""Credit notes as documents: negative, of whom they correct, and settled by where they went."""

from decimal import Decimal

import pytest

from canonical_models.documents import DocumentKind, DocumentStatus, SettlementKind
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe.lines import SHIPPING, UNPRICED
from tests.unit.stripe.objects import (
    FEB,
    JAN,
    MAR,
    VAT,
    Json,
    at,
    balance,
    catalogue,
    credited,
    document,
    euro,
    invoice,
    line,
    note,
    note_line,
    refund,
    tax,
)

Kind = SettlementKind
KEPT: Json = {"pre_payment_amount": 0}


def test_what_was_set_off_against_an_open_invoice() -> None:
    found = credited(note())
    assert (found.document_id, found.kind, found.status) == (
        "cn_1",
        DocumentKind.CREDIT_NOTE,
        DocumentStatus.ISSUED,
    )
    assert (found.net, found.tax, found.gross, found.remaining) == (
        euro(-400),
        euro(0),
        euro(-400),
        euro(0),
    )
    assert (found.corrects, found.made_for, found.subscription_id) == ("in_1", "sub_1", "sub_1")
    assert (found.number, found.customer_id, found.issued_at) == (
        "TRUE-0001-CN-01",
        "cus_1",
        at(FEB),
    )
    (applied,) = found.settlements
    assert (applied.settlement_id, applied.kind, applied.amount) == (
        "cn_1/applied/note",
        Kind.CREDIT_NOTE,
        euro(-400),
    )
    assert (applied.document_id, applied.against) == ("cn_1", "in_1")


def test_both_halves_of_a_set_off_are_one_movement() -> None:
    told = note()
    (on_note,) = credited(told).settlements
    (on_invoice,) = document(invoice(amount_remaining=600), notes=(told,)).settlements
    assert on_note.amount == -on_invoice.amount
    assert on_note.settlement_id == f"{on_invoice.settlement_id}/note"
    assert on_note.at == on_invoice.at


def test_a_line_is_of_what_the_line_that_it_corrects_is_of() -> None:
    vat = tax(64, tax_behavior="inclusive")
    found = credited(
        note(note_line(taxes=[vat], quantity=2, metadata={"why": "late"})),
        invoice(line(metadata={"unit": "north"}, quantity=5)),
        catalogue(VAT),
    )
    (given,) = found.lines
    assert (given.line_id, given.corrects) == ("cnli_1", "il_1")
    assert (given.item, given.price) == ("prod_pro", "price_pro")
    assert (given.subscription_id, given.item_id) == ("sub_1", "si_1")
    assert (given.net, given.tax, given.quantity) == (euro(-336), euro(-64), Decimal(2))
    assert (given.period_start, given.period_end) == (at(JAN), at(FEB))
    assert given.metadata == {"unit": "north", "why": "late"}
    (taxed,) = given.taxes or ()
    assert (taxed.rate, taxed.code, taxed.inclusive) == (Decimal("0.19"), "txr_19", True)


def test_a_discount_is_given_back_as_it_was_taken() -> None:
    found = credited(
        note(
            note_line(amount=500, discount_amounts=[{"amount": 100}], taxes=[tax(76)]),
            total=476,
            total_excluding_tax=400,
            pre_payment_amount=476,
        )
    )
    assert (found.lines[0].net, found.lines[0].discount) == (euro(-400), euro(-100))
    assert (found.net, found.tax, found.gross) == (euro(-400), euro(-76), euro(-476))


@pytest.mark.parametrize(
    ("lines", "whose"),
    [((line(),), "sub_1"), ((line(), line("il_2", "sub_2")), None), ((line("il_1", None),), None)],
)
def test_a_bare_amount_is_of_whom_the_whole_invoice_is_of(
    lines: tuple[Json, ...], whose: str | None
) -> None:
    found = credited(note(note_line(of=None)), invoice(*lines))
    (given,) = found.lines
    assert (given.item, given.corrects, given.period_start) == (UNPRICED, None, None)
    assert found.subscription_id == whose


def test_shipping_is_given_back_as_a_line_of_its_own() -> None:
    cost = {"amount_subtotal": 100, "amount_tax": 19, "amount_total": 119}
    found = credited(
        note(shipping_cost=cost, total=519, total_excluding_tax=500, pre_payment_amount=519)
    )
    shipped = found.lines[1]
    assert (shipped.line_id, shipped.item) == ("cn_1/shipping", SHIPPING)
    assert (shipped.net, shipped.tax, shipped.corrects) == (
        euro(-100),
        euro(-19),
        "in_1/shipping",
    )
    assert found.subscription_id == "sub_1"


def part(found: Json, amount: int = 400) -> Json:
    return {"amount_refunded": amount, "refund": found, "type": "refund"}


def test_every_way_that_a_credit_can_go() -> None:
    found = credited(
        note(
            note_line(amount=1000),
            total=1000,
            pre_payment_amount=100,
            out_of_band_amount=200,
            refunds=[
                part(refund(amount=300), 300),
                {
                    "amount_refunded": 150,
                    "refund": None,
                    "payment_record_refund": {"payment_record": "pr_1", "refund_group": "rg_1"},
                },
            ],
            customer_balance_transaction=balance(-250, credit_note="cn_1"),
        )
    )
    assert {(each.settlement_id, each.kind, each.amount.minor) for each in found.settlements} == {
        ("cn_1/applied/note", Kind.CREDIT_NOTE, -100),
        ("cn_1/elsewhere", Kind.PAID_ELSEWHERE, -200),
        ("re_1", Kind.REFUND, -300),
        ("cn_1/rg_1", Kind.PAID_ELSEWHERE, -150),
        ("cbtxn_1", Kind.BALANCE, -250),
    }
    assert {each.document_id for each in found.settlements} == {"cn_1"}
    settled = Money.total((each.amount for each in found.settlements), "EUR")
    assert found.gross - settled == found.remaining == euro(0)


def test_a_part_of_a_refund_has_a_name_of_its_own() -> None:
    found = credited(note(**KEPT, refunds=[part(refund(amount=900))]))
    (given,) = found.settlements
    assert (given.settlement_id, given.amount) == ("re_1/cn_1", euro(-400))


@pytest.mark.parametrize("status", ["failed", "canceled", "requires_action"])
def test_a_refund_that_did_not_go_through_is_still_owed(status: str) -> None:
    found = credited(note(**KEPT, refunds=[part(refund(amount=400, status=status))]))
    assert (found.settlements, found.remaining) == ((), euro(-400))


def test_a_void_note_takes_its_set_off_back() -> None:
    found = credited(note(status="void", voided_at=MAR))
    assert (found.status, found.closed_at) == (DocumentStatus.VOID, at(MAR))
    assert [(each.settlement_id, each.amount.minor, each.at) for each in found.settlements] == [
        ("cn_1/applied/note", -400, at(FEB)),
        ("cn_1/applied/note/back", 400, at(MAR)),
    ]
    assert (found.remaining, found.gross) == (euro(0), euro(-400))
    assert credited(note(status="void")).settlements == ()


def test_the_date_that_people_set_is_that_of_the_note() -> None:
    assert credited(note(effective_at=MAR)).issued_at == at(MAR)


def test_a_note_says_what_its_invoice_says_and_more() -> None:
    details = {"subscription": "sub_1", "metadata": {"a": "1", "b": "1", "c": "1"}}
    found = credited(
        note(metadata={"c": "3", "trueup_document": "7"}, pdf="https://pdf"),
        invoice(
            parent={"subscription_details": details},
            metadata={"b": "2", "c": "2"},
            custom_fields=[{"name": "PO", "value": "4711"}],
            customer_name="Ada GmbH",
        ),
    )
    assert found.metadata == {"a": "1", "b": "2", "c": "3"}
    assert (found.purchase_order, found.url) == ("4711", "https://pdf")
    assert found.bill_to is not None
    assert found.bill_to.name == "Ada GmbH"


@pytest.mark.parametrize(
    ("found", "words", "reason"),
    [
        (
            note(total=401),
            r"cn_1 add up to 400 .* 401 in \$\.total ",
            RejectionCode.DOCUMENT_INCONSISTENT,
        ),
        (
            note(total_excluding_tax=399),
            r"cn_1 add up to 400 .* 399 in \$\.total_excluding_tax",
            RejectionCode.DOCUMENT_INCONSISTENT,
        ),
        (
            note(note_line(of="il_9")),
            r"cnli_1 of credit note cn_1 credits the line il_9",
            RejectionCode.DOCUMENT_INCONSISTENT,
        ),
        (
            note(**KEPT),
            r"0\.00 EUR of credit note cn_1 remain, its movements explain -4\.00 EUR",
            RejectionCode.SETTLEMENT_UNEXPLAINED,
        ),
    ],
)
def test_what_disagrees_is_refused(found: Json, words: str, reason: RejectionCode) -> None:
    with pytest.raises(Rejection, match=words) as caught:
        credited(found)
    assert (caught.value.reason, caught.value.subject) == (reason, "cn_1")
