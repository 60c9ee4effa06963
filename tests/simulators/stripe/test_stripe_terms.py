"""Long terms, anchors that months do not have, and collections that are paused or ends undone."""

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Shop, at, last_event, make_timeline


def price(api: stripe.StripeClient, shop: Shop, interval: str, count: int) -> str:
    recurring: object = {"interval": interval, "interval_count": count}
    form: object = {
        "product": shop.product,
        "currency": "eur",
        "unit_amount": 12000,
        "recurring": recurring,
    }
    return api.v1.prices.create(form).id  # type: ignore[arg-type]  # put together here


@pytest.mark.parametrize(
    ("start", "interval", "count", "starts"),
    [
        # Yearly from a leap day: clamped to 28 Feb, and 29 Feb again in the next leap year.
        (
            at(2024, 2, 29, 12),
            "year",
            1,
            [at(2025, 2, 28, 12), at(2026, 2, 28, 12), at(2027, 2, 28, 12), at(2028, 2, 29, 12)],
        ),
        (at(2024, 2, 29), "year", 2, [at(2026, 2, 28), at(2028, 2, 29)]),
        (at(2024, 2, 29), "year", 3, [at(2027, 2, 28), at(2030, 2, 28)]),
        (at(2025, 1, 31), "month", 1, [at(2025, 2, 28), at(2025, 3, 31), at(2025, 4, 30)]),
        (at(2024, 1, 31), "month", 1, [at(2024, 2, 29), at(2024, 3, 31)]),
        (at(2025, 1, 31), "month", 13, [at(2026, 2, 28), at(2027, 3, 31)]),
        (at(2025, 8, 30, 23, 59, 59), "month", 6, [at(2026, 2, 28, 23, 59, 59)]),
        (at(2025, 12, 31), "week", 2, [at(2026, 1, 14), at(2026, 1, 28)]),
    ],
)
def test_terms_keep_the_day_they_began_on(
    api: stripe.StripeClient, shop: Shop, start: int, interval: str, count: int, starts: list[int]
) -> None:
    timeline = make_timeline(api, start)
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": price(api, shop, interval, count)}]}
    )
    begun = [start]
    for expected in starts:
        assert sold["items"].data[0].current_period_end == expected
        timeline.advance(expected - 1)
        same = api.v1.subscriptions.retrieve(sold.id)
        assert same["items"].data[0].current_period_start == begun[-1]
        timeline.advance(expected)
        sold = api.v1.subscriptions.retrieve(sold.id)
        assert sold["items"].data[0].current_period_start == expected
        begun.append(expected)
    assert sold.billing_cycle_anchor == start
    lines = [
        invoice.lines.data[0].period.start
        for invoice in api.v1.invoices.list({"subscription": sold.id}).data
    ]
    assert list(reversed(lines)) == begun


def test_three_years_are_the_longest_interval(api: stripe.StripeClient, shop: Shop) -> None:
    for interval, count in (("year", 4), ("month", 37), ("week", 157), ("day", 1096)):
        with pytest.raises(stripe.InvalidRequestError):
            price(api, shop, interval, count)


def test_events_say_what_a_pause_replaced(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )

    def previous() -> object:
        event = last_event(api, "customer.subscription.updated")
        assert event["data"]["object"]["id"] == sold.id
        return event["data"]["previous_attributes"]

    api.v1.subscriptions.update(sold.id, {"pause_collection": {"behavior": "void"}})
    assert previous() == {"pause_collection": None}
    until = at(2026, 11, 20)
    api.v1.subscriptions.update(
        sold.id, {"pause_collection": {"behavior": "void", "resumes_at": until}}
    )
    assert previous() == {"pause_collection": {"resumes_at": None}}
    timeline.advance(until)
    assert previous() == {"pause_collection": {"behavior": "void", "resumes_at": until}}
    api.v1.subscriptions.update(sold.id, {"pause_collection": {"behavior": "keep_as_draft"}})
    api.v1.subscriptions.update(sold.id, {"pause_collection": ""})
    assert previous() == {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": None}}


def test_an_end_that_is_taken_back_renews(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 1, 31))
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": price(api, shop, "year", 2)}]}
    )
    ending = api.v1.subscriptions.update(sold.id, {"cancel_at_period_end": True})
    assert ending.cancel_at == at(2028, 1, 31)
    kept = api.v1.subscriptions.update(sold.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    event = last_event(api, "customer.subscription.updated")
    previous = event["data"]["previous_attributes"]
    assert set(previous) >= {"cancel_at", "cancel_at_period_end", "canceled_at"}
    timeline.advance(at(2028, 1, 31, 1))
    renewed = api.v1.subscriptions.retrieve(sold.id)
    assert (renewed.status, renewed["items"].data[0].current_period_end) == (
        "active",
        at(2030, 1, 31),
    )
