"""Stories that touch every operation of the simulator, for the tests of the contract."""

import json
import re
from typing import Any

import stripe

from tests.simulators.stripe.stripe_sim import Child, Json, make_shop, make_timeline

START = 1_793_491_200  # 1 Nov 2026
DAY = 86_400


class Recorder(stripe.RequestsClient):
    """The SDK's HTTP client, keeping each exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, str, Json]] = []

    def request(self, *args: Any, **more: Any) -> Any:
        body, status, answer_headers = super().request(*args, **more)
        method, url, _headers, post_data = args
        path, _, query = re.sub(r"^http://[^/]+", "", url).partition("?")
        self.seen.append((method.upper(), path, post_data or query, json.loads(body)))
        return body, status, answer_headers


def everything(api: stripe.StripeClient) -> None:
    """One life of a subscription that touches every operation with most of its parameters."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    api.v1.customers.update(
        time.customer,
        {"metadata": {"crm": "7"}, "address": {"country": "DE", "line1": "Ring 1"}},
    )
    rate = api.v1.tax_rates.create(
        {"display_name": "VAT", "percentage": 19, "inclusive": False, "country": "DE"}
    )
    hook = api.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/hook", "enabled_events": ["charge.refunded"]}
    )
    api.v1.webhook_endpoints.update(hook.id, {"description": "none", "disabled": True})
    subscription = api.v1.subscriptions.create(
        {
            "customer": time.customer,
            "items": [{"price": shop.basic, "quantity": 3, "metadata": {"seat": "a"}}],
            "default_tax_rates": [rate.id],
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "metadata": {"order": "1"},
        }
    )
    time.advance(START + 10 * 86_400)
    item = subscription["items"].data[0].id
    api.v1.invoices.create_preview(
        {
            "subscription": subscription.id,
            "subscription_details": {
                "items": [{"id": item, "price": shop.pro, "quantity": 4}],
                "proration_behavior": "always_invoice",
            },
        }
    )
    api.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item, "price": shop.pro}], "proration_behavior": "always_invoice"},
    )
    api.v1.subscription_items.update(item, {"quantity": 5})
    api.v1.subscriptions.update(
        subscription.id, {"cancel_at_period_end": True, "pause_collection": {"behavior": "void"}}
    )
    api.v1.subscriptions.update(
        subscription.id, {"cancel_at_period_end": False, "pause_collection": ""}
    )
    api.v1.invoice_items.create(
        {"customer": time.customer, "amount": 700, "currency": "eur", "description": "Set-up"}
    )
    api.v1.invoice_items.list({"customer": time.customer, "pending": True})
    api.v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    api.v1.subscriptions.list({"customer": time.customer, "status": "all"})
    opened = api.v1.invoices.list({"subscription": subscription.id, "status": "open"}).data
    line = opened[-1].lines.data[0].id
    note = api.v1.credit_notes.create(
        {
            "invoice": opened[-1].id,
            "lines": [
                {"type": "invoice_line_item", "invoice_line_item": line, "quantity": 1},
            ],
            "reason": "order_change",
            "metadata": {"case": "1"},
        }
    )
    api.v1.credit_notes.void_credit_note(note.id)
    api.v1.invoices.pay(opened[-1].id, {"paid_out_of_band": True})
    manual = api.v1.invoices.create(
        {"customer": time.customer, "auto_advance": False, "description": "By hand"}
    )
    api.v1.invoices.update(manual.id, {"metadata": {"note": "x"}})
    api.v1.invoices.finalize_invoice(manual.id, {"auto_advance": False})
    api.v1.events.list({"types": ["invoice.paid"], "created": {"gte": START}})
    api.v1.events.list({"limit": 100})


def crediting(api: stripe.StripeClient) -> None:
    """Credit notes of a paid invoice: of its lines and of bare amounts, and where they go."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    rate = api.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": True})
    sold = api.v1.subscriptions.create(
        {
            "customer": time.customer,
            "items": [{"price": shop.basic, "quantity": 3}],
            "default_tax_rates": [rate.id],
        }
    )
    paid = api.v1.invoices.retrieve(str(sold.latest_invoice))
    [charge] = api.v1.charges.list({"customer": time.customer}).data
    refund = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    custom: Any = {
        "type": "custom_line_item",
        "description": "Courtesy",
        "quantity": 2,
        "unit_amount": 50,
        "tax_rates": [rate.id],
    }
    note = api.v1.credit_notes.create(
        {
            "invoice": paid.id,
            "lines": [
                {
                    "type": "invoice_line_item",
                    "invoice_line_item": paid.lines.data[0].id,
                    "quantity": 1,
                },
                *[custom] * 10,
            ],
            "refunds": [{"refund": refund.id}],
            "refund_amount": 400,
            "credit_amount": 700,
            "out_of_band_amount": 600,
            "memo": "Outage",
        }
    )
    api.v1.credit_notes.create({"invoice": paid.id, "amount": 100, "credit_amount": 100})
    api.v1.credit_notes.update(note.id, {"memo": "Outage of 1 November"})
    api.v1.credit_notes.list({"customer": time.customer, "created": {"gte": START}, "limit": 2})
    api.v1.credit_notes.line_items.list(note.id, {"limit": 20})
    api.v1.credit_notes.retrieve(note.id, {"expand": ["customer_balance_transaction", "invoice"]})


def money(sim: Child, api: stripe.StripeClient) -> None:
    """Payments that fail, come in parts, come from outside, go back, and are disputed."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    taxed = api.v1.customers.tax_ids.create(
        time.customer, {"type": "eu_vat", "value": "DE000000000"}
    )
    api.v1.customers.tax_ids.list(time.customer, {"limit": 3})
    api.v1.customers.retrieve(time.customer, {"expand": ["tax_ids"]})
    api.v1.customers.tax_ids.delete(time.customer, taxed.id)
    sold = api.v1.subscriptions.create(
        {"customer": time.customer, "items": [{"price": shop.basic}]}
    )
    paid = api.v1.invoices.list({"subscription": sold.id, "expand": ["data.payments"]}).data[0]
    assert paid.payments is not None
    intent = api.v1.payment_intents.retrieve(
        str(paid.payments.data[0].payment.payment_intent), {"expand": ["latest_charge"]}
    )
    api.v1.payment_intents.list({"customer": time.customer, "created": {"gte": START}})
    made = api.v1.refunds.create(
        {
            "payment_intent": intent.id,
            "amount": 300,
            "reason": "requested_by_customer",
            "metadata": {"case": "7"},
        }
    )
    api.v1.refunds.update(made.id, {"metadata": {"case": "8"}})
    api.v1.refunds.list({"payment_intent": intent.id})
    [charge] = api.v1.charges.list(
        {"payment_intent": intent.id, "expand": ["data.refunds"], "created": {"lte": START}}
    ).data
    api.v1.charges.retrieve(charge.id, {"expand": ["customer"]})
    dispute = sim.control("POST", f"/charges/{charge.id}/dispute", {"reason": "fraudulent"})
    sim.control("POST", f"/disputes/{dispute['id']}/review")
    sim.control("POST", f"/disputes/{dispute['id']}/close", {"status": "won"})
    api.v1.disputes.retrieve(dispute["id"])
    api.v1.disputes.list({"charge": charge.id})
    sim.control("POST", f"/customers/{time.customer}/payment", {"outcome": "fail"})
    time.advance(START + 31 * DAY)
    late = str(api.v1.subscriptions.retrieve(sold.id).latest_invoice)
    sim.control("POST", f"/invoices/{late}/partial_payment", {"amount": 400})
    api.v1.invoices.pay(late, {"paid_out_of_band": True})
    for payment in api.v1.invoice_payments.list({"invoice": late, "status": "paid"}).data:
        api.v1.invoice_payments.retrieve(payment.id, {"expand": ["invoice"]})
    records = api.v1.invoice_payments.list({"payment": {"type": "payment_record"}}).data
    api.v1.payment_records.retrieve(str(records[0].payment.payment_record))
    api.v1.events.list({"limit": 100})
