"""Stripe's subscriptions, as JSON, into canonical ones."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import stripe

from canonical_models.commerce import Subscription, SubscriptionStatus, SyncMetadata
from canonical_models.money import Money
from connectors.stripe import wire_subscriptions as wire
from connectors.stripe.mapping import subscription_of, sync_metadata, sync_of
from connectors.stripe.wire_documents import Invoice

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


def read(found: Json) -> Subscription:
    parsed = wire.Subscription.model_validate(found)
    return subscription_of(parsed, parsed.items.data, as_of=NOW)


def test_a_subscription_with_an_item() -> None:
    found = read(subscription())
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
    assert read(subscription(status=status)).status is STATUSES[status]


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
    assert read(paused).status is mapped


def test_the_statuses_are_those_of_the_sdk() -> None:
    trigger = stripe.Subscription.__annotations__["status"]
    named = {value for part in get_args(trigger) for value in get_args(part)}
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
    found = read(subscription(**changes))
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
    assert found.customer.tax_country == country


def with_price(**changes: Any) -> Json:
    return subscription(items={"data": [item(price=price(**changes))], "has_more": False})


@pytest.mark.parametrize(
    ("changes", "minor"),
    [
        ({"unit_amount": None, "unit_amount_decimal": "12.5"}, 13),
        ({"unit_amount": None, "unit_amount_decimal": "0.4"}, 0),
        ({"unit_amount": None, "unit_amount_decimal": "4900"}, 4900),
        ({"recurring": {"usage_type": "licensed"}}, 4900),
        # What has no price for one unit, or none in this currency, is told without one.
        ({"unit_amount": None, "unit_amount_decimal": None}, None),
        (
            {"unit_amount": None, "unit_amount_decimal": None, "billing_scheme": "tiered"},
            None,
        ),
        ({"recurring": {"usage_type": "metered"}}, None),
        ({"transform_quantity": {"divide_by": 100, "round": "up"}}, None),
        ({"currency": "usd"}, None),
        ({"unit_amount": 10**16}, None),
    ],
)
def test_a_price_is_for_comparing_alone(changes: Json, minor: int | None) -> None:
    price_of_one = read(with_price(**changes)).items[0].plan.unit_price
    assert price_of_one == (None if minor is None else Money(minor=minor, currency="EUR"))


@pytest.mark.parametrize("amount", ["much", "NaN", "", "1e999999999", "1.5\n"])
def test_what_is_no_amount_is_not_shown_and_stops_nothing(amount: str) -> None:
    found = read(with_price(unit_amount=None, unit_amount_decimal=amount))
    assert found.items[0].plan.unit_price is None


@pytest.mark.parametrize(("told", "units"), [(None, 1), (0, 0), (7, 7), (10**12, 10**9)])
def test_usage_is_given_once_and_no_quantity_is_refused(told: int | None, units: int) -> None:
    found = read(subscription(items={"data": [item(quantity=told)], "has_more": False}))
    assert found.items[0].quantity == units


@pytest.mark.parametrize(
    "latest", [None, "in_1", {"id": "in_1", "object": "invoice", "deleted": True}]
)
def test_a_newest_invoice_that_is_gone_is_told_by_its_id(latest: object) -> None:
    found = wire.Subscription.model_validate(subscription(latest_invoice=latest))
    assert not isinstance(found.latest_invoice, Invoice)


def test_metadata_is_theirs_and_not_our_mark() -> None:
    found = read(subscription(metadata={"unit": "north", "trueup_state": "x"}))
    assert found.metadata == {"unit": "north"}


def test_the_mark_goes_there_and_back() -> None:
    sync = SyncMetadata(change_id="chg_1", state="synchronised", erp_document="INV-7")
    assert sync_of(sync_metadata(sync) | {"theirs": "x"}) == sync


def test_a_mark_without_a_document_removes_the_old_one() -> None:
    sync = SyncMetadata(change_id="chg_1", state="compensated")
    assert sync_metadata(sync)["trueup_erp_document"] == ""
    assert sync_of(sync_metadata(sync)) == sync


@pytest.mark.parametrize(
    "metadata", [{}, {"trueup_state": "x"}, {"trueup_change": "two words", "trueup_state": "x"}]
)
def test_what_is_no_mark_of_ours_is_none(metadata: dict[str, str]) -> None:
    assert sync_of(metadata) is None
