"""What is not billed yet: Stripe's prediction of it, which never stops anything."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.documents import Unbilled
from connectors.stripe.lines import UNPRICED
from connectors.stripe.unbilled import TAX_INSIDE, Draft, unbilled_of
from connectors.stripe.wire_documents import Invoice, InvoiceItem
from connectors.stripe.wire_subscriptions import Subscription
from tests.unit.stripe.objects import (
    FEB,
    JAN,
    MAR,
    PRICING,
    VAT,
    Json,
    at,
    catalogue,
    euro,
    invoice,
    line,
    tax,
)

OWN = {"subscription_details": {"subscription": "sub_1", "subscription_item": "si_1"}}


def subscription(**changes: Any) -> Json:
    price = {
        "id": "price_pro",
        "currency": "eur",
        "product": "prod_pro",
        "billing_scheme": "per_unit",
        "unit_amount": 1000,
    }
    item = {
        "id": "si_1",
        "price": price,
        "quantity": 1,
        "current_period_start": JAN,
        "current_period_end": FEB,
    }
    plain: Json = {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": {"data": [item], "has_more": False},
        "start_date": JAN,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
    }
    return plain | changes


def pending(**changes: Any) -> Json:
    plain: Json = {
        "id": "ii_1",
        "amount": 1190,
        "net_amount": None,
        "currency": "eur",
        "description": "Remaining time on Pro",
        "parent": OWN,
        "period": {"start": JAN, "end": FEB},
        "pricing": PRICING,
        "proration": True,
        "quantity": 2,
        "tax_rates": [],
    }
    return plain | changes


def read(*items: Json, drafts: tuple[Json, ...] = (), of: Json | None = None) -> Unbilled:
    held = Subscription.model_validate(of or subscription())
    found = [Invoice.model_validate(draft) for draft in drafts]
    return unbilled_of(
        held,
        held.items.data,
        [InvoiceItem.model_validate(item) for item in items],
        [Draft(draft, draft.lines.data) for draft in found],
        known=catalogue(VAT),
    )


def test_a_pending_item() -> None:
    (found,) = read(pending()).lines
    assert (found.line_id, found.item, found.price) == ("ii_1", "prod_pro", "price_pro")
    assert (found.net, found.taxes, found.discount) == (euro(1190), None, None)
    assert (found.proration, found.quantity) == (True, Decimal(2))
    assert (found.subscription_id, found.item_id) == ("sub_1", "si_1")
    assert (found.period_start, found.period_end) == (at(JAN), at(FEB))


@pytest.mark.parametrize(
    ("amount", "net_amount", "net", "off"),
    [
        # Stripe shows prorations with their discounts beside, and edits as they were meant.
        (1190, 990, 990, 200),
        (0, 0, 0, None),
        (1190, 0, 0, 1190),
        (-1190, -990, -990, -200),
        (1190, None, 1190, None),
    ],
)
def test_the_net_amount_is_what_stripe_predicts(
    amount: int, net_amount: int | None, net: int, off: int | None
) -> None:
    (found,) = read(pending(amount=amount, net_amount=net_amount)).lines
    assert found.net == euro(net)
    assert found.discount == (None if off is None else euro(off))


INSIDE = VAT | {"inclusive": True}


@pytest.mark.parametrize(
    ("item", "of", "net"),
    [
        ({"tax_rates": [INSIDE]}, {}, 1000),
        ({}, {"default_tax_rates": [INSIDE]}, 1000),
        ({"tax_rates": [VAT]}, {"default_tax_rates": [INSIDE]}, 1190),
        ({"tax_rates": [INSIDE], "net_amount": 595}, {}, 500),
        ({"tax_rates": [INSIDE]}, {"customer": {"id": "cus_1", "tax_exempt": "reverse"}}, 1190),
        ({"tax_rates": [INSIDE]}, {"customer": {"id": "cus_1", "tax_exempt": "exempt"}}, 1190),
        # What Stripe Tax will find is not known; what can be told is told.
        ({}, {"automatic_tax": {"enabled": True}}, 1190),
        ({}, {"customer": {"id": "cus_1", "deleted": True}}, 1190),
    ],
)
def test_the_net_of_an_amount_that_contains_its_tax(item: Json, of: Json, net: int) -> None:
    (found,) = read(pending(**item), of=subscription(**of)).lines
    assert (found.net, found.taxes) == (euro(net), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"parent": {"subscription_details": {"subscription": "sub_2"}}},
        {"parent": None},
        {"currency": "usd"},
        {"amount": 10**16},
    ],
)
def test_what_is_of_others_or_cannot_be_told_is_left_out(changes: Json) -> None:
    assert read(pending(**changes)) == Unbilled()


def from_item(key: str, item: str | None, **changes: Any) -> Json:
    details = {"invoice_item": item, "proration": True, "subscription": "sub_1"}
    parent = {"subscription_item_details": details | {"subscription_item": "si_1"}}
    return line(key, parent=parent, **changes)


def draft(*lines: Json, **changes: Any) -> Json:
    return invoice(*lines, status="draft", number=None, status_transitions={}, **changes)


def test_an_item_is_the_same_line_before_and_on_a_draft() -> None:
    drawn = draft(from_item("il_1", "ii_1", amount=1190), line("il_2"))
    found = read(pending(), drafts=(drawn,))
    assert [each.line_id for each in found.lines] == ["ii_1", "il_2"]
    assert [each.net for each in found.lines] == [euro(1190), euro(1000)]


def test_a_draft_shows_its_taxes_once_it_has_some() -> None:
    taxed = draft(line("il_1", taxes=[tax(190)]), line("il_2", taxes=[]))
    first, second = read(drafts=(taxed,)).lines
    assert (first.tax, second.taxes) == (euro(190), None)
    assert [each.rate for each in first.taxes or ()] == [Decimal("0.19")]


def test_a_draft_line_is_shown_after_its_discount() -> None:
    drawn = draft(
        line("il_1", amount=1000, discount_amounts=[{"amount": 200}]), line("il_2", amount=10**16)
    )
    (found,) = read(drafts=(drawn,)).lines
    assert (found.net, found.discount) == (euro(800), euro(200))


def test_what_has_no_product_has_an_item_that_can_be_mapped() -> None:
    (found,) = read(pending(pricing=None, description=None)).lines
    assert (found.item, found.description) == (UNPRICED, "")


def test_an_inclusive_tax_that_is_a_flat_amount_is_said_to_be_unknown() -> None:
    flat = INSIDE | {"id": "txr_flat", "percentage": None}
    (found,) = read(pending(tax_rates=[INSIDE, flat], description="x" * 600)).lines
    assert found.net == euro(1190)
    assert found.description.endswith(TAX_INSIDE)
    assert len(found.description) == 500


FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("drafts", "of", "expected"),
    [
        ((), {}, FEBRUARY),
        ((), {"next_pending_invoice_item_invoice": MAR}, MARCH),
        ((), {"status": "canceled"}, None),
        ((draft(line(), automatically_finalizes_at=MAR),), {}, MARCH),
        ((draft(line()),), {}, None),
    ],
)
def test_when_it_will_be_billed(drafts: tuple[Json, ...], of: Json, expected: date | None) -> None:
    assert read(pending(), drafts=drafts, of=subscription(**of)).expected_on == expected
    # Nothing is expected of nothing.
    assert read(of=subscription(**of)).expected_on is None


@given(st.permutations(["ii_1", "ii_2", "ii_3", "ii_4"]))
def test_the_order_of_the_answers_does_not_matter(order: list[str]) -> None:
    found = read(*(pending(id=key) for key in order))
    assert [each.line_id for each in found.lines] == ["ii_1", "ii_2", "ii_3", "ii_4"]
