"""What was credited after it was billed: in the snapshot, once in the ERP, and taken back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import stripe

from canonical_models.amendment import PaymentHint
from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.ledgering import CarriedLine
from canonical_models.money import Money
from canonical_models.term import InvoiceStatus, PaymentState
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.lines import UNPRICED
from connectors.stripe.webhooks import StripeWebhooks
from planning.dunning import suspended_items
from planning.posting import Posting, posting_of

MAY, JUNE = 1777593600, 1780272000
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
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


def ids(note: stripe.CreditNote) -> set[str]:
    return {line.id for line in note.lines.data}


def credited(found: BillingSnapshot) -> tuple[BillingLine, ...]:
    return tuple(line for line in found.lines if line.line_id.startswith("cnli_"))


def posted(*postings: Posting) -> dict[str, CarriedLine]:
    """What documents carry after these postings."""
    return {
        line.line_id: CarriedLine(
            line_id=line.line_id, item="ERP-1", net=line.net, invoice_id=line.invoice_id
        )
        for posting in postings
        for line in posting.lines
    }


async def test_a_line_is_credited_with_its_tax(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": True, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    note = credit(sdk, str(sold.latest_invoice), 500, refund_amount=500)
    found = await billing.snapshot(sold.id, since=None)
    (line,) = credited(found)
    (charged,) = set(found.lines) - {line}
    assert (line.net.minor, line.tax) == (-420, Money(minor=-80, currency="EUR"))
    assert -line.net.minor == note.total_excluding_tax
    assert {line.line_id} == ids(note)
    assert (line.item, line.item_id) == (charged.item, charged.item_id)
    assert (line.period_start, line.period_end) == (charged.period_start, charged.period_end)
    assert (line.invoice_id, line.proration) == (sold.latest_invoice, True)
    (invoice,) = found.invoices
    assert (invoice.status, invoice.total, invoice.paid) == (
        InvoiceStatus.PAID,
        Money(minor=1000, currency="EUR"),
        Money(minor=1000, currency="EUR"),
    )
    assert [payment.state for payment in found.payments] == [
        PaymentState.CONFIRMED,
        PaymentState.REFUNDED,
    ]


async def test_a_bare_amount_goes_to_the_balance(
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
    found = await billing.snapshot(sold.id, since=None)
    (line,) = credited(found)
    assert (line.item, line.item_id, line.net.minor, line.tax) == (UNPRICED, None, -300, None)
    assert line.period_start == line.period_end == datetime.fromtimestamp(note.created, UTC)
    # Neither is a movement of money.
    assert len(found.payments) == 1


async def test_all_lines_and_notes_are_read(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold, other = subscribe(**SENT), subscribe()
    key = str(sold.latest_invoice)
    credit(sdk, key, *[1] * 12)
    for _ in range(101):
        credit(sdk, key, 2)
    credit(sdk, str(other.latest_invoice), 50, credit_amount=50)
    lines = credited(await billing.snapshot(sold.id, since=None))
    assert len(lines) == 12 + 101
    assert Money.total((line.net for line in lines), "EUR").minor == -12 - 202


async def test_a_cycle_its_credit_and_the_way_back(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    cycle = posting_of(await billing.snapshot(sold.id, since=None), {})
    assert [line.net.minor for line in cycle.lines] == [1000]

    note = credit(sdk, key, 400)
    found = await billing.snapshot(sold.id, since=None)
    (invoice,) = found.invoices
    assert (invoice.status, invoice.paid.minor) == (InvoiceStatus.OPEN, 0)
    given = posting_of(found, posted(cycle))
    assert {line.line_id for line in given.lines} == ids(note)
    assert [line.net.minor for line in given.lines] == [-400]
    assert not given.withdrawn
    assert not posting_of(found, posted(cycle, given))
    # It is the charge that decides what an unpaid invoice takes away, not what was given back.
    assert suspended_items(found, [key]) == (sold["items"]["data"][0]["id"],)

    sdk.v1.credit_notes.void_credit_note(note.id)
    found = await billing.snapshot(sold.id, since=None)
    assert (set(found.voided), credited(found)) == (ids(note), ())
    back = posting_of(found, posted(cycle, given))
    assert ({line.line_id for line in back.withdrawn}, back.lines) == (ids(note), ())
    # A void note that was never posted leaves no trace.
    assert not posting_of(found, posted(cycle))

    move(sold, MAY + 2 * 3600)
    later = await billing.snapshot(sold.id, since=datetime.fromtimestamp(MAY, UTC))
    assert (later.voided, len(later.invoices)) == ((), 1)


async def test_a_credit_does_not_wait_behind_a_period_that_was_missed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    note = credit(sdk, str(sold.latest_invoice), 400, credit_amount=400)
    move(sold, JUNE + 2 * 3600)
    found = await billing.snapshot(sold.id, since=None)
    first = posting_of(found, {})
    assert [line.net.minor for line in first.lines if line.line_id in ids(note)] == [-400]
    assert (Money.total((line.net for line in first.lines), "EUR").minor, first.more) == (600, True)
    second = posting_of(found, posted(first))
    assert ([line.net.minor for line in second.lines], second.more) == ([1000], True)
    assert not posting_of(found, posted(first, second)).more


async def test_since_leaves_out_a_note_with_its_invoice(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    move(sold, MAY + 2 * 3600)
    old = credit(sdk, str(sold.latest_invoice), 100, credit_amount=100)
    latest = str(sdk.v1.subscriptions.retrieve(sold.id).latest_invoice)
    new = credit(sdk, latest, 200, credit_amount=200)
    since = datetime.fromtimestamp(MAY, UTC)
    found = await billing.snapshot(sold.id, since=since)
    assert {line.line_id for line in credited(found)} == ids(new)
    found = await billing.snapshot(sold.id, since=None)
    assert {line.line_id for line in credited(found)} == ids(old) | ids(new)


async def test_the_events_of_a_note_name_its_invoice(
    sdk: stripe.StripeClient, stripe_config: ConnectionConfig, subscribe: Subscribe
) -> None:
    sold = subscribe(**SENT)
    note = credit(sdk, str(sold.latest_invoice), 400)
    sdk.v1.credit_notes.void_credit_note(note.id)
    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as raw:
        listed = (await raw.get("/v1/events?limit=100", headers=key)).json()["data"]
    own = [event for event in reversed(listed) if event["data"]["object"]["id"] == note.id]
    assert [event["type"].partition(".")[2] for event in own] == ["created", "updated", "voided"]
    for event in own:
        hint = StripeWebhooks().hint(orjson.dumps(event))
        assert isinstance(hint, PaymentHint)
        assert (hint.payment_id, hint.invoice_id, hint.customer_id) == (
            note.id,
            sold.latest_invoice,
            sold.customer,
        )
