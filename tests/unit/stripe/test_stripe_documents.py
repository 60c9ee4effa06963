"""A final invoice as a document: its lines, who it names, and that its figures agree."""

from decimal import Decimal
from typing import Any

import pytest

from canonical_models.documents import (
    DocumentKind,
    DocumentStatus,
    LineTax,
)
from canonical_models.failures import Rejection, RejectionCode
from connectors.stripe.amounts import MOST_MINOR
from connectors.stripe.lines import SHIPPING, UNPRICED
from tests.unit.stripe.objects import (
    FEB,
    JAN,
    MAR,
    VAT,
    Json,
    at,
    catalogue,
    document,
    euro,
    invoice,
    line,
    tax,
)


def test_an_open_invoice() -> None:
    found = document()
    assert (found.document_id, found.kind, found.status) == (
        "in_1",
        DocumentKind.INVOICE,
        DocumentStatus.OPEN,
    )
    assert (found.number, found.customer_id, found.currency) == ("TRUE-0001", "cus_1", "EUR")
    assert (found.issued_at, found.due_at, found.closed_at) == (at(JAN + 3600), None, None)
    assert (found.net, found.tax, found.gross, found.remaining) == (
        euro(1000),
        euro(0),
        euro(1000),
        euro(1000),
    )
    assert (found.made_for, found.subscription_id, found.corrects) == ("sub_1", "sub_1", None)
    assert found.owed
    (charged,) = found.lines
    assert (charged.line_id, charged.item, charged.price) == ("il_1", "prod_pro", "price_pro")
    assert (charged.quantity, charged.net, charged.taxes) == (Decimal(1), euro(1000), ())
    assert (charged.period_start, charged.period_end) == (at(JAN), at(FEB))
    assert (charged.subscription_id, charged.item_id, charged.proration) == (
        "sub_1",
        "si_1",
        False,
    )


@pytest.mark.parametrize(
    ("changes", "issued"),
    [
        ({"effective_at": FEB}, FEB),
        ({"status_transitions": {"finalized_at": MAR}}, MAR),
        ({"status_transitions": {}}, JAN),
    ],
)
def test_the_date_that_people_set_is_that_of_the_document(changes: Json, issued: int) -> None:
    assert document(invoice(**changes)).issued_at == at(issued)


INCLUSIVE = tax(190, tax_behavior="inclusive")


@pytest.mark.parametrize(
    ("changes", "net", "charged", "off"),
    [
        ({"taxes": [tax(226)], "amount": 1190}, 1190, 226, None),
        ({"taxes": [INCLUSIVE], "amount": 1190}, 1000, 190, None),
        ({"taxes": [INCLUSIVE, tax(226)], "amount": 1190}, 1000, 416, None),
        ({"taxes": [tax(0)]}, 1000, 0, None),
        ({"taxes": []}, 1000, 0, None),
        ({"taxes": None}, 1000, 0, None),
        ({"discount_amounts": [{"amount": 90}]}, 910, 0, 90),
        # The discount is one of the credits before tax, and not counted twice.
        (
            {
                "discount_amounts": [{"amount": 90}],
                "pretax_credit_amounts": [{"amount": 90}, {"amount": 100}],
            },
            810,
            0,
            190,
        ),
        (
            {"amount": -1190, "taxes": [tax(-190, tax_behavior="inclusive")]},
            -1000,
            -190,
            None,
        ),
    ],
)
def test_net_tax_and_discount_of_a_line(
    changes: Json, net: int, charged: int, off: int | None
) -> None:
    gross = net + charged
    found = document(
        invoice(line(**changes), total=gross, total_excluding_tax=net, amount_remaining=gross)
    )
    assert (found.net, found.tax, found.gross) == (euro(net), euro(charged), euro(gross))
    assert found.lines[0].net == euro(net)
    assert found.lines[0].tax == euro(charged)
    assert found.lines[0].discount == (None if off is None else euro(off))


def test_no_tax_on_a_final_line_is_a_tax_of_nothing() -> None:
    """What is not decided has None; a final document has decided."""
    assert document(invoice(line(taxes=[]))).lines[0].taxes == ()
    assert document(invoice(line(taxes=None))).lines[0].tax == euro(0)


def test_a_tax_and_the_rate_behind_it() -> None:
    charged = invoice(line(taxes=[tax(190)]), total=1190, amount_remaining=1190)
    assert document(charged).lines[0].taxes == (
        LineTax(
            amount=euro(190),
            rate=Decimal("0.19"),
            kind="vat",
            country="de",
            reason="standard_rated",
            code="txr_19",
        ),
    )


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        ({"percentage": 8.875}, Decimal("0.08875")),
        ({"percentage": 20}, Decimal("0.2")),
        ({"percentage": None}, None),
        ({"percentage": 120.0}, None),
    ],
)
def test_a_rate_is_a_fraction_where_it_is_one(rate: Json, shown: Decimal | None) -> None:
    charged = invoice(line(taxes=[tax(190)]), total=1190, amount_remaining=1190)
    (found,) = document(charged, known=catalogue(VAT | rate)).lines[0].taxes or ()
    assert found.rate == shown


def test_a_rate_that_stripe_has_no_more_is_told_by_its_id() -> None:
    reverse = tax(0, taxability_reason="reverse_charge")
    found = document(invoice(line(taxes=[reverse])), known=catalogue())
    assert found.lines[0].taxes == (
        LineTax(amount=euro(0), reason="reverse_charge", code="txr_19"),
    )
    by_hand = document(invoice(line(taxes=[tax(0, taxability_reason="not_available")])))
    assert [each.reason for each in by_hand.lines[0].taxes or ()] == [None]


def test_a_quantity_has_no_limit() -> None:
    told: dict[str, Any] = {"quantity": 13_580_246_790, "quantity_decimal": "13580246790.25"}
    assert document(invoice(line(**told))).lines[0].quantity == Decimal("13580246790.25")
    assert document(invoice(line(quantity=10**15))).lines[0].quantity == 10**15
    assert document(invoice(line(quantity=None))).lines[0].quantity is None


def test_a_bare_amount_has_an_item_that_can_be_mapped() -> None:
    found = document(invoice(line(pricing=None, parent=None, description=None)))
    (charged,) = found.lines
    assert (charged.item, charged.price, charged.description) == (UNPRICED, None, "")
    assert found.subscription_id is None


def test_what_a_line_says_goes_before_what_its_price_says() -> None:
    price = {
        "id": "price_pro",
        "currency": "eur",
        "product": "prod_pro",
        "billing_scheme": "per_unit",
        "unit_amount": 1000,
        "metadata": {"unit": "north", "kind": "licence"},
    }
    found = document(invoice(line(metadata={"unit": "south"})), known=catalogue(prices=(price,)))
    assert found.lines[0].metadata == {"unit": "south", "kind": "licence"}


@pytest.mark.parametrize(
    ("lines", "whose"),
    [
        ((line(), line("il_2")), "sub_1"),
        ((line(), line("il_2", "sub_2")), None),
        ((line(), line("il_2", None)), None),
        ((line(parent=None) | {"subscription": "sub_9"},), "sub_9"),
    ],
)
def test_a_document_is_of_the_subscription_that_all_lines_name(
    lines: tuple[Json, ...], whose: str | None
) -> None:
    total = 1000 * len(lines)
    found = document(invoice(*lines, total=total, amount_remaining=total))
    assert found.subscription_id == whose


SHIPPED: Json = {"amount_subtotal": 500, "amount_tax": 95, "amount_total": 595}


@pytest.mark.parametrize(
    ("cost", "net", "charged", "inclusive"),
    [
        (SHIPPED, 500, 95, False),
        (SHIPPED | {"amount_subtotal": 595}, 500, 95, True),
        (SHIPPED | {"amount_tax": 0, "amount_total": 500}, 500, 0, False),
    ],
)
def test_shipping_is_a_line_of_its_own(cost: Json, net: int, charged: int, inclusive: bool) -> None:
    total = 1000 + net + charged
    found = document(
        invoice(
            shipping_cost=cost | {"shipping_rate": "shr_1"},
            total=total,
            total_excluding_tax=1000 + net,
            amount_remaining=total,
        )
    )
    shipped = found.lines[1]
    assert (shipped.line_id, shipped.item, shipped.price) == ("in_1/shipping", SHIPPING, "shr_1")
    assert (shipped.net, shipped.tax) == (euro(net), euro(charged))
    assert [each.inclusive for each in shipped.taxes or ()] == ([inclusive] if charged else [])
    # It does not take the document away from its subscription.
    assert found.subscription_id == "sub_1"


def test_the_rates_of_shipping_come_with_it() -> None:
    cost = SHIPPED | {"taxes": [{"amount": 95, "rate": VAT, "taxability_reason": None}]}
    found = document(invoice(shipping_cost=cost, total=1595, amount_remaining=1595))
    (charged,) = found.lines[1].taxes or ()
    assert (charged.rate, charged.code, charged.amount) == (Decimal("0.19"), "txr_19", euro(95))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_excluding_tax": 999}, r"in_1 add up to 1000 .* 999 in \$\.total_excluding_tax"),
        ({"total": 1001}, r"in_1 add up to 1000 .* 1001 in \$\.total "),
        ({"shipping_cost": SHIPPED}, r"in_1 add up to 1595 .* 1000 in \$\.total "),
    ],
)
def test_figures_that_disagree_are_refused_with_both(changes: Json, words: str) -> None:
    with pytest.raises(Rejection, match=words) as caught:
        document(invoice(**changes))
    assert (caught.value.reason, caught.value.subject) == (
        RejectionCode.DOCUMENT_INCONSISTENT,
        "in_1",
    )


@pytest.mark.parametrize("amount", [MOST_MINOR + 1, -MOST_MINOR - 1])
def test_an_amount_beyond_any_ledger_is_refused(amount: int) -> None:
    with pytest.raises(Rejection, match="il_1") as caught:
        document(invoice(line(amount=amount), total=amount, amount_remaining=amount))
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE
