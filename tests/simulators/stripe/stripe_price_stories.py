"""Stories of what is sold beside plain prices, for the tests of the contract."""

from decimal import Decimal
from typing import Any

import stripe

from tests.simulators.stripe.stripe_sim import Child, make_shop, make_timeline
from tests.simulators.stripe.stripe_stories import DAY, START


def selling_more(sim: Child, api: stripe.StripeClient) -> None:
    """Usage with its credits, packages, currencies, schedules, changes that wait, tax by place."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    meter = api.v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": f"calls_{shop.product}",
            "default_aggregation": {"formula": "sum"},
        }
    )
    api.v1.billing.meters.update(meter.id, {"display_name": "API calls"})
    api.v1.billing.meters.list({"status": "active"})
    how: Any = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    usage = api.v1.prices.create(
        {
            "product": shop.product,
            "currency": "eur",
            "recurring": how,
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 10, "unit_amount_decimal": Decimal("1.5"), "flat_amount": 100},
                {"up_to": "inf", "unit_amount": 1},
            ],
            "expand": ["tiers"],
        }
    )
    packages = api.v1.prices.create(
        {
            "product": shop.product,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "unit_amount": 500,
            "transform_quantity": {"divide_by": 10, "round": "up"},
            "currency_options": {"eur": {"unit_amount": 450, "tax_behavior": "inclusive"}},
            "expand": ["currency_options"],
        }
    )
    form: Any = {
        "customer": time.customer,
        "amount": {"type": "monetary", "monetary": {"currency": "eur", "value": 1000}},
        "applicability_config": {"scope": {"price_type": "metered"}},
        "category": "promotional",
        "name": "Welcome",
        "priority": 10,
    }
    grant = api.v1.billing.credit_grants.create(form)
    api.v1.billing.credit_grants.update(grant.id, {"metadata": {"by": "sales"}})
    api.v1.customers.update(time.customer, {"address": {"country": "FR", "line1": "1 rue"}})
    sold = api.v1.subscriptions.create(
        {
            "customer": time.customer,
            "currency": "eur",
            "items": [{"price": usage.id}, {"price": packages.id, "quantity": 21}],
            "automatic_tax": {"enabled": True},
        }
    )
    api.v1.billing.meter_events.create(
        {
            "event_name": meter.event_name,
            "payload": {"stripe_customer_id": time.customer, "value": "35"},
            "identifier": f"one_{shop.product}",
            "timestamp": START,
        }
    )
    api.v1.billing.meters.event_summaries.list(
        meter.id, {"customer": time.customer, "start_time": START, "end_time": START + DAY}
    )
    scheduling(api, sold.id, shop.basic)
    time.advance(START + 31 * DAY)
    summary: Any = {
        "customer": time.customer,
        "filter": {"type": "applicability_scope", "applicability_scope": {"price_type": "metered"}},
    }
    api.v1.billing.credit_balance_summary.retrieve(summary)
    api.v1.billing.credit_balance_transactions.list({"customer": time.customer})
    api.v1.billing.credit_grants.list({"customer": time.customer})
    waiting(sim, api, shop.basic, shop.pro)
    api.v1.customers.search({"query": f"name:'Ada' AND created>{START - 1}", "limit": 2})
    api.v1.invoices.search({"query": "status:'paid' AND total>100"})
    api.v1.events.list({"limit": 100})


def scheduling(api: stripe.StripeClient, subscription: str, price: str) -> None:
    """A schedule of a subscription that is there, changed, and let go."""
    plan = api.v1.subscription_schedules.create({"from_subscription": subscription})
    first = plan.phases[0]
    items: Any = [
        {"price": str(item.price), **({"quantity": item.quantity} if item.quantity else {})}
        for item in first["items"]
    ]
    following: Any = {
        "items": [*items, {"price": price, "quantity": 3}],
        "duration": {"interval": "month", "interval_count": 2},
        "proration_behavior": "none",
    }
    phases: Any = [
        {"items": items, "start_date": first.start_date, "end_date": first.end_date},
        following,
    ]
    api.v1.subscription_schedules.update(plan.id, {"phases": phases, "end_behavior": "release"})
    api.v1.subscription_schedules.list({"scheduled": False})
    api.v1.subscription_schedules.retrieve(plan.id)
    api.v1.subscription_schedules.release(plan.id)


def waiting(sim: Child, api: stripe.StripeClient, basic: str, pro: str) -> None:
    """A change that waits for its payment, and lapses."""
    time = make_timeline(api, START)
    sold = api.v1.subscriptions.create({"customer": time.customer, "items": [{"price": basic}]})
    sim.control("POST", f"/customers/{time.customer}/payment", {"outcome": "fail"})
    time.advance(START + DAY)
    api.v1.subscriptions.update(
        sold.id,
        {
            "items": [{"id": sold["items"].data[0].id, "price": pro}],
            "payment_behavior": "pending_if_incomplete",
            "proration_behavior": "always_invoice",
        },
    )
    time.advance(START + 3 * DAY)
    api.v1.subscriptions.retrieve(sold.id)
