"""Subscriptions through the SDK: creation, changes, cancellation, and the money of each."""

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    TIMES,
    Child,
    Json,
    Shop,
    at,
    make_shop,
    make_timeline,
    plain,
)

START = at(2026, 11, 1)
MIDDLE = at(2026, 11, 16)
END = at(2026, 12, 1)


def lines_of(api: stripe.StripeClient, invoice: object) -> list[Json]:
    assert isinstance(invoice, str)
    return [plain(line) for line in api.v1.invoices.line_items.list(invoice).data]


def subscribe(api: stripe.StripeClient, shop: Shop, quantity: int = 3) -> stripe.Subscription:
    customer = make_timeline(api, START)
    return api.v1.subscriptions.create(
        {"customer": customer.customer, "items": [{"price": shop.basic, "quantity": quantity}]}
    )


def advance(api: stripe.StripeClient, subscription: stripe.Subscription, to: int) -> None:
    assert isinstance(subscription.test_clock, str)
    api.v1.test_helpers.test_clocks.advance(subscription.test_clock, {"frozen_time": to})


def item_of(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    item: stripe.SubscriptionItem = subscription["items"].data[0]
    return item


def test_a_new_subscription_is_billed_and_paid(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    assert subscription.status == "active"
    item = item_of(subscription)
    assert (item.current_period_start, item.current_period_end) == (START, END)
    assert item.price.product == shop.product
    invoice = api.v1.invoices.retrieve(str(subscription.latest_invoice))
    assert (invoice.status, invoice.total, invoice.amount_paid) == ("paid", 3000, 3000)
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    [line] = lines_of(api, invoice.id)
    assert line["description"] == f"3 {TIMES} Pro (at €10.00 / month)"
    assert line["pricing"]["price_details"] == {"price": shop.basic, "product": shop.product}
    assert line["parent"]["type"] == "subscription_item_details"


def test_an_upgrade_credits_the_old_and_debits_the_new(
    api: stripe.StripeClient, shop: Shop
) -> None:
    subscription = subscribe(api, shop)
    first = lines_of(api, subscription.latest_invoice)
    advance(api, subscription, MIDDLE)
    subscription = api.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription).id, "price": shop.pro, "quantity": 5}],
            "proration_behavior": "always_invoice",
        },
    )
    credit, charge = lines_of(api, subscription.latest_invoice)
    assert credit["amount"] == -1500
    assert credit["description"] == f"Unused time on 3 {TIMES} Pro after 16 Nov 2026"
    assert credit["period"] == {"start": MIDDLE, "end": END}
    details = credit["parent"]["subscription_item_details"]
    assert details["proration"] is True
    assert details["proration_details"]["credited_items"] == {
        "invoice": first[0]["invoice"],
        "invoice_line_items": [first[0]["id"]],
    }
    assert charge["amount"] == 6250
    assert charge["description"] == f"Remaining time on 5 {TIMES} Pro after 16 Nov 2026"
    assert charge["pricing"]["price_details"]["price"] == shop.pro


def test_prorations_wait_for_the_next_invoice_by_default(
    api: stripe.StripeClient, shop: Shop
) -> None:
    subscription = subscribe(api, shop)
    first = subscription.latest_invoice
    advance(api, subscription, MIDDLE)
    changed = api.v1.subscription_items.update(item_of(subscription).id, {"quantity": 5})
    assert changed.quantity == 5
    pending = api.v1.invoice_items.list({"customer": str(subscription.customer), "pending": True})
    assert sorted(entry.amount for entry in pending.data) == [-1500, 2500]
    assert all(entry.proration for entry in pending.data)
    assert api.v1.subscriptions.retrieve(subscription.id).latest_invoice == first
    advance(api, subscription, END)
    renewed = api.v1.subscriptions.retrieve(subscription.id)
    assert sorted(line["amount"] for line in lines_of(api, renewed.latest_invoice)) == [
        -1500,
        2500,
        5000,
    ]


def test_no_proration_when_none_is_asked_for(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    advance(api, subscription, MIDDLE)
    api.v1.subscriptions.update(
        subscription.id,
        {"items": [{"price": shop.pro}], "proration_behavior": "none"},
    )
    assert not api.v1.invoice_items.list({"customer": str(subscription.customer)}).data


def test_an_add_on_is_debited_and_its_removal_credited(
    api: stripe.StripeClient, shop: Shop
) -> None:
    subscription = subscribe(api, shop)
    advance(api, subscription, MIDDLE)
    added = api.v1.subscription_items.create(
        {"subscription": subscription.id, "price": shop.pro, "quantity": 2}
    )
    api.v1.subscription_items.delete(added.id)
    pending = api.v1.invoice_items.list({"customer": str(subscription.customer), "pending": True})
    assert sorted(entry.amount for entry in pending.data) == [-2500, 2500]
    kept = api.v1.subscriptions.retrieve(subscription.id)
    assert [item.id for item in kept["items"].data] == [item_of(subscription).id]


def test_a_proration_date_inside_the_period_is_taken(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop, 1)
    advance(api, subscription, MIDDLE)
    item = item_of(subscription).id
    api.v1.subscription_items.update(item, {"quantity": 2, "proration_date": at(2026, 11, 7)})
    pending = api.v1.invoice_items.list({"customer": str(subscription.customer)})
    assert sorted(entry.amount for entry in pending.data) == [-800, 1600]
    with pytest.raises(stripe.InvalidRequestError, match="within the current period"):
        api.v1.subscription_items.update(item, {"quantity": 3, "proration_date": START - 1})


def test_another_interval_begins_a_new_cycle_at_once(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop, 1)
    advance(api, subscription, MIDDLE)
    subscription = api.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item_of(subscription).id, "price": shop.yearly}]}
    )
    assert subscription.billing_cycle_anchor == MIDDLE
    assert item_of(subscription).current_period_end == at(2027, 11, 16)
    amounts = [line["amount"] for line in lines_of(api, subscription.latest_invoice)]
    assert amounts == [-500, 9000]


def test_a_preview_is_what_the_update_then_does(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    advance(api, subscription, at(2026, 11, 13, 7, 11, 13))
    item = item_of(subscription).id
    preview = api.v1.invoices.create_preview(
        {
            "subscription": subscription.id,
            "subscription_details": {
                "items": [{"id": item, "price": shop.pro}],
                "proration_behavior": "always_invoice",
            },
        }
    )
    same = api.v1.subscriptions.retrieve(subscription.id)
    assert plain(same) == plain(subscription)
    updated = api.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item, "price": shop.pro}], "proration_behavior": "always_invoice"},
    )
    promised = [(line.amount, line.description) for line in preview.lines.data]
    done = [(x["amount"], x["description"]) for x in lines_of(api, updated.latest_invoice)]
    assert promised == done


def test_a_preview_without_details_is_the_next_cycle(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    preview = api.v1.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.created) == (3000, END)
    assert preview.lines.data[0].period.start == END


def test_cancel_now_with_credit(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    advance(api, subscription, MIDDLE)
    ended = api.v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    assert (ended.status, ended.ended_at) == ("canceled", MIDDLE)
    invoice = api.v1.invoices.retrieve(str(ended.latest_invoice))
    assert (invoice.total, invoice.amount_due, invoice.ending_balance) == (-1500, 0, -1500)
    customer = api.v1.customers.retrieve(str(subscription.customer))
    assert customer.balance == -1500
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.subscriptions.cancel(subscription.id)
    assert gone.value.http_status == 404


def test_cancel_at_period_end_and_back(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    ending = api.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.cancel_at, ending.canceled_at, ending.status) == (END, START, "active")
    kept = api.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    api.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    advance(api, subscription, END)
    ended = api.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", END)
    assert ended.latest_invoice == subscription.latest_invoice


def test_a_backdated_start_bills_the_time_since(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, MIDDLE)
    subscription = api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": shop.basic}],
            "backdate_start_date": at(2026, 9, 10),
        }
    )
    item = item_of(subscription)
    assert (item.current_period_start, item.current_period_end) == (
        at(2026, 11, 10),
        at(2026, 12, 10),
    )
    assert [line["amount"] for line in lines_of(api, subscription.latest_invoice)] == [1000] * 3


def test_a_later_anchor_bills_a_stub(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, MIDDLE)
    subscription = api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": shop.basic}],
            "billing_cycle_anchor": END,
        }
    )
    [line] = lines_of(api, subscription.latest_invoice)
    assert (line["amount"], line["period"]) == (500, {"start": MIDDLE, "end": END})
    timeline.advance(at(2026, 11, 26))
    api.v1.subscription_items.update(item_of(subscription).id, {"quantity": 2})
    pending = api.v1.invoice_items.list({"customer": timeline.customer})
    assert sorted(entry.amount for entry in pending.data) == [-167, 333]


def test_a_trial_costs_nothing_until_it_ends(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, START)
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}], "trial_end": MIDDLE}
    )
    assert subscription.status == "trialing"
    api.v1.subscription_items.update(item_of(subscription).id, {"quantity": 7})
    assert not api.v1.invoice_items.list({"customer": timeline.customer}).data
    timeline.advance(MIDDLE + 3600)
    active = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert active.status == "active"
    assert isinstance(active.latest_invoice, stripe.Invoice)
    assert (active.latest_invoice.total, active.latest_invoice.status) == (7000, "paid")


@pytest.mark.parametrize(("currency", "scale"), [("jpy", 1), ("kwd", 10)])
def test_currencies_of_no_and_of_three_decimals(
    sim: Child, api: stripe.StripeClient, currency: str, scale: int
) -> None:
    shop = make_shop(api, currency, scale)
    subscription = subscribe(api, shop, 1)
    advance(api, subscription, at(2026, 11, 11))
    api.v1.subscription_items.update(item_of(subscription).id, {"price": shop.pro})
    pending = api.v1.invoice_items.list({"customer": str(subscription.customer)})
    expected = {1: [-667, 1667], 10: [-6667, 16667]}[scale]
    assert sorted(entry.amount for entry in pending.data) == expected


def test_metadata_merges_and_an_empty_value_deletes(api: stripe.StripeClient, shop: Shop) -> None:
    subscription = subscribe(api, shop)
    api.v1.subscriptions.update(subscription.id, {"metadata": {"a": "1", "b": "2"}})
    merged = api.v1.subscriptions.update(subscription.id, {"metadata": {"a": "", "c": "3"}})
    assert plain(merged)["metadata"] == {"b": "2", "c": "3"}
    event = api.v1.events.list({"type": "customer.subscription.updated", "limit": 1}).data[0]
    previous = plain(event)["data"]["previous_attributes"]
    assert previous == {"metadata": {"a": "1", "c": None}}
    cleared = api.v1.subscriptions.update(subscription.id, {"metadata": ""})
    assert plain(cleared)["metadata"] == {}
