"""Billing lines: one id for life, net without tax, and a sum that Stripe agrees with."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.failures import ContractDrift
from canonical_models.money import Money
from connectors.stripe import wire
from connectors.stripe.lines import UNPRICED
from connectors.stripe.mapping import snapshot_of
from connectors.stripe.payments import Billed
from connectors.stripe.wire_invoices import Invoice, InvoiceItem

Json = dict[str, Any]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
JAN, FEB = 1767225600, 1769904000
PRICING = {"price_details": {"price": "price_pro", "product": "prod_pro"}}


def subscription(**changes: Any) -> Json:
    plain = {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": {"data": [], "has_more": False},
        "start_date": JAN,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
    }
    return plain | changes


def pending(**changes: Any) -> Json:
    plain = {
        "id": "ii_1",
        "amount": 1190,
        "currency": "eur",
        "description": "Remaining time on Pro",
        "parent": {"subscription_details": {"subscription": "sub_1", "subscription_item": "si_1"}},
        "period": {"start": JAN, "end": FEB},
        "pricing": PRICING,
        "proration": True,
        "quantity": 2,
        "tax_rates": [],
    }
    return plain | changes


def line(key: str = "il_1", invoice_item: str | None = None, **changes: Any) -> Json:
    details = {
        "invoice_item": invoice_item,
        "proration": False,
        "subscription": "sub_1",
        "subscription_item": "si_2",
    }
    plain = {
        "id": key,
        "amount": 1190,
        "currency": "eur",
        "description": "1 x Pro",
        "parent": {"subscription_item_details": details, "invoice_item_details": None},
        "period": {"start": JAN, "end": FEB},
        "pricing": PRICING,
        "quantity": 1,
        "taxes": [],
        "discount_amounts": [],
        "pretax_credit_amounts": [],
    }
    return plain | changes


def invoice(*lines: Json, key: str = "in_1", **changes: Any) -> Json:
    plain = {
        "id": key,
        "currency": "eur",
        "status": "paid",
        "number": "TRUE-0001",
        "total": 0,
        "amount_paid": 0,
        "attempted": True,
        "collection_method": "charge_automatically",
        "created": JAN,
        "due_date": None,
        "status_transitions": {},
        "lines": {"data": list(lines), "has_more": False},
    }
    return plain | changes


def snapshot(items: list[Json], invoices: list[Json], of: Json | None = None) -> BillingSnapshot:
    billed = [Invoice.model_validate(found) for found in invoices]
    return snapshot_of(
        wire.Subscription.model_validate(of or subscription()),
        [],
        [InvoiceItem.model_validate(found) for found in items],
        [Billed(found, found.lines.data, []) for found in billed],
        [],
        [],
        now=NOW,
    )


def read(
    items: list[Json], invoices: list[Json], of: Json | None = None
) -> tuple[BillingLine, ...]:
    return snapshot(items, invoices, of).lines


def test_a_pending_item_is_a_line_without_an_invoice() -> None:
    (found,) = read([pending()], [])
    assert (found.line_id, found.item, found.invoice_id) == ("ii_1", "prod_pro", None)
    assert (found.net, found.tax) == (Money(minor=1190, currency="EUR"), None)
    assert (found.proration, found.quantity, found.item_id) == (True, 2, "si_1")


def test_a_regular_line_has_its_own_id_and_a_prorated_one_that_of_its_item() -> None:
    found = read([], [invoice(line(), line("il_2", "ii_7"))])
    assert [(each.line_id, each.invoice_id) for each in found] == [
        ("ii_7", "in_1"),
        ("il_1", "in_1"),
    ]
    assert {each.item_id for each in found} == {"si_2"}


def test_an_item_seen_pending_and_invoiced_is_one_line() -> None:
    (found,) = read([pending()], [invoice(line("il_9", "ii_1"))])
    assert (found.line_id, found.invoice_id) == ("ii_1", "in_1")


def test_pending_items_of_others_are_left_out() -> None:
    other = {"subscription_details": {"subscription": "sub_2"}}
    assert read([pending(parent=other), pending(parent=None)], []) == ()


def test_lines_of_another_subscription_on_the_same_invoice_are_left_out() -> None:
    foreign = {"invoice_item": None, "proration": False, "subscription": "sub_2"}
    one_off = {"invoice_item": "ii_3", "proration": False, "subscription": None}
    found = read(
        [],
        [
            invoice(
                line("il_1", parent={"subscription_item_details": foreign}),
                line("il_2", parent={"invoice_item_details": one_off}),
                line("il_3", parent=None),
            )
        ],
    )
    assert [(each.line_id, each.item_id) for each in found] == [("ii_3", None), ("il_3", None)]


def test_a_line_on_two_final_invoices_is_drift() -> None:
    with pytest.raises(ContractDrift, match=r"ii_1.*sub_1.*in_1.*in_2"):
        read([], [invoice(line("il_1", "ii_1")), invoice(line("il_2", "ii_1"), key="in_2")])


def test_of_drafts_and_void_invoices_the_ids_alone_are_told() -> None:
    foreign = {"invoice_item": None, "proration": False, "subscription": "sub_2"}
    found = snapshot(
        [],
        [
            invoice(line("il_2"), line("il_1", "ii_1"), key="in_1", status="draft"),
            invoice(
                line("il_3"),
                line("il_9", parent={"subscription_item_details": foreign}),
                key="in_2",
                status="void",
                # What a void invoice adds up to is nobody's concern any more.
                total_excluding_tax=1,
            ),
        ],
    )
    assert (found.drafted, found.voided, found.lines) == (("ii_1", "il_2"), ("il_3",), ())


def test_a_line_that_is_owed_elsewhere_is_neither_drafted_nor_voided() -> None:
    found = snapshot(
        [pending()],
        [
            invoice(line("il_1", "ii_1"), key="in_1", status="draft"),
            invoice(line("il_2", "ii_2"), key="in_2", status="void"),
            invoice(line("il_3", "ii_2"), key="in_3"),
        ],
    )
    assert (found.drafted, found.voided) == ((), ())
    assert {each.line_id: each.invoice_id for each in found.lines} == {
        "ii_1": None,
        "ii_2": "in_3",
    }


def test_a_bare_amount_has_an_item_that_can_be_mapped() -> None:
    (first, second) = read([pending(pricing=None)], [invoice(line(pricing={}))])
    assert {first.item, second.item} == {UNPRICED}


def test_a_long_description_is_cut_and_a_missing_one_empty() -> None:
    first, second = read([pending(description="x" * 600), pending(id="ii_2", description=None)], [])
    assert (len(first.description), second.description) == (500, "")


EXCLUSIVE = {"amount": 226, "tax_behavior": "exclusive"}
INCLUSIVE = {"amount": 190, "tax_behavior": "inclusive"}


@pytest.mark.parametrize(
    ("changes", "net", "tax"),
    [
        ({"taxes": [EXCLUSIVE]}, 1190, 226),
        ({"taxes": [INCLUSIVE]}, 1000, 190),
        ({"taxes": [INCLUSIVE, EXCLUSIVE]}, 1000, 416),
        ({"taxes": [{"amount": 0, "tax_behavior": "exclusive"}]}, 1190, 0),
        ({"taxes": []}, 1190, None),
        ({"taxes": None}, 1190, None),
        ({"discount_amounts": [{"amount": 90}]}, 1100, None),
        # The discount is one of the credits before tax, and not counted twice.
        (
            {
                "discount_amounts": [{"amount": 90}],
                "pretax_credit_amounts": [{"amount": 90}, {"amount": 100}],
            },
            1000,
            None,
        ),
        ({"amount": -1190, "taxes": [{"amount": -190, "tax_behavior": "inclusive"}]}, -1000, -190),
    ],
)
def test_net_and_tax_of_a_final_line(changes: Json, net: int, tax: int | None) -> None:
    (found,) = read([], [invoice(line(**changes), total_excluding_tax=net)])
    assert found.net == Money(minor=net, currency="EUR")
    assert found.tax == (None if tax is None else Money(minor=tax, currency="EUR"))


VAT = {"inclusive": True, "percentage": 19.0}


@pytest.mark.parametrize(
    ("items", "of", "nets"),
    [
        ({"tax_rates": [VAT]}, {}, [1000]),
        ({}, {"default_tax_rates": [VAT]}, [1000]),
        ({"tax_rates": [VAT | {"inclusive": False}]}, {"default_tax_rates": [VAT]}, [1190]),
        ({"tax_rates": [VAT]}, {"customer": {"id": "cus_1", "tax_exempt": "reverse"}}, [1190]),
        ({}, {"automatic_tax": {"enabled": True}}, []),
    ],
)
def test_the_net_of_a_pending_item(items: Json, of: Json, nets: list[int]) -> None:
    found = read([pending(**items)], [], subscription(**of))
    assert [each.net.minor for each in found] == nets


@pytest.mark.parametrize(("behaviour", "seen"), [("exclusive", 1), ("inclusive", 0), (None, 0)])
def test_under_stripe_tax_an_item_waits_unless_its_tax_comes_on_top(
    behaviour: str | None, seen: int
) -> None:
    shown = {"price": {"id": "price_pro", "tax_behavior": behaviour}, "product": "prod_pro"}
    found = read(
        [pending(pricing={"price_details": shown})],
        [],
        subscription(automatic_tax={"enabled": True}),
    )
    assert len(found) == seen


def test_lines_that_do_not_add_up_to_the_invoice_are_drift() -> None:
    with pytest.raises(ContractDrift, match=r"in_1 add up to 1190 .* 1189") as caught:
        read([], [invoice(line(), total_excluding_tax=1189)])
    assert caught.value.payload_path == "$.data[*].total_excluding_tax"


def test_shipping_is_no_line() -> None:
    shipped = invoice(line(), total_excluding_tax=1690, shipping_cost={"amount_subtotal": 500})
    assert len(read([], [shipped])) == 1


@given(st.permutations(["ii_1", "ii_2", "ii_3", "ii_4"]))
def test_the_order_of_the_answers_does_not_matter(order: list[str]) -> None:
    found = read([pending(id=key) for key in order], [])
    assert [each.line_id for each in found] == ["ii_1", "ii_2", "ii_3", "ii_4"]
