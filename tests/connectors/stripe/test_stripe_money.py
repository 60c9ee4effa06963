"""What an invoice is worth and what became of it: paid, in parts, given back, disputed, late."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
import stripe

from canonical_models.amendment import ChangeHint, ChangeKind, PaymentHint
from canonical_models.money import Money
from canonical_models.term import InvoiceStatus, Payment, PaymentState
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks

APRIL, MID_APRIL, MAY = 1775001600, 1776297600, 1777593600
DAY = 86_400
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Control = Callable[..., dict[str, Any]]
SENT = {"collection_method": "send_invoice", "days_until_due": 14}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def charge_of(sdk: stripe.StripeClient, sold: stripe.Subscription) -> stripe.Charge:
    (charge,) = sdk.v1.charges.list({"customer": str(sold.customer)}).data
    return charge


def moved(payments: tuple[Payment, ...]) -> list[tuple[PaymentState, int]]:
    return [(payment.state, payment.moved.minor) for payment in payments]


async def test_a_paid_invoice_and_its_payment(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    found = await billing.snapshot(sold.id, since=None)
    (invoice,) = found.invoices
    assert invoice.invoice_id == sold.latest_invoice
    assert (invoice.customer_id, invoice.subscription_id) == (sold.customer, sold.id)
    assert (invoice.status, invoice.created_at) == (InvoiceStatus.PAID, at(APRIL))
    assert invoice.total == invoice.paid == Money(minor=1190, currency="EUR")
    assert invoice.number == sdk.v1.invoices.retrieve(invoice.invoice_id).number
    assert (invoice.due_at, invoice.overdue_since) == (None, None)
    assert found.payments == (
        Payment(
            payment_id=str(charge_of(sdk, sold).payment_intent),
            invoice_id=invoice.invoice_id,
            amount=invoice.total,
            state=PaymentState.CONFIRMED,
            at=at(APRIL),
        ),
    )
    assert [line.item_id for line in found.lines] == [sold["items"]["data"][0]["id"]]


async def test_an_invoice_is_paid_in_parts_and_the_rest_elsewhere(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    control(f"invoices/{key}/partial_payment", amount=300)
    found = await billing.snapshot(sold.id, since=None)
    (part,) = found.payments
    assert (part.amount.minor, found.invoices[0].paid.minor) == (300, 300)
    assert found.invoices[0].status is InvoiceStatus.OPEN
    assert part.payment_id == charge_of(sdk, sold).payment_intent

    sdk.v1.invoices.pay(key, {"paid_out_of_band": True})
    found = await billing.snapshot(sold.id, since=None)
    assert (found.invoices[0].status, found.invoices[0].paid.minor) == (InvoiceStatus.PAID, 1000)
    elsewhere = {payment.payment_id: payment.amount.minor for payment in found.payments}
    assert elsewhere.pop(part.payment_id) == 300
    ((name, amount),) = elsewhere.items()
    assert (name.startswith("inpay_"), amount) == (True, 700)


async def test_money_that_was_given_back(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    charge = charge_of(sdk, sold)
    first = sdk.v1.refunds.create({"charge": charge.id, "amount": 200})
    second = sdk.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    found = await billing.snapshot(sold.id, since=None)
    assert found.payments[0].state is PaymentState.CONFIRMED
    assert sorted(moved(found.payments[1:])) == [
        (PaymentState.REFUNDED, -800),
        (PaymentState.REFUNDED, -200),
    ]
    assert {payment.payment_id for payment in found.payments[1:]} == {first.id, second.id}
    assert {payment.invoice_id for payment in found.payments} == {sold.latest_invoice}
    # What was paid was paid: giving it back is a movement of its own.
    assert found.invoices[0].paid.minor == 1000


@pytest.mark.parametrize(
    ("status", "after"),
    [("lost", []), ("won", [(PaymentState.REINSTATED, 600)])],
)
async def test_a_dispute(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    control: Control,
    status: str,
    after: list[tuple[PaymentState, int]],
) -> None:
    sold = subscribe()
    dispute = control(f"charges/{charge_of(sdk, sold).id}/dispute", amount=600)["id"]
    taken = [(PaymentState.CONFIRMED, 1000), (PaymentState.DISPUTED, -600)]
    found = (await billing.snapshot(sold.id, since=None)).payments
    assert moved(found) == taken
    assert found[1].payment_id == dispute

    control(f"disputes/{dispute}/close", status=status)
    found = (await billing.snapshot(sold.id, since=None)).payments
    assert moved(found) == taken + after
    assert [payment.payment_id for payment in found[2:]] == [f"{dispute}-won"] * len(after)


async def test_a_charge_that_is_refused(
    billing: StripeBilling,
    subscribe: Subscribe,
    move: Move,
    control: Control,
) -> None:
    sold = subscribe()
    control(f"customers/{sold.customer}/payment", outcome="fail")
    move(sold, MAY + 2 * 3600)
    found = await billing.snapshot(sold.id, since=None)
    paid, late = found.invoices
    assert (paid.overdue_since, late.status) == (None, InvoiceStatus.OPEN)
    assert late.overdue_since == at(MAY + 3600)  # when it was final, an hour after its draft
    assert late.unpaid
    assert [payment.invoice_id for payment in found.payments] == [paid.invoice_id]

    control(f"customers/{sold.customer}/payment", outcome="succeed")
    move(sold, MAY + 10 * DAY)
    found = await billing.snapshot(sold.id, since=None)
    assert [invoice.overdue_since for invoice in found.invoices] == [None, None]
    assert len(found.payments) == 2


async def test_an_invoice_that_was_sent_is_late_once_it_is_due(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe(**SENT)
    due = sdk.v1.invoices.retrieve(str(sold.latest_invoice)).due_date
    assert due is not None
    move(sold, due - 1)
    (invoice,) = (await billing.snapshot(sold.id, since=None)).invoices
    assert (invoice.due_at, invoice.overdue_since) == (at(due), None)
    move(sold, due)
    (invoice,) = (await billing.snapshot(sold.id, since=None)).invoices
    assert invoice.overdue_since == at(due)


async def test_lines_of_drafts_and_of_void_invoices_are_named(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    item = sdk.v1.invoice_items.create(
        {
            "customer": str(sold.customer),
            "subscription": sold.id,
            "amount": 70,
            "currency": "eur",
        }
    )
    draft = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    found = await billing.snapshot(sold.id, since=None)
    assert (found.drafted, found.voided) == ((item.id,), ())
    assert draft.id not in {invoice.invoice_id for invoice in found.invoices}

    sdk.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False})
    open_one = await billing.snapshot(sold.id, since=None)
    assert (open_one.drafted, open_one.voided) == ((), ())
    sdk.v1.invoices.void_invoice(draft.id)
    found = await billing.snapshot(sold.id, since=None)
    assert (found.drafted, found.voided) == ((), (item.id,))
    assert item.id not in {line.line_id for line in found.lines}
    statuses = {invoice.invoice_id: invoice.status for invoice in found.invoices}
    assert statuses[draft.id] is InvoiceStatus.VOID


async def test_since_leaves_the_money_of_the_past_out(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    sdk.v1.refunds.create({"charge": charge_of(sdk, sold).id, "amount": 100})
    move(sold, MAY + 2 * 3600)
    every = await billing.snapshot(sold.id, since=None)
    newest = await billing.snapshot(sold.id, since=at(MAY))
    assert (len(every.invoices), len(every.payments)) == (2, 3)
    assert newest.invoices == every.invoices[1:]
    assert newest.payments == every.payments[2:]


async def test_collection_that_is_paused_by_voiding(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    sdk.v1.subscriptions.update(sold.id, {"pause_collection": {"behavior": "void"}})
    found = (await billing.snapshot(sold.id, since=None)).subscription
    assert not found.status.grants_access
    sdk.v1.subscriptions.update(sold.id, {"pause_collection": ""})
    found = (await billing.snapshot(sold.id, since=None)).subscription
    assert found.status.grants_access


async def test_the_events_of_money_name_the_payment(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    stripe_config: ConnectionConfig,
    subscribe: Subscribe,
    control: Control,
) -> None:
    sold = subscribe()
    charge = charge_of(sdk, sold)
    sdk.v1.refunds.create({"charge": charge.id, "amount": 100})
    dispute = control(f"charges/{charge.id}/dispute", amount=500)["id"]
    control(f"disputes/{dispute}/close", status="won")
    await billing.record_standing(str(sold.latest_invoice), {"document": "7"}, key=f"{sold.id}/1")

    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as raw:
        listed = (await raw.get("/v1/events?limit=100", headers=key)).json()["data"]
    names = (sold.id, str(sold.latest_invoice), charge.id, str(charge.payment_intent))
    bodies = [orjson.dumps(event) for event in reversed(listed)]
    own = [body for body in bodies if any(name.encode() in body for name in names)]
    hints = [hint for hint in map(StripeWebhooks().hint, own) if hint]
    changes = [hint.kind for hint in hints if isinstance(hint, ChangeHint)]
    assert sorted(changes) == [ChangeKind.ACTIVATION, ChangeKind.BILLED, ChangeKind.PAYMENT]
    payments = [hint.payment_id for hint in hints if isinstance(hint, PaymentHint)]
    # Paid, given back, taken away, decided, returned.
    assert payments == [charge.payment_intent] * 5
