"""Stories of the books for the tests of the contract: discounts, balances, and how things end."""

from typing import Any

import stripe

from tests.simulators.stripe.stripe_sim import Child, make_shop, make_timeline
from tests.simulators.stripe.stripe_stories import DAY, START


def standing_alone(sim: Child, api: stripe.StripeClient) -> None:
    """An invoice without a subscription, its lines changed in bulk, and the customer's balance."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    owner = time.customer
    given = api.v1.customers.balance_transactions.create(
        owner, {"amount": -500, "currency": "eur", "description": "Goodwill"}
    )
    api.v1.customers.balance_transactions.update(owner, given.id, {"metadata": {"case": "3"}})
    api.v1.customers.balance_transactions.retrieve(owner, given.id)
    pending = api.v1.invoice_items.create({"customer": owner, "amount": 300, "currency": "eur"})
    api.v1.invoice_items.update(pending.id, {"description": "Set-up"})
    api.v1.invoice_items.retrieve(pending.id)
    draft = api.v1.invoices.create(
        {
            "customer": owner,
            "currency": "eur",
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "custom_fields": [{"name": "PO", "value": "4711"}],
            "pending_invoice_items_behavior": "exclude",
        }
    )
    line: Any = {"price_data": {"currency": "eur", "product": shop.product, "unit_amount": 700}}
    api.v1.invoices.add_lines(
        draft.id, {"lines": [{"invoice_item": pending.id}, line, {"amount": 900}, {"amount": 1}]}
    )
    lines = api.v1.invoices.line_items.list(draft.id).data
    api.v1.invoices.update_lines(draft.id, {"lines": [{"id": lines[0].id, "amount": 400}]})
    api.v1.invoices.line_items.update(draft.id, lines[1].id, {"description": "Licence"})
    api.v1.invoices.remove_lines(draft.id, {"lines": [{"id": lines[3].id, "behavior": "delete"}]})
    api.v1.invoices.finalize_invoice(draft.id)
    api.v1.invoices.send_invoice(draft.id)
    api.v1.invoices.mark_uncollectible(draft.id)
    api.v1.invoices.void_invoice(draft.id)
    api.v1.customers.balance_transactions.list(owner, {"limit": 5, "invoice": draft.id})
    api.v1.customers.retrieve(owner, {"expand": ["invoice_credit_balance"]})
    api.v1.invoices.retrieve(draft.id, {"expand": ["customer", "payments"]})


def discounting(sim: Child, api: stripe.StripeClient) -> None:
    """Coupons on everything that takes one, prorations with them, and a credit note after them."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    tenth = api.v1.coupons.create(
        {"percent_off": 10, "duration": "repeating", "duration_in_months": 2, "name": "Tenth"}
    ).id
    euro = api.v1.coupons.create(
        {
            "amount_off": 100,
            "currency": "eur",
            "duration": "forever",
            "applies_to": {"products": [shop.product]},
            "max_redemptions": 9,
        }
    ).id
    api.v1.coupons.update(euro, {"metadata": {"by": "sales"}})
    api.v1.coupons.retrieve(euro, {"expand": ["applies_to"]})
    api.v1.coupons.list({"limit": 2})
    sim.control("POST", f"/customers/{time.customer}/discount", {"coupon": tenth})
    rate = api.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False})
    sold = api.v1.subscriptions.create(
        {
            "customer": time.customer,
            "items": [{"price": shop.basic, "quantity": 3, "discounts": [{"coupon": euro}]}],
            "default_tax_rates": [rate.id],
            "discounts": [{"coupon": tenth}],
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        }
    )
    api.v1.subscriptions.migrate(
        sold.id,
        {"billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}},
    )
    time.advance(START + 10 * DAY)
    item = sold["items"].data[0].id
    api.v1.subscriptions.update(sold.id, {"items": [{"id": item, "quantity": 5}]})
    api.v1.invoice_items.list({"customer": time.customer, "expand": ["data.discounts"]})
    path = ["discounts", "customer.discount.source.coupon", "items.data.discounts"]
    api.v1.subscriptions.retrieve(sold.id, {"expand": path})
    time.advance(START + 62 * DAY)
    paid = api.v1.invoices.list({"subscription": sold.id, "expand": ["data.discounts"]}).data[1]
    api.v1.credit_notes.create(
        {
            "invoice": paid.id,
            "lines": [
                {
                    "type": "invoice_line_item",
                    "invoice_line_item": paid.lines.data[-1].id,
                    "quantity": 1,
                }
            ],
            "credit_amount": 1050,
        }
    )
    api.v1.subscriptions.update(sold.id, {"discounts": [{"coupon": tenth}]})
    api.v1.subscriptions.delete_discount(sold.id)
    api.v1.coupons.delete(tenth)
    api.v1.events.list({"limit": 100})


def ending(sim: Child, api: stripe.StripeClient) -> None:
    """A refund that fails and one that is canceled, a dispute with evidence, and a deletion."""
    shop = make_shop(api)
    time = make_timeline(api, START)
    api.v1.subscriptions.create({"customer": time.customer, "items": [{"price": shop.pro}]})
    [charge] = api.v1.charges.list({"customer": time.customer}).data
    failed = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    sim.control("POST", f"/refunds/{failed.id}/fail", {"reason": "declined"})
    sim.control("POST", f"/customers/{time.customer}/refunds", {"outcome": "requires_action"})
    canceled = api.v1.refunds.create({"charge": charge.id, "amount": 400})
    api.v1.refunds.cancel(canceled.id)
    api.v1.refunds.retrieve(failed.id, {"expand": ["balance_transaction"]})
    dispute = sim.control("POST", f"/charges/{charge.id}/dispute", {"amount": 500})
    api.v1.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": "winning_evidence"}})
    api.v1.disputes.retrieve(dispute["id"])
    api.v1.balance_transactions.list({"limit": 3, "currency": "eur"})
    api.v1.customers.delete(time.customer)
    api.v1.customers.retrieve(time.customer)
    api.v1.events.list({"limit": 100})


def paying_out(sim: Child, api: stripe.StripeClient) -> None:
    """Payouts by schedule and by hand: paid, come back, called off; and who may list what."""
    for held in api.v1.balance.retrieve().available:
        if held.amount > 0:
            sim.control("POST", "/payouts", {"currency": held.currency})
    owner = api.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id
    for _ in range(2):
        sold = api.v1.invoices.create({"customer": owner, "currency": "eur", "auto_advance": False})
        api.v1.invoice_items.create(
            {"customer": owner, "invoice": str(sold.id), "amount": 10000, "currency": "eur"}
        )
        api.v1.invoices.pay(str(sold.id))
    by_hand = api.v1.payouts.create({"amount": 5000, "currency": "eur", "metadata": {"a": "b"}})
    api.v1.payouts.cancel(by_hand.id)
    made = sim.control("POST", "/payouts", {"currency": "eur"})
    # Two charges of 100.00 with 1.75 each; the one by hand went out and came back.
    found = api.v1.balance_transactions.list({"payout": made["id"], "expand": ["data.source"]})
    assert sorted(one.net for one in found.data) == [-19650, -5000, 5000, 9825, 9825]
    assert made["amount"] == 19650
    assert [one.amount for one in api.v1.balance.retrieve().available if one.currency == "eur"] == [
        0
    ]
    for status in ("in_transit", "paid", "failed"):
        sim.control("POST", f"/payouts/{made['id']}", {"status": status})
    api.v1.payouts.update(made["id"], {"metadata": {"case": "7"}})
    api.v1.payouts.list({"limit": 2, "status": "failed", "arrival_date": {"gte": 1}})
    back = api.v1.payouts.retrieve(made["id"])
    returned = api.v1.balance_transactions.retrieve(str(back.failure_balance_transaction))
    assert (returned.amount, returned.type) == (19650, "payout_failure")
    api.v1.events.list({"limit": 10})
