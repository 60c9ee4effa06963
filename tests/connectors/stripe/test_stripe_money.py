"""What settles a document: paid, in parts, given back, disputed, kept, given up, late."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
import stripe

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.documents import BillingDocument, DocumentStatus
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks
from tests.connectors.stripe.books import at, moved, proven

APRIL, MAY = 1775001600, 1777593600
HOUR = 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Control = Callable[..., dict[str, Any]]
SENT = {"collection_method": "send_invoice", "days_until_due": 14}
PAID = ("payment", 1000, True)


async def whole(billing: StripeBilling, key: object) -> BillingDocument:
    (found,) = await billing.documents([str(key)])
    proven(found)
    return found


def charge_of(sdk: stripe.StripeClient, sold: stripe.Subscription) -> stripe.Charge:
    (charge,) = sdk.v1.charges.list({"customer": str(sold.customer)}).data
    return charge


async def test_a_payment_has_the_name_that_events_give_it(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    found = await whole(billing, sold.latest_invoice)
    (payment,) = found.settlements
    assert (moved(found), payment.at) == ([PAID], at(APRIL))
    assert payment.settlement_id == charge_of(sdk, sold).payment_intent
    assert (found.status, found.remaining.minor) == (DocumentStatus.PAID, 0)


async def test_an_invoice_is_paid_in_parts_and_the_rest_elsewhere(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    control(f"invoices/{key}/partial_payment", amount=300)
    found = await whole(billing, key)
    assert (moved(found), found.remaining.minor) == ([("payment", 300, True)], 700)
    assert found.settlements[0].settlement_id == charge_of(sdk, sold).payment_intent
    assert found.owed

    sdk.v1.invoices.pay(key, {"paid_out_of_band": True})
    found = await whole(billing, key)
    assert sorted(moved(found)) == [("paid_elsewhere", 700, True), ("payment", 300, True)]
    assert found.status is DocumentStatus.PAID


async def test_money_that_was_given_back_is_a_debt_beside_the_invoice(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    charge = charge_of(sdk, sold)
    first = sdk.v1.refunds.create({"charge": charge.id, "amount": 200})
    second = sdk.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    found = await whole(billing, sold.latest_invoice)
    assert moved(found)[0] == PAID
    assert sorted(moved(found)[1:]) == [("refund", -800, False), ("refund", -200, False)]
    given = found.settlements[1:]
    assert {each.settlement_id for each in given} == {first.id, second.id}
    assert {each.about for each in given} == {sold.latest_invoice}
    assert (found.status, found.remaining.minor) == (DocumentStatus.PAID, 0)


@pytest.mark.parametrize("end", ["fail", "cancel"])
async def test_a_refund_that_does_not_go_through_takes_nothing(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    control: Control,
    end: str,
) -> None:
    sold = subscribe()
    outcome = "pending" if end == "fail" else "requires_action"
    control(f"customers/{sold.customer}/refunds", outcome=outcome)
    refund = sdk.v1.refunds.create({"charge": charge_of(sdk, sold).id, "amount": 200})
    waiting = await whole(billing, sold.latest_invoice)
    taken = [("refund", -200, False)] if end == "fail" else []
    assert moved(waiting) == [PAID, *taken]
    control(f"refunds/{refund.id}/{end}")
    assert moved(await whole(billing, sold.latest_invoice)) == [PAID]


@pytest.mark.parametrize(
    ("status", "after"), [("lost", []), ("won", [("dispute_won", 600, False)])]
)
async def test_a_dispute(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    control: Control,
    status: str,
    after: list[tuple[str, int, bool]],
) -> None:
    sold = subscribe()
    dispute = control(f"charges/{charge_of(sdk, sold).id}/dispute", amount=600)["id"]
    taken = [PAID, ("dispute", -600, False)]
    found = await whole(billing, sold.latest_invoice)
    assert moved(found) == taken
    assert (found.settlements[1].settlement_id, found.settlements[1].about) == (
        dispute,
        sold.latest_invoice,
    )
    control(f"disputes/{dispute}/close", status=status)
    found = await whole(billing, sold.latest_invoice)
    assert moved(found) == taken + after
    assert [each.settlement_id for each in found.settlements[2:]] == [f"{dispute}/won"] * len(after)
    # Stripe leaves the invoice paid, whatever the bank decides.
    assert (found.status, found.remaining.minor) == (DocumentStatus.PAID, 0)


async def test_a_downgrade_is_kept_and_pays_the_renewals(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    item = sold["items"]["data"][0]["id"]
    update: Any = {"items": [{"id": item, "quantity": 5}], "proration_behavior": "always_invoice"}
    sdk.v1.subscriptions.update(sold.id, update)
    update = {"items": [{"id": item, "quantity": 1}], "proration_behavior": "always_invoice"}
    sdk.v1.subscriptions.update(sold.id, update)
    down = sdk.v1.subscriptions.retrieve(sold.id).latest_invoice
    kept = await whole(billing, down)
    assert (kept.gross.minor, kept.tax.minor, kept.remaining.minor) == (-4760, -760, 0)
    assert moved(kept) == [("balance", -4760, True)]
    assert kept.settlements[0].settlement_id.startswith("cbtxn_")
    account = await billing.account_snapshot(str(sold.customer))
    assert ([each.minor for each in account.balance], account.movements) == ([4760], ())

    move(sold, MAY + 2 * HOUR)
    renewed = (await billing.snapshot(sold.id)).documents[-1]
    proven(renewed)
    assert (moved(renewed), renewed.status) == ([("balance", 1190, True)], DocumentStatus.PAID)
    account = await billing.account_snapshot(str(sold.customer))
    assert [each.minor for each in account.balance] == [4760 - 1190]


async def test_a_void_invoice_gives_the_balance_back(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe(**SENT)
    customer = str(sold.customer)
    sdk.v1.customers.balance_transactions.create(
        customer, {"amount": -300, "currency": "eur", "description": "Sorry"}
    )
    move(sold, MAY + 2 * HOUR)
    key = str(sdk.v1.subscriptions.retrieve(sold.id).latest_invoice)
    used = await whole(billing, key)
    assert (moved(used), used.remaining.minor) == ([("balance", 300, True)], 700)
    sdk.v1.invoices.void_invoice(key)
    void = await whole(billing, key)
    assert sorted(moved(void)) == [("balance", -300, True), ("balance", 300, True)]
    assert (void.status, void.closed_at, void.remaining.minor) == (
        DocumentStatus.VOID,
        at(MAY + 2 * HOUR),
        0,
    )
    account = await billing.account_snapshot(customer)
    assert [each.minor for each in account.balance] == [300]
    (goodwill,) = account.movements
    assert (goodwill.kind, goodwill.amount.minor, goodwill.note) == ("goodwill", 300, "Sorry")


async def test_a_trifle_goes_to_the_balance(
    billing: StripeBilling, sdk: stripe.StripeClient, control: Control
) -> None:
    customer = sdk.v1.customers.create({"name": "Ada GmbH"}).id
    sdk.v1.invoice_items.create({"customer": customer, "amount": 30, "currency": "eur"})
    draft = sdk.v1.invoices.create(
        {"customer": customer, "currency": "eur", "pending_invoice_items_behavior": "include"}
    )
    control("settings", least_charge=True)
    try:
        sdk.v1.invoices.finalize_invoice(draft.id)
    finally:
        control("settings", least_charge=False)
    found = await whole(billing, draft.id)
    assert (found.status, moved(found)) == (DocumentStatus.PAID, [("balance", 30, True)])
    account = await billing.account_snapshot(customer)
    assert ([each.minor for each in account.balance], account.movements) == ([-30], ())


async def test_a_payment_leads_to_its_document(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    sold, other = subscribe(), subscribe(**SENT)
    charge = charge_of(sdk, sold)
    refund = sdk.v1.refunds.create({"charge": charge.id, "amount": 100})
    dispute = control(f"charges/{charge.id}/dispute", amount=100)["id"]
    sdk.v1.invoices.pay(str(other.latest_invoice), {"paid_out_of_band": True})
    document = str(sold.latest_invoice)
    for name in (
        str(charge.payment_intent),
        charge.id,
        refund.id,
        dispute,
        f"{dispute}/won",
        document,
        f"{document}/write-off",
    ):
        assert await billing.document_of(name) == document, name
    (outside,) = (await whole(billing, other.latest_invoice)).settlements
    assert await billing.document_of(outside.settlement_id) == other.latest_invoice
    for name in ("pi_x", "ch_x", "re_x", "dp_x", "inpay_x", "cbtxn_x", "x", "../x"):
        assert await billing.document_of(name) is None, name


async def test_the_events_of_money_name_what_they_are_about(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    stripe_config: ConnectionConfig,
    subscribe: Subscribe,
    control: Control,
) -> None:
    sold = subscribe()
    charge = charge_of(sdk, sold)
    control(f"customers/{sold.customer}/refunds", outcome="pending")
    refund = sdk.v1.refunds.create({"charge": charge.id, "amount": 100})
    control(f"refunds/{refund.id}/fail")
    dispute = control(f"charges/{charge.id}/dispute", amount=500)["id"]
    control(f"disputes/{dispute}/close", status="won")
    await billing.record_erp_status(str(sold.latest_invoice), {"document": "7"}, key=f"{sold.id}/1")

    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as conn:
        listed = (await conn.get("/v1/events?limit=100", headers=key)).json()["data"]
    names = (sold.id, str(sold.latest_invoice), charge.id, str(charge.payment_intent))
    own = [
        event
        for event in reversed(listed)
        if any(name.encode() in orjson.dumps(event) for name in names)
    ]
    heard = {
        event["type"]: trigger
        for event in own
        if isinstance(trigger := StripeWebhooks().trigger(orjson.dumps(event)), ChangeTrigger)
    }
    assert heard["invoice.finalized"].kind is ChangeKind.BILLED
    assert {"invoice.paid", "invoice_payment.paid", "refund.failed"} <= heard.keys()
    assert {"charge.dispute.funds_withdrawn", "charge.dispute.closed"} <= heard.keys()
    for kind, trigger in heard.items():
        if kind.startswith(("refund.", "charge.")):
            assert trigger.payment_id == charge.payment_intent, kind
        if kind.startswith("invoice"):
            assert trigger.document_id in (None, sold.latest_invoice), kind
    # What we noted ourselves is not heard.
    assert "invoice.updated" not in heard
