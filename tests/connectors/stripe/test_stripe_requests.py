"""What reading costs: by what is asked for, never by a customer's history; and how many trips."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import at
from tests.connectors.stripe.objects import answering, empty, invoice, share, subscription

MAY = 1777593600
Json = dict[str, Any]
Subscribe = Callable[..., stripe.Subscription]


class Counting(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.url.path.split("/")[2])
        return await super().handle_async_request(request)


async def cost(
    config: ConnectionConfig, sold: stripe.Subscription, **asked: Any
) -> tuple[Counter[str], Counter[str]]:
    """Requests by their kind, for a snapshot of the subscription and one of its customer."""
    transport = Counting()
    async with StripeBilling.connect(config, transport=transport) as billing:
        await billing.snapshot(sold.id, **asked)
        subscription_cost = Counter(transport.seen)
        transport.seen.clear()
        await billing.account_snapshot(str(sold.customer), **asked)
        return subscription_cost, Counter(transport.seen)


@pytest.mark.slow
async def test_a_customer_with_a_long_history_costs_no_more(
    stripe_config: ConnectionConfig, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    short, long = subscribe(), subscribe()
    for number in range(160):
        item: Any = {
            "customer": str(long.customer),
            "subscription": long.id,
            "amount": 100 + number,
            "currency": "eur",
        }
        sdk.v1.invoice_items.create(item)
        draft = sdk.v1.invoices.create(
            {"customer": str(long.customer), "subscription": long.id, "auto_advance": False}
        )
        sdk.v1.invoices.finalize_invoice(draft.id)
        sdk.v1.invoices.pay(draft.id)
        if number % 2:
            sdk.v1.credit_notes.create({"invoice": draft.id, "amount": 10, "refund_amount": 10})
    assert len(sdk.v1.charges.list({"customer": str(long.customer), "limit": 100}).data) == 100
    costs = [
        await cost(stripe_config, sold, documents=[str(sold.latest_invoice)])
        for sold in (short, long)
    ]
    assert costs[0] == costs[1]
    assert costs[0][0] == {
        "subscriptions": 1,
        "invoices": 2,
        "invoiceitems": 1,
        "refunds": 1,
        "disputes": 1,
    }
    # What is read from a moment on costs by what happened since.
    since = at(MAY + 60 * 86_400)
    assert await cost(stripe_config, short, since=since) == await cost(
        stripe_config, long, since=since
    )


async def test_a_note_costs_what_it_is_made_of(
    stripe_config: ConnectionConfig, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    key = str(sold.latest_invoice)
    note = sdk.v1.credit_notes.create({"invoice": key, "amount": 100, "refund_amount": 100})
    transport = Counting()
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        await billing.documents([note.id])
        assert Counter(transport.seen) == {"credit_notes": 1, "prices": 1}
        transport.seen.clear()
        await billing.documents([key])
    assert Counter(transport.seen) == {
        "invoices": 1,
        "refunds": 1,
        "disputes": 1,
        "credit_notes": 1,
        "test_helpers": 1,
    }


async def test_what_lies_side_by_side_is_read_at_once(stripe_config: ConnectionConfig) -> None:
    """Each answer waits until its neighbours of the same trip are asked for: two trips, or the
    reading would not end."""
    trips = (
        {"subscriptions", "invoices?status", "invoices/in_1", "credit_notes/cn_9"},
        {"invoiceitems", "refunds", "disputes"},
    )
    asked: set[str] = set()
    news = asyncio.Condition()
    paid = invoice(
        status="paid",
        amount_remaining=0,
        payments={"data": [share()], "has_more": False},
    )
    pages = {
        "subscriptions": subscription(latest_invoice=paid),
        "invoices/in_1": paid,
        "credit_notes/cn_9": httpx.Response(
            404, json={"error": {"type": "invalid_request_error", "code": "resource_missing"}}
        ),
    }

    async def respond(request: httpx.Request) -> httpx.Response:
        _, _, kind, *rest = request.url.path.split("/")
        name = "/".join([kind, *rest]) if kind != "subscriptions" else kind
        if "status" in request.url.params:
            name = f"{kind}?status"
        trip = next((each for each in trips if name in each), None)
        assert trip is not None, name
        async with news:
            asked.add(name)
            news.notify_all()
            async with asyncio.timeout(5):
                await news.wait_for(lambda: trip <= asked)
        return answering(pages.get(name, empty()))

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.snapshot("sub_1", documents=["in_1", "cn_9"])
    assert asked == trips[0] | trips[1]
    assert ([each.document_id for each in found.documents], found.missing) == (["in_1"], ("cn_9",))


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, set()),
        ({"ending_balance": -300, "starting_balance": -1300}, {"customers"}),
        ({"post_payment_credit_notes_amount": 100}, {"credit_notes"}),
        ({"pre_payment_credit_notes_amount": 0}, set()),
    ],
)
async def test_what_is_read_beside_an_invoice_its_figures_say(
    stripe_config: ConnectionConfig, changes: Json, more: set[str]
) -> None:
    seen: list[str] = []
    paid = invoice(
        status="paid",
        amount_remaining=0,
        payments={"data": [share()], "has_more": False},
        **changes,
    )

    def respond(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.split("/")[2]
        seen.append(kind)
        return answering(paid if kind == "invoices" else empty())

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        assert len(await billing.documents(["in_1"])) == 1
    assert set(seen) == {"invoices", "refunds", "disputes"} | more
    assert len(seen) == len(set(seen))
