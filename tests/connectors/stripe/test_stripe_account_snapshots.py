"""A customer's account beside its subscriptions: what stands alone, its balance, and its end."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
import stripe

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentStatus, SettlementKind
from canonical_models.failures import Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks
from tests.connectors.stripe.books import at, by_id, moved

APRIL, MAY = 1775001600, 1777593600
HOUR = 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]


def bill(sdk: stripe.StripeClient, customer: str, amount: int, **changes: Any) -> str:
    """An invoice that stands alone, paid at once."""
    item: Any = {"customer": customer, "amount": amount, "currency": "eur"}
    sdk.v1.invoice_items.create(item)
    wanted: Any = {
        "customer": customer,
        "currency": "eur",
        "pending_invoice_items_behavior": "include",
    }
    draft = sdk.v1.invoices.create(wanted | changes)
    sdk.v1.invoices.finalize_invoice(draft.id)
    if sdk.v1.invoices.retrieve(draft.id).status == "open":
        sdk.v1.invoices.pay(draft.id)
    return draft.id


def adjust(sdk: stripe.StripeClient, customer: str, amount: int) -> str:
    """Credit that the customer is given, or that is taken, without a document."""
    return sdk.v1.customers.balance_transactions.create(
        customer, {"amount": -amount, "currency": "eur"}
    ).id


async def test_what_stands_alone_is_the_accounts(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    customer = str(sold.customer)
    alone = bill(sdk, customer, 700, custom_fields=[{"name": "PO number", "value": "4711"}])
    note = sdk.v1.credit_notes.create({"invoice": alone, "amount": 100, "credit_amount": 100})
    own = sdk.v1.credit_notes.create(
        {"invoice": str(sold.latest_invoice), "amount": 50, "credit_amount": 50}
    )
    found = await billing.account_snapshot(customer, since=at(APRIL))
    documents = by_id(found.documents)
    assert set(documents) == {alone, note.id}
    assert (found.customer_id, found.deleted, found.as_of) == (customer, False, at(APRIL))
    assert documents[alone].purchase_order == "4711"
    assert (documents[alone].subscription_id, documents[alone].made_for) == (None, None)
    assert moved(documents[alone]) == [("payment", 700, True)]
    assert documents[note.id].corrects == alone
    # What is asked for by name comes, whosever it is.
    named = await billing.account_snapshot(customer, documents=[own.id, alone, "in_unknown"])
    assert set(by_id(named.documents)) == {alone, own.id}
    assert named.missing == ("in_unknown",)
    move(sold, MAY)
    assert (await billing.account_snapshot(customer, since=at(MAY))).documents == ()


async def test_goodwill_is_what_no_document_shows(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    customer = str(sold.customer)
    given, taken = adjust(sdk, customer, 500), adjust(sdk, customer, -200)
    move(sold, MAY + 2 * HOUR)
    later = adjust(sdk, customer, 40)
    found = await billing.account_snapshot(customer)
    assert {each.settlement_id: each.amount.minor for each in found.movements} == {
        given: 500,
        taken: -200,
        later: 40,
    }
    assert found.movements[-1].at == at(MAY + 2 * HOUR)
    assert {each.kind for each in found.movements} == {SettlementKind.GOODWILL}
    assert {each.document_id for each in found.movements} == {None}
    # The renewal has used up what there was.
    assert [each.minor for each in found.balance] == [40]
    newer = await billing.account_snapshot(customer, since=at(MAY))
    assert [each.settlement_id for each in newer.movements] == [later]


async def test_a_customer_that_was_deleted(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    customer = str(sold.customer)
    adjust(sdk, customer, 300)
    alone = bill(sdk, customer, 700)
    sdk.v1.customers.delete(customer)

    ended = await billing.snapshot(sold.id, documents=[str(sold.latest_invoice)], since=at(APRIL))
    assert ended.subscription.status is SubscriptionStatus.CANCELLED
    assert ended.subscription.customer.customer_id == customer
    assert (ended.unbilled.lines, ended.missing) == ((), ())
    paid = by_id(ended.documents)[str(sold.latest_invoice)]
    assert (paid.status, moved(paid)) == (DocumentStatus.PAID, [("payment", 1000, True)])

    found = await billing.account_snapshot(customer, documents=[alone], since=at(APRIL))
    assert (found.deleted, found.customer_id) == (True, customer)
    assert by_id(found.documents)[alone].gross.minor == 700


@pytest.mark.parametrize("key", ["cus_unknown", "../subscriptions", ""])
async def test_an_unknown_customer(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection, match="customer") as caught:
        await billing.account_snapshot(key)
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, key)


async def test_the_events_of_an_account(
    sdk: stripe.StripeClient, stripe_config: ConnectionConfig
) -> None:
    customer = sdk.v1.customers.create({"name": "Ada GmbH"}).id
    sdk.v1.customers.update(customer, {"metadata": {"ours": "no"}})
    sdk.v1.customers.update(customer, {"name": "Ada AG"})
    vat = sdk.v1.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    adjust(sdk, customer, 900)
    alone = bill(sdk, customer, 700)
    sdk.v1.customers.delete(customer)
    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as conn:
        listed = (await conn.get("/v1/events?limit=100", headers=key)).json()["data"]
    own = [
        event
        for event in reversed(listed)
        if any(name.encode() in orjson.dumps(event) for name in (customer, vat.id))
    ]
    read = [(event["type"], StripeWebhooks().trigger(orjson.dumps(event))) for event in own]
    heard = [(kind, trigger) for kind, trigger in read if isinstance(trigger, ChangeTrigger)]
    assert {trigger.customer_id for _, trigger in heard if trigger.customer_id} == {customer}
    assert {trigger.subscription_id for _, trigger in heard} == {None}
    about = [kind for kind, trigger in heard if trigger.kind is ChangeKind.ACCOUNT]
    assert {"customer.updated", "customer.tax_id.created", "customer.deleted"} == set(about)
    # The name, the balance that is given, and what the invoice uses of it.
    assert about.count("customer.updated") >= 3
    billed = {kind: trigger for kind, trigger in heard if trigger.document_id}
    assert billed["invoice.finalized"].kind is ChangeKind.BILLED
    assert {trigger.document_id for trigger in billed.values()} == {alone}
