"""What is late, what is given up, and the money that comes after all."""

from collections.abc import Callable
from typing import Any

import stripe

from canonical_models.documents import BillingDocument, DocumentStatus
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import at, moved, proven

APRIL, MAY = 1775001600, 1777593600
DAY, HOUR = 86_400, 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Control = Callable[..., dict[str, Any]]
SENT = {"collection_method": "send_invoice", "days_until_due": 14}
PAID = ("payment", 1000, True)


async def whole(billing: StripeBilling, key: object) -> BillingDocument:
    (found,) = await billing.documents([str(key)])
    proven(found)
    return found


async def test_what_is_given_up_is_written_off_and_late_money_leaves_that(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    control: Control,
) -> None:
    sold = subscribe(**SENT)
    key = str(sold.latest_invoice)
    control(f"invoices/{key}/partial_payment", amount=300)
    move(sold, APRIL + 20 * DAY)
    sdk.v1.invoices.mark_uncollectible(key)
    given_up = await whole(billing, key)
    assert moved(given_up) == [("payment", 300, True), ("write_off", 700, True)]
    assert given_up.settlements[1].settlement_id == f"{key}/write-off"
    assert (given_up.status, given_up.closed_at, given_up.remaining.minor) == (
        DocumentStatus.UNCOLLECTIBLE,
        at(APRIL + 20 * DAY),
        0,
    )

    move(sold, APRIL + 25 * DAY)
    control(f"invoices/{key}/partial_payment", amount=200)
    part = await whole(billing, key)
    assert moved(part) == [*moved(given_up), ("payment", 200, False)]
    sdk.v1.invoices.pay(key)
    paid = await whole(billing, key)
    assert sorted(moved(paid)[2:]) == [("payment", 200, False), ("payment", 500, False)]
    assert moved(paid)[:2] == moved(given_up)
    assert {each.about for each in paid.settlements[2:]} == {key}
    assert (paid.status, paid.remaining.minor) == (DocumentStatus.PAID, 0)


async def test_a_charge_that_is_refused(
    billing: StripeBilling,
    subscribe: Subscribe,
    move: Move,
    control: Control,
) -> None:
    sold = subscribe()
    control(f"customers/{sold.customer}/payment", outcome="fail")
    move(sold, MAY + 2 * HOUR)
    (late,) = (await billing.snapshot(sold.id)).documents
    assert (late.status, late.owed) == (DocumentStatus.OPEN, True)
    assert late.overdue_since == at(MAY + HOUR)  # when it was final, an hour after its draft
    assert moved(late) == []

    control(f"customers/{sold.customer}/payment", outcome="succeed")
    move(sold, MAY + 10 * DAY)
    (paid,) = (await billing.snapshot(sold.id)).documents
    assert (paid.overdue_since, moved(paid)) == (None, [PAID])


async def test_an_invoice_that_was_sent_is_late_once_it_is_due(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe(**SENT)
    due = sdk.v1.invoices.retrieve(str(sold.latest_invoice)).due_date
    assert due is not None
    move(sold, due - 1)
    early = await whole(billing, sold.latest_invoice)
    assert (early.due_at, early.overdue_since) == (at(due), None)
    move(sold, due)
    # Both ways of reading go by the clock of the customer.
    assert (await whole(billing, sold.latest_invoice)).overdue_since == at(due)
    assert (await billing.snapshot(sold.id)).documents[0].overdue_since == at(due)
