"""Stripe's objects, as JSON, into canonical ones."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import stripe
from pydantic import ValidationError

from canonical_models.commerce import BillingSnapshot, SubscriptionStatus, SyncMark
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import wire
from connectors.stripe.mapping import mark_metadata, snapshot_of

Json = dict[str, Any]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
JAN, FEB, MAR = 1767225600, 1769904000, 1772323200


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def price(**changes: Any) -> Json:
    plain = {
        "id": "price_pro",
        "object": "price",
        "currency": "eur",
        "product": "prod_pro",
        "billing_scheme": "per_unit",
        "unit_amount": 4900,
        "unit_amount_decimal": "4900",
    }
    return plain | changes


def item(**changes: Any) -> Json:
    plain = {
        "id": "si_1",
        "price": price(),
        "quantity": 3,
        "current_period_start": JAN,
        "current_period_end": FEB,
    }
    return plain | changes


def subscription(**changes: Any) -> Json:
    plain = {
        "id": "sub_1",
        "object": "subscription",
        "customer": {"id": "cus_1", "currency": "eur", "address": {"country": "DE"}},
        "status": "active",
        "currency": "eur",
        "items": {"object": "list", "data": [item()], "has_more": False},
        "start_date": JAN,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
        "default_tax_rates": [],
        "test_clock": None,
    }
    return plain | changes


def read(found: Json) -> BillingSnapshot:
    parsed = wire.Subscription.model_validate(found)
    return snapshot_of(parsed, parsed.items.data, [], [], [], [], now=NOW)


def test_a_subscription_with_an_item() -> None:
    found = read(subscription()).subscription
    assert found.subscription_id == "sub_1"
    assert found.customer.model_dump() == {
        "customer_id": "cus_1",
        "currency": "EUR",
        "tax_country": "DE",
    }
    assert found.started_at == at(JAN)
    assert (found.ends_at, found.ended_at, found.as_of) == (None, None, NOW)
    (held,) = found.items
    assert (held.plan.plan_id, held.plan.item) == ("price_pro", "prod_pro")
    assert held.plan.unit_price == Money.of("49.00", "EUR")
    assert (held.quantity, held.period_start, held.period_end) == (3, at(JAN), at(FEB))


STATUSES = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "unpaid": SubscriptionStatus.PAUSED,
    "paused": SubscriptionStatus.PAUSED,
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.CANCELLED,
    "canceled": SubscriptionStatus.CANCELLED,
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status(status: str) -> None:
    assert read(subscription(status=status)).subscription.status is STATUSES[status]


@pytest.mark.parametrize(
    ("status", "behavior", "mapped"),
    [
        ("active", "void", SubscriptionStatus.PAUSED),
        ("trialing", "void", SubscriptionStatus.PAUSED),
        ("past_due", "void", SubscriptionStatus.PAUSED),
        ("canceled", "void", SubscriptionStatus.CANCELLED),
        ("incomplete", "void", SubscriptionStatus.INCOMPLETE),
        ("active", "keep_as_draft", SubscriptionStatus.ACTIVE),
        ("past_due", "mark_uncollectible", SubscriptionStatus.PAST_DUE),
    ],
)
def test_collection_that_is_paused(status: str, behavior: str, mapped: SubscriptionStatus) -> None:
    paused = subscription(status=status, pause_collection={"behavior": behavior})
    assert read(paused).subscription.status is mapped


def test_an_unknown_status_is_drift() -> None:
    with pytest.raises(ContractDrift, match="sub_1") as caught:
        read(subscription(status="dormant"))
    assert caught.value.payload_path == "$.status"


def test_the_statuses_are_those_of_the_sdk() -> None:
    hint = stripe.Subscription.__annotations__["status"]
    named = {value for part in get_args(hint) for value in get_args(part)}
    assert named == set(STATUSES)


@pytest.mark.parametrize(
    ("changes", "ends", "ended"),
    [
        ({"cancel_at": MAR}, MAR, None),
        ({"cancel_at": FEB, "cancel_at_period_end": True}, FEB, None),
        ({"cancel_at_period_end": True}, FEB, None),
        ({"status": "canceled", "ended_at": FEB}, None, FEB),
    ],
)
def test_when_it_ends(changes: Json, ends: int | None, ended: int | None) -> None:
    found = read(subscription(**changes)).subscription
    assert found.ends_at == (None if ends is None else at(ends))
    assert found.ended_at == (None if ended is None else at(ended))


@pytest.mark.parametrize(
    ("customer", "country"),
    [
        ({"tax": {"location": {"country": "FR"}}, "address": {"country": "DE"}}, "FR"),
        ({"tax": {"location": None}, "address": {"country": "DE"}}, "DE"),
        ({"address": {"country": "Germany"}}, None),
        ({"address": None}, None),
        ({"deleted": True}, None),
    ],
)
def test_the_tax_country(customer: Json, country: str | None) -> None:
    found = read(subscription(customer={"id": "cus_1"} | customer))
    assert found.subscription.customer.tax_country == country


def test_a_test_clock_tells_the_time() -> None:
    found = read(subscription(test_clock={"id": "clock_1", "frozen_time": FEB}))
    assert found.subscription.as_of == at(FEB)


def with_price(**changes: Any) -> Json:
    return subscription(items={"data": [item(price=price(**changes))], "has_more": False})


@pytest.mark.parametrize(("amount", "minor"), [("12.5", 13), ("0.4", 0), ("4900", 4900)])
def test_a_price_finer_than_a_cent_is_rounded(amount: str, minor: int) -> None:
    found = read(with_price(unit_amount=None, unit_amount_decimal=amount))
    assert found.subscription.items[0].plan.unit_price.minor == minor


def test_a_tiered_price_is_rejected_by_name() -> None:
    tiered = with_price(unit_amount=None, unit_amount_decimal=None, billing_scheme="tiered")
    with pytest.raises(Rejection, match="price_pro is tiered") as caught:
        read(tiered)
    assert caught.value.subject == "price_pro"


def test_a_price_without_an_amount_is_drift() -> None:
    with pytest.raises(ContractDrift, match="price_pro"):
        read(with_price(unit_amount=None, unit_amount_decimal=None))


@pytest.mark.parametrize("amount", ["much", "NaN", "", "1e999999999", "1.5\n", "9" * 19])
def test_what_is_no_amount_is_found_on_reading(amount: str) -> None:
    with pytest.raises(ValidationError):
        read(with_price(unit_amount=None, unit_amount_decimal=amount))


def test_a_price_of_another_currency_is_rejected() -> None:
    with pytest.raises(Rejection) as caught:
        read(with_price(currency="usd"))
    assert caught.value.reason is RejectionCode.CURRENCY_MISMATCH


def test_the_mark_goes_there_and_back() -> None:
    mark = SyncMark(change_id="chg_1", state="synchronised", erp_document="INV-7")
    assert read(subscription(metadata=mark_metadata(mark) | {"theirs": "x"})).mark == mark


def test_a_mark_without_a_document_removes_the_old_one() -> None:
    mark = SyncMark(change_id="chg_1", state="compensated")
    assert mark_metadata(mark)["trueup_erp_document"] == ""
    assert read(subscription(metadata=mark_metadata(mark))).mark == mark


@pytest.mark.parametrize(
    "metadata", [{}, {"trueup_state": "x"}, {"trueup_change": "two words", "trueup_state": "x"}]
)
def test_what_is_no_mark_of_ours_is_none(metadata: Json) -> None:
    assert read(subscription(metadata=metadata)).mark is None
