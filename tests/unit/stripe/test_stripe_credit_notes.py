"""Lines of credit notes: what they give back, of which item, and when they count no more."""

from typing import Any, get_args

import pytest
import stripe

from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.stripe import wire
from connectors.stripe.credit_notes import Noted
from connectors.stripe.lines import UNPRICED
from connectors.stripe.mapping import snapshot_of
from connectors.stripe.payments import Billed
from connectors.stripe.wire_invoices import CreditNote, CreditNoteLine, Invoice
from tests.unit.stripe.objects import FEB, JAN, MAR, Json, at, euro
from tests.unit.stripe.test_stripe_lines import EXCLUSIVE, INCLUSIVE, invoice, line, subscription


def part(key: str = "cnli_1", of: str | None = "il_1", **changes: Any) -> Json:
    """A line of a credit note, as Stripe writes it: a bare amount names no line of an invoice."""
    plain: Json = {
        "id": key,
        "amount": 595,
        "description": "1 x Pro",
        "discount_amount": 0,
        "discount_amounts": [],
        "pretax_credit_amounts": [],
        "quantity": 1,
        "taxes": [],
        "type": "invoice_line_item" if of else "custom_line_item",
    }
    return plain | ({"invoice_line_item": of} if of else {}) | changes


def note(*parts: Json, key: str = "cn_1", **changes: Any) -> Json:
    plain: Json = {
        "id": key,
        "created": MAR,
        "currency": "eur",
        "invoice": "in_1",
        "lines": {"data": list(parts), "has_more": False},
        "status": "issued",
        "total_excluding_tax": None,
    }
    return plain | changes


def snapshot(notes: list[Json], *invoices: Json) -> BillingSnapshot:
    billed = [Invoice.model_validate(found) for found in invoices or [invoice(line())]]
    read = [CreditNote.model_validate(found) for found in notes]
    return snapshot_of(
        wire.Subscription.model_validate(subscription()),
        [],
        [],
        [Billed(found, found.lines.data, []) for found in billed],
        [],
        [Noted(found, found.lines.data) for found in read],
        now=at(MAR),
    )


def credited(*notes: Json) -> list[BillingLine]:
    """The lines that credit, of an invoice with one line."""
    return [found for found in snapshot([*notes]).lines if found.line_id != "il_1"]


def test_a_credited_line_is_given_back() -> None:
    assert credited(note(part(taxes=[EXCLUSIVE]))) == [
        BillingLine(
            line_id="cnli_1",
            item="prod_pro",
            item_id="si_2",
            description="1 x Pro",
            quantity=1,
            net=euro(-595),
            tax=euro(-226),
            proration=True,
            period_start=at(JAN),
            period_end=at(FEB),
            invoice_id="in_1",
        )
    ]


def test_a_line_is_found_by_its_own_id_on_the_invoice() -> None:
    prorated = invoice(line("il_1", "ii_7"))
    found = {each.line_id: each for each in snapshot([note(part())], prorated).lines}
    assert found.keys() == {"ii_7", "cnli_1"}
    assert found["cnli_1"].item == found["ii_7"].item


def test_a_bare_amount_has_no_period_and_an_item_that_can_be_mapped() -> None:
    (found,) = credited(note(part(of=None, description=None, quantity=None)))
    assert (found.item, found.item_id, found.proration) == (UNPRICED, None, True)
    assert found.period_start == found.period_end == at(MAR)
    assert (found.description, found.quantity, found.invoice_id) == ("", 0, "in_1")


@pytest.mark.parametrize(
    ("changes", "net", "tax"),
    [
        ({"amount": 1190, "taxes": [EXCLUSIVE]}, 1190, 226),
        ({"amount": 1190, "taxes": [INCLUSIVE]}, 1000, 190),
        ({"taxes": [{"amount": 0, "tax_behavior": "exclusive"}]}, 595, 0),
        ({"taxes": []}, 595, None),
        ({"taxes": None}, 595, None),
        ({"discount_amounts": [{"amount": 95}]}, 500, None),
        (
            {
                "discount_amounts": [{"amount": 95}],
                "pretax_credit_amounts": [{"amount": 95}, {"amount": 100}],
            },
            400,
            None,
        ),
        # What was a credit on the invoice is charged again.
        ({"amount": -595}, -595, None),
    ],
)
def test_net_and_tax(changes: Json, net: int, tax: int | None) -> None:
    (found,) = credited(note(part(**changes), total_excluding_tax=net))
    assert found.net == euro(-net)
    assert found.tax == (None if tax is None else euro(-tax))


def test_lines_that_do_not_add_up_to_the_note_are_drift() -> None:
    with pytest.raises(ContractDrift, match=r"credit note cn_1 add up to 595 .* 594"):
        credited(note(part(), total_excluding_tax=594))


def test_shipping_that_is_given_back_is_no_line() -> None:
    shipped = note(part(), total_excluding_tax=1095, shipping_cost={"amount_subtotal": 500})
    assert len(credited(shipped)) == 1
    alone = note(total_excluding_tax=500, shipping_cost={"amount_subtotal": 500})
    assert credited(alone) == []


@pytest.mark.parametrize("of", ["il_9", None])
def test_a_line_that_its_invoice_does_not_have_is_drift(of: str | None) -> None:
    with pytest.raises(ContractDrift, match=r"cnli_1 of credit note cn_1 .* invoice in_1"):
        credited(note(part(of=of, type="invoice_line_item")))


def test_an_amount_out_of_range_is_rejected() -> None:
    with pytest.raises(Rejection, match="cnli_1 of credit note cn_1") as caught:
        credited(note(part(amount=10**15 + 1)))
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE


def test_lines_of_another_subscription_and_notes_of_other_invoices_are_left_out() -> None:
    foreign = {"invoice_item": None, "proration": False, "subscription": "sub_2"}
    shared = invoice(line(), line("il_2", parent={"subscription_item_details": foreign}))
    mixed = note(part(), part("cnli_2", "il_2"), part("cnli_3", None))
    void = note(part("cnli_4", "il_2"), part("cnli_5"), key="cn_2", status="void")
    other = note(part("cnli_6", "il_9"), key="cn_3", invoice="in_other", total_excluding_tax=1)
    gone = note(part("cnli_7", "il_9"), key="cn_4", invoice="in_other", status="void")
    found = snapshot([mixed, void, other, gone], shared)
    assert {each.line_id for each in found.lines} == {"il_1", "cnli_1", "cnli_3"}
    assert found.voided == ("cnli_5",)


def test_of_a_void_note_the_ids_alone_are_told() -> None:
    # What it added up to is nobody's concern any more.
    void = note(part("cnli_2"), part("cnli_1", None), status="void", total_excluding_tax=1)
    found = snapshot([void])
    assert (found.voided, len(found.lines)) == (("cnli_1", "cnli_2"), 1)


def test_with_a_void_invoice_its_notes_give_nothing_back() -> None:
    found = snapshot([note(part(), total_excluding_tax=1)], invoice(line(), status="void"))
    assert (found.voided, found.lines) == (("cnli_1", "il_1"), ())


@pytest.mark.parametrize("status", ["open", "paid", "uncollectible"])
def test_notes_of_every_final_invoice_count(status: str) -> None:
    found = snapshot([note(part())], invoice(line(), status=status))
    assert {each.line_id for each in found.lines} == {"il_1", "cnli_1"}


def test_a_note_of_an_invoice_that_was_read_as_a_draft_waits() -> None:
    found = snapshot([note(part())], invoice(line(), status="draft"))
    assert (found.lines, found.drafted, found.voided) == ((), ("il_1",), ())


@pytest.mark.parametrize(
    ("ours", "theirs", "member"),
    [
        (CreditNote, stripe.CreditNote, "status"),
        (CreditNoteLine, stripe.CreditNoteLineItem, "type"),
    ],
)
def test_the_choices_are_those_of_the_sdk(ours: Any, theirs: Any, member: str) -> None:
    named = {value for part in get_args(theirs.__annotations__[member]) for value in get_args(part)}
    assert named == set(get_args(ours.model_fields[member].annotation))
