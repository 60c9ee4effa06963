"""How a subscription goes on and ends: renewals, what was issued since, cancellations, pauses."""

from collections.abc import Callable
from datetime import date
from typing import Any

import stripe

from canonical_models.commerce import SubscriptionStatus
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import at, by_id

APRIL, MID_APRIL, MAY, JUNE = 1775001600, 1776297600, 1777593600, 1780272000
HOUR = 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]


def draft_of(sdk: stripe.StripeClient, sold: stripe.Subscription, amount: int) -> str:
    """A draft made by hand of one amount."""
    wanted: Any = {
        "customer": str(sold.customer),
        "subscription": sold.id,
        "amount": amount,
        "currency": "eur",
    }
    sdk.v1.invoice_items.create(wanted)
    return sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id}).id


async def test_in_the_hour_of_its_draft_a_renewal_is_not_billed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    move(sold, MAY)
    found = await billing.snapshot(sold.id)
    # The newest document is still the one before.
    assert [document.document_id for document in found.documents] == [sold.latest_invoice]
    assert ([line.net.minor for line in found.unbilled.lines], found.unbilled.expected_on) == (
        [1000],
        date(2026, 5, 1),
    )
    move(sold, MAY + 2 * HOUR)
    found = await billing.snapshot(sold.id)
    latest = sdk.v1.subscriptions.retrieve(sold.id).latest_invoice
    assert [document.document_id for document in found.documents] == [latest]
    assert found.unbilled.lines == ()


async def test_since_then_all_that_was_issued(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    draft = draft_of(sdk, sold, 70)
    move(sold, MAY + 2 * HOUR)
    move(sold, JUNE + 2 * HOUR)
    every = await billing.snapshot(sold.id, since=at(APRIL))
    assert len(by_id(every.documents)) == 3
    newer = await billing.snapshot(sold.id, since=at(MAY + 3 * HOUR))
    assert newer.documents == every.documents[2:]
    # What was drafted before and becomes final after was issued after.
    sdk.v1.invoices.finalize_invoice(draft)
    newer = await billing.snapshot(sold.id, since=at(MAY + 3 * HOUR))
    assert set(by_id(newer.documents)) == {every.documents[2].document_id, draft}
    # The newest comes always, what is older is asked for by name.
    first = every.documents[0].document_id
    named = await billing.snapshot(sold.id, documents=[first])
    assert set(by_id(named.documents)) == {first, every.documents[2].document_id}
    assert named.documents[0] == every.documents[0].model_copy(
        update={"overdue_since": named.documents[0].overdue_since}
    )


async def test_a_cancellation_at_period_end_and_its_reinstatement(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    sdk.v1.subscriptions.update(sold.id, {"cancel_at_period_end": True})
    assert (await billing.snapshot(sold.id)).subscription.ends_at == at(MAY)
    sdk.v1.subscriptions.update(sold.id, {"cancel_at_period_end": False})
    assert (await billing.snapshot(sold.id)).subscription.ends_at is None


async def test_a_cancellation_now_credits_what_is_left(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    sdk.v1.subscriptions.cancel(sold.id, {"prorate": True})
    found = await billing.snapshot(sold.id)
    assert found.subscription.status is SubscriptionStatus.CANCELLED
    assert found.subscription.ended_at == at(MID_APRIL)
    assert [line.net.minor for line in found.unbilled.lines] == [-500]
    assert found.unbilled.expected_on is None


async def test_collection_that_is_paused_by_voiding(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    sdk.v1.subscriptions.update(sold.id, {"pause_collection": {"behavior": "void"}})
    assert not (await billing.snapshot(sold.id)).subscription.status.grants_access
    sdk.v1.subscriptions.update(sold.id, {"pause_collection": ""})
    assert (await billing.snapshot(sold.id)).subscription.status.grants_access
