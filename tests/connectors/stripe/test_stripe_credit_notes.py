"""Credit notes: documents of their own, with what they correct and where the credit went."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import stripe

from canonical_models.amendment import ChangeTrigger
from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.lines import UNPRICED
from connectors.stripe.webhooks import StripeWebhooks
from tests.connectors.stripe.books import at, by_id, moved, proven

APRIL, MAY = 1775001600, 1777593600
HOUR = 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Control = Callable[..., dict[str, Any]]
SENT = {"collection_method": "send_invoice", "days_until_due": 14}


def credit(
    sdk: stripe.StripeClient, invoice: str, *amounts: int, **where: Any
) -> stripe.CreditNote:
    """A credit note of parts of the invoice's first line."""
    line = sdk.v1.invoices.retrieve(invoice).lines.data[0].id
    parts = [
        {"type": "invoice_line_item", "invoice_line_item": line, "amount": amount}
        for amount in amounts
    ]
    wanted: Any = {"invoice": invoice, "lines": parts}
    return sdk.v1.credit_notes.create(wanted | where)


async def pair(
    billing: StripeBilling, note: stripe.CreditNote
) -> tuple[BillingDocument, BillingDocument]:
    """The note, and what it corrects."""
    found = await billing.documents([note.id, str(note.invoice)])
    proven(*found)
    return found[0], found[1]


async def test_a_line_is_credited_with_its_tax_and_refunded(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": True, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    note = credit(sdk, str(sold.latest_invoice), 500, refund_amount=500)
    found, corrected = await pair(billing, note)
    assert (found.kind, found.status, found.number) == (
        DocumentKind.CREDIT_NOTE,
        DocumentStatus.ISSUED,
        note.number,
    )
    assert (found.corrects, found.subscription_id) == (sold.latest_invoice, sold.id)
    assert (found.gross.minor, found.tax.minor, found.remaining.minor) == (-500, -80, 0)
    (line,), (charged,) = found.lines, corrected.lines
    assert (line.net.minor, line.tax) == (-420, Money(minor=-80, currency="EUR"))
    assert (line.line_id, line.corrects) == (note.lines.data[0].id, charged.line_id)
    assert (line.item, line.price, line.item_id) == (charged.item, charged.price, charged.item_id)
    assert (line.period_start, line.period_end) == (charged.period_start, charged.period_end)
    assert moved(found) == [("refund", -500, True)]
    assert found.settlements[0].settlement_id == note.refunds[0].refund
    # The refund that a note answers is no debt beside the invoice.
    assert moved(corrected) == [("payment", 1000, True)]
    assert (corrected.status, corrected.remaining.minor) == (DocumentStatus.PAID, 0)


async def test_a_refund_that_a_note_answers_later_keeps_its_name(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    key = str(sold.latest_invoice)
    (charge,) = sdk.v1.charges.list({"customer": str(sold.customer)}).data
    refund = sdk.v1.refunds.create({"charge": charge.id, "amount": 400})
    (before,) = await billing.documents([key])
    (debt,) = [each for each in before.settlements if each.about]
    note = credit(sdk, key, 400, refunds=[{"refund": refund.id}])
    found, corrected = await pair(billing, note)
    (answered,) = found.settlements
    assert answered.settlement_id == debt.settlement_id == refund.id
    assert (answered.document_id, answered.amount) == (note.id, debt.amount)
    assert [each for each in corrected.settlements if each.about] == []


async def test_a_bare_amount_to_the_balance_and_elsewhere(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    note = sdk.v1.credit_notes.create(
        {
            "invoice": str(sold.latest_invoice),
            "amount": 300,
            "credit_amount": 200,
            "out_of_band_amount": 100,
        }
    )
    found, corrected = await pair(billing, note)
    (line,) = found.lines
    assert (line.item, line.item_id, line.net.minor, line.taxes) == (UNPRICED, None, -300, ())
    assert (line.subscription_id, line.period_start, line.corrects) == (sold.id, None, None)
    assert sorted(moved(found)) == [("balance", -200, True), ("paid_elsewhere", -100, True)]
    assert moved(corrected) == [("payment", 1000, True)]
    account = await billing.account_snapshot(str(sold.customer))
    # Its document shows it: it is no goodwill.
    assert ([each.minor for each in account.balance], account.movements) == ([200], ())


async def test_on_an_open_invoice_it_is_set_off_until_it_is_void(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe(**SENT)
    note = credit(sdk, str(sold.latest_invoice), 400)
    found, corrected = await pair(billing, note)
    assert moved(found) == [("credit_note", -400, True)]
    assert moved(corrected) == [("credit_note", 400, True)]
    assert corrected.settlements[0].settlement_id == f"{note.id}/applied"
    assert (corrected.settlements[0].against, found.settlements[0].against) == (
        note.id,
        sold.latest_invoice,
    )
    assert (corrected.status, corrected.remaining.minor) == (DocumentStatus.OPEN, 600)

    sdk.v1.credit_notes.void_credit_note(note.id)
    found, corrected = await pair(billing, note)
    assert (found.status, found.closed_at) == (DocumentStatus.VOID, at(APRIL))
    assert sorted(moved(found)) == [("credit_note", -400, True), ("credit_note", 400, True)]
    assert (corrected.settlements, corrected.remaining.minor) == ((), 1000)


async def test_in_parts_before_and_after_the_payment(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    control(f"invoices/{key}/partial_payment", amount=700)
    note = credit(sdk, key, 400, refund_amount=100)
    found, corrected = await pair(billing, note)
    assert sorted(moved(found)) == [("credit_note", -300, True), ("refund", -100, True)]
    assert sorted(moved(corrected)) == [("credit_note", 300, True), ("payment", 700, True)]
    assert corrected.status is DocumentStatus.PAID


async def test_a_refund_of_a_note_that_fails_is_still_owed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    sold = subscribe()
    control(f"customers/{sold.customer}/refunds", outcome="pending")
    note = credit(sdk, str(sold.latest_invoice), 400, refund_amount=400)
    found, _ = await pair(billing, note)
    assert (moved(found), found.remaining.minor) == ([("refund", -400, True)], 0)
    control(f"refunds/{note.refunds[0].refund}/fail")
    found, corrected = await pair(billing, note)
    assert (moved(found), found.remaining.minor) == ([], -400)
    assert moved(corrected) == [("payment", 1000, True)]


async def test_all_lines_and_notes_are_read(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    first = credit(sdk, key, *[1] * 12)
    for _ in range(101):
        credit(sdk, key, 2)
    found, corrected = await pair(billing, first)
    assert (len(found.lines), found.gross.minor) == (12, -12)
    assert (len(corrected.settlements), corrected.remaining.minor) == (102, 1000 - 12 - 202)


async def test_since_then_also_notes_on_older_invoices(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold, other = subscribe(), subscribe()
    old = credit(sdk, str(sold.latest_invoice), 100, credit_amount=100)
    move(sold, MAY + 2 * HOUR)
    new = credit(sdk, str(sold.latest_invoice), 200, credit_amount=200)
    credit(sdk, str(other.latest_invoice), 50, credit_amount=50)
    latest = str(sdk.v1.subscriptions.retrieve(sold.id).latest_invoice)
    found = await billing.snapshot(sold.id, since=at(MAY))
    assert set(by_id(found.documents)) == {latest, new.id}
    found = await billing.snapshot(sold.id, since=at(APRIL))
    assert set(by_id(found.documents)) == {latest, str(sold.latest_invoice), old.id, new.id}
    found = await billing.snapshot(sold.id, documents=[old.id])
    assert set(by_id(found.documents)) == {latest, old.id}


async def test_the_events_of_a_note_name_it_and_its_invoice(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    stripe_config: ConnectionConfig,
    subscribe: Subscribe,
) -> None:
    sold = subscribe(**SENT)
    note = credit(sdk, str(sold.latest_invoice), 400)
    await billing.record_erp_status(note.id, {"document": "7"}, key=f"{note.id}/1")
    sdk.v1.credit_notes.void_credit_note(note.id)
    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as conn:
        listed = (await conn.get("/v1/events?limit=100", headers=key)).json()["data"]
    own = [event for event in reversed(listed) if event["data"]["object"]["id"] == note.id]
    read = [(event["type"], StripeWebhooks().trigger(orjson.dumps(event))) for event in own]
    # Made, noted on by us, and taken back.
    assert [kind.partition(".")[2] for kind, _ in read] == [
        "created",
        "updated",
        "updated",
        "voided",
    ]
    assert read[1][1] is None
    for _, trigger in (read[0], *read[2:]):
        assert isinstance(trigger, ChangeTrigger)
        assert (
            trigger.document_id,
            trigger.corrects,
            trigger.customer_id,
            trigger.subscription_id,
        ) == (
            note.id,
            sold.latest_invoice,
            sold.customer,
            None,
        )
