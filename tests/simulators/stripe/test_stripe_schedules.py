"""Changes agreed ahead: phases in their time, and what comes after the last."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Shop, Timeline, at, make_timeline

NOVEMBER, DECEMBER, JANUARY = at(2026, 11, 1), at(2026, 12, 1), at(2027, 1, 1)
FEBRUARY = at(2027, 2, 1)


def phase(price: str, quantity: int = 1, months: int = 1, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "items": [{"price": price, "quantity": quantity}],
        "duration": {"interval": "month", "interval_count": months},
    }
    return plain | more


def planned(api: stripe.StripeClient, time: Timeline, *phases: Any, **more: Any) -> Any:
    form: Any = {"customer": time.customer, "start_date": "now", "phases": list(phases), **more}
    return api.v1.subscription_schedules.create(form)


def held(api: stripe.StripeClient, key: str) -> list[tuple[str, int]]:
    found = api.v1.subscriptions.retrieve(key)
    return [(item.price.id, item["quantity"]) for item in found["items"].data]


def totals(api: stripe.StripeClient, key: str) -> list[int]:
    return [one.total for one in api.v1.invoices.list({"subscription": key}).data[::-1]]


def test_a_ramp_is_billed_phase_by_phase_and_released(api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    plan = planned(api, time, phase(shop.basic), phase(shop.basic, 3), phase(shop.pro))
    key = plan.subscription
    assert (plan.status, held(api, key)) == ("active", [(shop.basic, 1)])
    assert api.v1.subscriptions.retrieve(key).schedule == plan.id
    time.advance(DECEMBER + 7200)
    assert held(api, key) == [(shop.basic, 3)]
    time.advance(JANUARY + 7200)
    assert held(api, key) == [(shop.pro, 1)]
    assert totals(api, key) == [1000, 3000, 2500]
    time.advance(FEBRUARY + 7200)
    done = api.v1.subscription_schedules.retrieve(plan.id)
    assert (done.status, done.released_subscription) == ("released", key)
    assert totals(api, key) == [1000, 3000, 2500, 2500]
    assert api.v1.subscriptions.retrieve(key).schedule is None
    kinds = [each.type for each in api.v1.events.list({"limit": 100}).data]
    assert {"subscription_schedule.created", "subscription_schedule.released"} <= {*kinds}


def test_it_may_end_with_the_last_phase(api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    plan = planned(api, time, phase(shop.basic), end_behavior="cancel")
    time.advance(DECEMBER + 7200)
    assert api.v1.subscription_schedules.retrieve(plan.id).status == "completed"
    assert api.v1.subscriptions.retrieve(plan.subscription).status == "canceled"
    assert totals(api, plan.subscription) == [1000]


def test_one_that_begins_later_and_one_in_the_middle_of_a_period(
    api: stripe.StripeClient, shop: Shop
) -> None:
    time = make_timeline(api, NOVEMBER)
    half = NOVEMBER + (DECEMBER - NOVEMBER) // 2
    form: Any = {
        "customer": time.customer,
        "start_date": NOVEMBER + 3600,
        "phases": [
            {"items": [{"price": shop.basic}], "end_date": half + 3600},
            phase(shop.pro, proration_behavior="always_invoice"),
        ],
    }
    plan = api.v1.subscription_schedules.create(form)
    assert (plan.status, plan.subscription) == ("not_started", None)
    time.advance(half + 7200)
    begun = api.v1.subscription_schedules.retrieve(plan.id)
    assert begun.status == "active"
    # Half a month of each: a credit of 5, and a charge of 12.50.
    assert totals(api, str(begun.subscription)) == [1000, 750]


def test_a_schedule_of_a_subscription_that_is_there(api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    sold = api.v1.subscriptions.create(
        {"customer": time.customer, "items": [{"price": shop.basic}]}
    )
    plan = api.v1.subscription_schedules.create({"from_subscription": sold.id})
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        api.v1.subscription_schedules.create({"from_subscription": sold.id})
    first = plan.phases[0]
    phases: Any = [
        {
            "items": [{"price": shop.basic, "quantity": 1}],
            "start_date": first.start_date,
            "end_date": first.end_date,
        },
        phase(shop.yearly),
    ]
    api.v1.subscription_schedules.update(plan.id, {"phases": phases})
    time.advance(DECEMBER + 7200)
    assert totals(api, sold.id) == [1000, 9000]
    ended = api.v1.subscription_schedules.cancel(plan.id)
    assert (ended.status, api.v1.subscriptions.retrieve(sold.id).status) == ("canceled",) * 2
    with pytest.raises(stripe.InvalidRequestError, match="that is canceled"):
        api.v1.subscription_schedules.release(plan.id)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"duration": None}, "duration or an end_date"),
        ({"start_date": FEBRUARY}, "without a gap"),
        ({"duration": None, "end_date": NOVEMBER - 5}, "ends after it starts"),
    ],
)
def test_what_is_no_phase_is_refused(
    api: stripe.StripeClient, shop: Shop, change: dict[str, Any], words: str
) -> None:
    wrong = {k: v for k, v in (phase(shop.basic) | change).items() if v is not None}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        planned(api, make_timeline(api, NOVEMBER), wrong)
