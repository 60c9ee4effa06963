"""Credit for usage: used up in its order, before tax, given back by a void."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Timeline, at, make_timeline, new_rate, plain, refusal

NOVEMBER, DECEMBER = at(2026, 11, 1), at(2026, 12, 1)


def granted(api: stripe.StripeClient, customer: str, value: int, **more: Any) -> Any:
    form: Any = {
        "customer": customer,
        "amount": {"type": "monetary", "monetary": {"currency": "eur", "value": value}},
        "applicability_config": {"scope": {"price_type": "metered"}},
        "category": "paid",
    }
    return api.v1.billing.credit_grants.create(form | more)


def left(api: stripe.StripeClient, customer: str) -> list[int]:
    form: Any = {
        "customer": customer,
        "filter": {"type": "applicability_scope", "applicability_scope": {"price_type": "metered"}},
    }
    found = plain(api.v1.billing.credit_balance_summary.retrieve(form))
    return [one["available_balance"]["monetary"]["value"] for one in found["balances"]]


def using(api: stripe.StripeClient, **subscription: Any) -> tuple[Timeline, str, str]:
    """A customer who has used 1000 units at a cent, beside a seat of ten euros."""
    time = make_timeline(api, NOVEMBER)
    product = api.v1.products.create({"name": "Calls"}).id
    name = f"calls_{product}"
    meter = api.v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": name,
            "default_aggregation": {"formula": "sum"},
        }
    )
    how: Any = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    price = api.v1.prices.create(
        {"product": product, "currency": "eur", "unit_amount": 1, "recurring": how}
    )
    seat = api.v1.prices.create(
        {
            "product": product,
            "currency": "eur",
            "unit_amount": 1000,
            "recurring": {"interval": "month"},
        }
    )
    form: Any = {
        "customer": time.customer,
        "items": [{"price": price.id}, {"price": seat.id}],
        "collection_method": "send_invoice",
        "days_until_due": 30,
    }
    sold = api.v1.subscriptions.create(form | subscription)
    api.v1.billing.meter_events.create(
        {
            "event_name": name,
            "payload": {"stripe_customer_id": time.customer, "value": "1000"},
            "timestamp": NOVEMBER,
        }
    )
    return time, sold.id, price.id


def renewed(api: stripe.StripeClient, time: Timeline, sold: str) -> stripe.Invoice:
    time.advance(DECEMBER + 7200)
    return api.v1.invoices.list({"subscription": sold, "limit": 1}).data[0]


def test_it_takes_off_usage_alone_and_before_tax(api: stripe.StripeClient) -> None:
    time, sold, _ = using(api, default_tax_rates=[new_rate(api)])
    last = granted(api, time.customer, 500, priority=90)
    first = granted(api, time.customer, 300, priority=10, category="promotional")
    invoice = renewed(api, time, sold)
    # 10 of usage less 8, and 10 for the seat, with 19 % on both.
    assert (invoice.total_excluding_tax, invoice.total) == (1200, 1428)
    (usage,) = [line for line in invoice.lines.data if line.amount == 1000 and line.quantity != 1]
    assert [one.amount for one in usage.pretax_credit_amounts or ()] == [300, 500]
    used = [one.credit_balance_transaction for one in usage.pretax_credit_amounts or ()]
    moves = [api.v1.billing.credit_balance_transactions.retrieve(str(one)) for one in used]
    assert [move.credit_grant for move in moves] == [first.id, last.id]
    assert left(api, time.customer) == [0]

    api.v1.invoices.void_invoice(invoice.id)
    assert left(api, time.customer) == [800]
    assert (
        len(api.v1.billing.credit_balance_transactions.list({"customer": time.customer}).data) == 6
    )


def test_what_is_not_covered_or_not_in_force_is_left_alone(api: stripe.StripeClient) -> None:
    time, sold, price = using(api)
    other: Any = {"applicability_config": {"scope": {"prices": [{"id": price}]}}}
    granted(api, time.customer, 200, **other)
    api.v1.billing.credit_grants.expire(granted(api, time.customer, 5000).id)
    api.v1.billing.credit_grants.void_grant(granted(api, time.customer, 5000).id)
    granted(api, time.customer, 5000, effective_at=DECEMBER + 86_400)
    assert renewed(api, time, sold).total == 1000 - 200 + 1000


def test_what_was_used_is_not_voided_nor_credited_by_line(api: stripe.StripeClient) -> None:
    time, sold, _ = using(api)
    grant = granted(api, time.customer, 200)
    invoice = renewed(api, time, sold)
    assert "can't be voided" in str(refusal(api.v1.billing.credit_grants.void_grant, grant.id))
    line = next(one for one in invoice.lines.data if one.pretax_credit_amounts)
    rows: Any = [{"type": "invoice_line_item", "invoice_line_item": line.id, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match="credit grant"):
        api.v1.credit_notes.create({"invoice": invoice.id, "lines": rows})
