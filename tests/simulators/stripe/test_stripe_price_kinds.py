"""Every kind of price that Stripe sells, by the examples of its own documentation."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import TIMES, Child, at, make_timeline, plain, refusal

START = at(2026, 11, 1)
DECEMBER = at(2026, 12, 1)


def price(api: stripe.StripeClient, name: str = "API", **form: Any) -> stripe.Price:
    product = api.v1.products.create({"name": name}).id
    form_of: Any = {"product": product, "currency": "eur", "recurring": {"interval": "month"}}
    return api.v1.prices.create(form_of | form)


def tiers(mode: str, *rows: tuple[int | str, int | None, int | None]) -> dict[str, Any]:
    """(up to, unit amount, flat amount) by tier."""
    found = []
    for upto, unit, flat in rows:
        row: dict[str, Any] = {"up_to": upto}
        if unit is not None:
            row["unit_amount"] = unit
        if flat is not None:
            row["flat_amount"] = flat
        found.append(row)
    return {"billing_scheme": "tiered", "tiers_mode": mode, "tiers": found}


def sold(api: stripe.StripeClient, of: stripe.Price, **item: Any) -> tuple[Any, stripe.Invoice]:
    time = make_timeline(api, START)
    form_of: Any = {"customer": time.customer, "items": [{"price": of.id, **item}]}
    made = api.v1.subscriptions.create(form_of)
    return (time, made), api.v1.invoices.retrieve(str(made.latest_invoice))


def lines(invoice: stripe.Invoice) -> list[tuple[int, int | None]]:
    return [(line.amount, line.quantity) for line in invoice.lines.data]


#: https://docs.stripe.com/products-prices/pricing-models#tiered-pricing
STEPS = ((5, 700, None), (10, 650, None), ("inf", 600, None))
FEES = ((5, 500, 1000), ("inf", 400, 2000))


@pytest.mark.parametrize(
    ("mode", "rows", "quantity", "wanted"),
    [
        ("volume", STEPS, 1, [(700, 1)]),
        ("volume", STEPS, 5, [(3500, 5)]),
        ("volume", STEPS, 6, [(3900, 6)]),
        ("volume", STEPS, 20, [(12_000, 20)]),
        ("volume", STEPS, 0, [(0, 0)]),
        ("graduated", STEPS, 5, [(3500, 5)]),
        ("graduated", STEPS, 6, [(3500, 5), (650, 1)]),
        ("graduated", STEPS, 20, [(3500, 5), (3250, 5), (6000, 10)]),
        ("volume", FEES, 6, [(2400, 6), (2000, 0)]),
        ("graduated", FEES, 6, [(2500, 5), (1000, 0), (400, 1), (2000, 0)]),
        ("graduated", FEES, 0, [(1000, 0)]),
    ],
)
def test_tiers(
    api: stripe.StripeClient,
    mode: str,
    rows: tuple[tuple[int | str, int | None, int | None], ...],
    quantity: int,
    wanted: list[tuple[int, int]],
) -> None:
    _, invoice = sold(api, price(api, **tiers(mode, *rows)), quantity=quantity)
    assert lines(invoice) == wanted
    assert invoice.total == sum(amount for amount, _ in wanted)


def test_tiers_are_shown_when_they_are_asked_for(api: stripe.StripeClient) -> None:
    made = price(api, **tiers("graduated", *FEES))
    assert (made.unit_amount, made.billing_scheme, "tiers" in made) == (None, "tiered", False)
    shown = api.v1.prices.retrieve(made.id, {"expand": ["tiers"]})
    assert [(row.up_to, row.unit_amount, row.flat_amount) for row in shown.tiers or ()] == [
        (5, 500, 1000),
        (None, 400, 2000),
    ]
    (_, found), invoice = sold(api, made, quantity=6)
    assert found["items"].data[0].plan.tiers_mode == "graduated"
    assert invoice.lines.data[0].description == f"5 {TIMES} API (Tier 1 at €5.00 / month)"


def test_a_change_among_tiers_credits_what_all_tiers_charged(api: stripe.StripeClient) -> None:
    (time, made), _ = sold(api, price(api, **tiers("graduated", *STEPS)), quantity=6)
    time.advance(START + (DECEMBER - START) // 2)
    item = made["items"].data[0].id
    api.v1.subscriptions.update(made.id, {"items": [{"id": item, "quantity": 20}]})
    pending = api.v1.invoice_items.list({"customer": time.customer, "pending": True}).data
    assert sorted(each.amount for each in pending) == [-(3500 + 650) // 2, 12_750 // 2]


@pytest.mark.parametrize(
    ("way", "quantity", "amount"), [("up", 11, 2000), ("down", 11, 1000), ("up", 10, 1000)]
)
def test_packages(api: stripe.StripeClient, way: Any, quantity: int, amount: int) -> None:
    made = price(api, unit_amount=1000, transform_quantity={"divide_by": 10, "round": way})
    _, invoice = sold(api, made, quantity=quantity)
    assert lines(invoice) == [(amount, quantity)]
    assert "per 10" in str(invoice.lines.data[0].description)


def test_a_unit_with_decimals_of_a_cent(api: stripe.StripeClient) -> None:
    made = price(api, unit_amount_decimal="0.07525")
    assert made.unit_amount is None
    _, invoice = sold(api, made, quantity=12_345)
    assert lines(invoice) == [(929, 12_345)]


def test_one_price_in_several_currencies(api: stripe.StripeClient) -> None:
    made = price(
        api,
        currency="usd",
        unit_amount=1200,
        currency_options={"eur": {"unit_amount": 1000}, "jpy": {"unit_amount": 1500}},
    )
    shown = api.v1.prices.retrieve(made.id, {"expand": ["currency_options"]})
    options = plain(shown)["currency_options"]
    assert {code: each["unit_amount"] for code, each in options.items()} == {
        "usd": 1200,
        "eur": 1000,
        "jpy": 1500,
    }
    time = make_timeline(api, START)
    form: Any = {"customer": time.customer, "items": [{"price": made.id, "quantity": 2}]}
    found = api.v1.subscriptions.create(form | {"currency": "eur"})
    invoice = api.v1.invoices.retrieve(str(found.latest_invoice))
    assert (found.currency, invoice.currency, invoice.total) == ("eur", "eur", 2000)
    assert found["items"].data[0].price.currency == "usd"
    other = make_timeline(api, START)
    refused = refusal(
        api.v1.subscriptions.create, form | {"customer": other.customer, "currency": "gbp"}
    )
    assert "currency" in str(refused)


@pytest.fixture
def meter(api: stripe.StripeClient, request: pytest.FixtureRequest) -> stripe.billing.Meter:
    form: Any = {
        "display_name": "Tokens",
        "event_name": f"tokens_{request.node.name[:60]}",
        "default_aggregation": {"formula": "sum"},
    }
    return api.v1.billing.meters.create(form)


def used(
    api: stripe.StripeClient, meter: stripe.billing.Meter, customer: str, when: int, value: str
) -> stripe.billing.MeterEvent:
    return api.v1.billing.meter_events.create(
        {
            "event_name": meter.event_name,
            "payload": {"stripe_customer_id": customer, "value": value},
            "timestamp": when,
        }
    )


def metered(api: stripe.StripeClient, meter: stripe.billing.Meter, **form: Any) -> stripe.Price:
    how: Any = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    return price(api, "Tokens", recurring=how, **form)


def test_usage_is_charged_once_its_period_is_over(
    api: stripe.StripeClient, meter: stripe.billing.Meter
) -> None:
    (time, made), first = sold(api, metered(api, meter, unit_amount_decimal="0.001"))
    assert (first.total, lines(first)) == (0, [(0, 0)])
    assert "quantity" not in made["items"].data[0]
    time.advance(START + 86_400)
    used(api, meter, time.customer, START + 3600, "13580246790")
    wrong = used(api, meter, time.customer, START + 7200, "5")
    adjustment: Any = {
        "event_name": meter.event_name,
        "type": "cancel",
        "cancel": {"identifier": wrong.identifier},
    }
    api.v1.billing.meter_event_adjustments.create(adjustment)
    (told,) = api.v1.billing.meters.event_summaries.list(
        meter.id, {"customer": time.customer, "start_time": START, "end_time": DECEMBER}
    ).data
    assert told.aggregated_value == 13_580_246_790
    time.advance(DECEMBER + 2 * 3600)
    newest = api.v1.subscriptions.retrieve(made.id).latest_invoice
    invoice = api.v1.invoices.retrieve(str(newest))
    assert lines(invoice) == [(13_580_247, 13_580_246_790)]
    period = invoice.lines.data[0].period
    assert (period.start, period.end) == (START, DECEMBER)
    assert invoice.status == "paid"


def test_usage_by_tiers_and_what_is_used_until_a_cancellation(
    api: stripe.StripeClient, meter: stripe.billing.Meter
) -> None:
    rows = ((100, 10, None), ("inf", 5, None))
    (time, made), _ = sold(api, metered(api, meter, **tiers("graduated", *rows)))
    time.advance(START + 10 * 86_400)
    used(api, meter, time.customer, START + 3600, "130")
    upcoming = api.v1.invoices.create_preview({"subscription": made.id})
    assert lines(upcoming) == [(1000, 100), (150, 30)]
    ended = api.v1.subscriptions.cancel(made.id, {"invoice_now": True})
    invoice = api.v1.invoices.retrieve(str(ended.latest_invoice))
    assert lines(invoice) == [(1000, 100), (150, 30)]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"billing_scheme": "tiered", "tiers_mode": "volume"}, "tiers"),
        (tiers("volume", (5, 1, None)), "goes to inf"),
        (tiers("volume", ("inf", None, None)), "unit_amount or a flat_amount"),
        (
            {"unit_amount": 5, "recurring": {"interval": "month", "usage_type": "metered"}},
            "names the meter",
        ),
    ],
)
def test_what_is_no_price_is_refused(
    api: stripe.StripeClient, form: dict[str, Any], words: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words):
        price(api, **form)


def test_what_is_no_usage_is_refused(
    api: stripe.StripeClient, meter: stripe.billing.Meter, sim: Child
) -> None:
    (time, made), _ = sold(api, metered(api, meter, unit_amount=1))
    form: Any = {
        "event_name": meter.event_name,
        "payload": {"stripe_customer_id": time.customer, "value": "5"},
    }
    api.v1.billing.meter_events.create(form | {"identifier": f"one-{meter.id}"})
    for change, words in (
        ({"identifier": f"one-{meter.id}"}, "already exists"),
        ({"event_name": "unheard of"}, "No active meter"),
        ({"timestamp": START - 40 * 86_400}, "35 days"),
        ({"payload": {"stripe_customer_id": time.customer, "value": "many"}}, "number"),
        ({"payload": {"stripe_customer_id": "cus_none", "value": "1"}}, "No such customer"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words):
            api.v1.billing.meter_events.create(form | change)
    item = made["items"].data[0].id
    assert "quantity" in str(refusal(api.v1.subscription_items.update, item, {"quantity": 2}))
    api.v1.billing.meters.deactivate(meter.id)
    with pytest.raises(stripe.InvalidRequestError, match="No active meter"):
        api.v1.billing.meter_events.create(form)
    assert api.v1.billing.meters.reactivate(meter.id).status == "active"
