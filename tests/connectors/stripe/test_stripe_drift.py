"""Answers that no real Stripe gives, or about what nobody can post; and what is asked for when."""

import asyncio
from typing import Any

import httpx
import pytest

from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling

Json = dict[str, Any]


def answering(**pages: Any) -> httpx.MockTransport:
    """Answers that no real Stripe gives, by the last part of the path."""

    def respond(request: httpx.Request) -> httpx.Response:
        body = pages.get(request.url.path.split("/")[2], {"data": [], "has_more": False})
        if isinstance(body, httpx.Response):
            return body
        return httpx.Response(200, json=body)

    return httpx.MockTransport(respond)


def subscription(**changes: Any) -> Json:
    plain: Json = {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": {"data": [], "has_more": False},
        "start_date": 1,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
    }
    return plain | changes


CHARGE: Json = {
    "id": "ch_1",
    "amount": 1,
    "status": "failed",
    "payment_intent": None,
    "disputed": False,
}
NOTE: Json = {
    "id": "cn_1",
    "created": 1,
    "currency": "eur",
    "invoice": "in_1",
    "lines": {"data": [], "has_more": False},
    "status": "issued",
}
DRIFTS: list[tuple[Json, str]] = [
    ({"subscriptions": httpx.Response(200, content=b"<html>")}, "$"),
    ({"subscriptions": httpx.Response(200, content=b'{"id": "\xff"}')}, "$"),
    ({"subscriptions": []}, "$"),
    ({"subscriptions": {}}, "$.id"),
    ({"subscriptions": subscription(customer="cus_1")}, "$.customer"),
    ({"subscriptions": subscription(start_date="1")}, "$.start_date"),
    ({"subscriptions": subscription(start_date=10**15)}, "$.start_date"),
    ({"subscriptions": subscription(currency="EURO")}, "$.currency"),
    ({"subscriptions": subscription(currency="xau")}, "$.currency"),
    ({"subscriptions": subscription(metadata=[])}, "$.metadata"),
    ({"subscriptions": subscription(items={"data": [{}], "has_more": False})}, "$.items.data[0]"),
    ({"invoices": {"data": []}}, "$.has_more"),
    ({"invoices": {"data": [{"id": "in_1"}], "has_more": False}}, "$.data[0]"),
    ({"invoiceitems": {"data": [], "has_more": True}}, "$.has_more"),
    ({"charges": {"data": [CHARGE | {"status": "new"}], "has_more": False}}, "$.data[0].status"),
    ({"charges": {"data": [CHARGE | {"refunds": []}], "has_more": False}}, "$.data[0].refunds"),
    ({"credit_notes": {"data": [NOTE | {"status": "new"}], "has_more": False}}, "$.data[0].status"),
    ({"credit_notes": {"data": [NOTE | {"lines": []}], "has_more": False}}, "$.data[0].lines"),
    ({"credit_notes": {"data": [NOTE | {"invoice": {}}], "has_more": False}}, "$.data[0].invoice"),
    ({"credit_notes": {"data": [], "has_more": True}}, "$.has_more"),
    ({"subscriptions": httpx.Response(302)}, "$"),
    ({"subscriptions": httpx.Response(418)}, "$"),
    ({"invoices": httpx.Response(404)}, "$"),
]


@pytest.mark.parametrize(("pages", "path"), DRIFTS)
async def test_an_answer_outside_the_contract(
    stripe_config: ConnectionConfig, pages: Json, path: str
) -> None:
    transport = answering(**{"subscriptions": subscription()} | pages)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(ContractDrift) as caught:
            await billing.snapshot("sub_1", since=None)
    assert (caught.value.payload_path or "").startswith(path)


async def test_a_list_without_end_is_drift(stripe_config: ConnectionConfig) -> None:
    page = {"data": [CHARGE], "has_more": True}
    transport = answering(subscriptions=subscription(), charges=page)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(ContractDrift, match="does not end after 101 objects"):
            await billing.snapshot("sub_1", since=None)


@pytest.mark.parametrize("amount", [10**15 + 1, -(2**62)])
async def test_an_amount_out_of_range_is_rejected(
    stripe_config: ConnectionConfig, amount: int
) -> None:
    item: Json = {
        "id": "ii_1",
        "amount": amount,
        "currency": "eur",
        "description": None,
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "period": {"start": 1, "end": 2},
        "pricing": None,
        "proration": True,
        "quantity": 1,
    }
    pending = {"data": [item], "has_more": False}
    transport = answering(subscriptions=subscription(), invoiceitems=pending)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(Rejection, match="ii_1") as caught:
            await billing.snapshot("sub_1", since=None)
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE


async def test_under_stripe_tax_prices_are_asked_for(stripe_config: ConnectionConfig) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/subscriptions"):
            return httpx.Response(200, json=subscription(automatic_tax={"enabled": True}))
        seen.append(str(request.url.params))
        return httpx.Response(200, json={"data": [], "has_more": False})

    async with StripeBilling.connect(
        stripe_config, transport=httpx.MockTransport(respond)
    ) as billing:
        await billing.snapshot("sub_1", since=None)
    assert any("data.pricing.price_details.price" in query for query in seen)


async def test_what_is_listed_by_customer_is_read_at_once(stripe_config: ConnectionConfig) -> None:
    """Each answer waits until its neighbour is asked for: two round trips, or none would end."""
    beside = {
        "subscriptions": "invoices",
        "invoices": "subscriptions",
        "charges": "credit_notes",
        "credit_notes": "invoiceitems",
        "invoiceitems": "charges",
    }
    seen = {name: asyncio.Event() for name in beside}

    async def respond(request: httpx.Request) -> httpx.Response:
        kind = request.url.path.split("/")[2]
        seen[kind].set()
        async with asyncio.timeout(5):
            await seen[beside[kind]].wait()
        page: Json = {"data": [], "has_more": False}
        return httpx.Response(200, json=subscription() if kind == "subscriptions" else page)

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.snapshot("sub_1", since=None)
    assert (found.invoices, found.payments) == ((), ())
