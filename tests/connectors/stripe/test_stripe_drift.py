"""Answers that no real dialogue gives, or about what nobody can post: told, and never guessed."""

import asyncio
from typing import Any

import httpx
import pytest

from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.contracts import Contract, watched
from connectors.replaying import timeless
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.objects import (
    Json,
    invoice,
    line,
    listing,
    note,
    serving,
    share,
    subscription,
)

PAID: Json = {"status": "paid", "amount_remaining": 0}
WITH_SHARE: Json = PAID | {"payments": listing(share())}
REFUND: Json = {"id": "re_1", "amount": 1, "created": 1, "currency": "eur", "status": "succeeded"}
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
    ({"subscriptions": subscription(items=listing({}))}, "$.items.data[0]"),
    # Words of lists by which access or money is decided.
    ({"subscriptions": subscription(status="resting")}, "$.status"),
    ({"subscriptions": subscription(pause_collection={"behavior": "half"})}, "$.pause_coll"),
    (
        {"invoices": listing(invoice(payments=listing(share(payment={"type": "barter"}))))},
        "$.data[0].payments.data[0].payment.type",
    ),
    # Never read as the id of one that was deleted, whatever else it says.
    (
        {"subscriptions": subscription(latest_invoice=invoice(total="10.00"))},
        "$.latest_invoice.total",
    ),
    ({"subscriptions": subscription(latest_invoice={"id": 1})}, "$.latest_invoice"),
    ({"invoices": {"data": []}}, "$.has_more"),
    ({"invoices": listing({"id": "in_1"})}, "$.data[0]"),
    ({"invoiceitems": {"data": [], "has_more": True}}, "$.has_more"),
    ({"refunds": listing(REFUND | {"status": "new"})}, "$.data[0].status"),
    ({"refunds": {"data": [], "has_more": True}}, "$.has_more"),
    ({"disputes": listing(REFUND)}, "$.data[0]"),
    ({"subscriptions": httpx.Response(302)}, "$"),
    ({"subscriptions": httpx.Response(418)}, "$"),
    ({"invoices": httpx.Response(404, json={"error": {"type": "novel"}})}, "$.error"),
]


@pytest.mark.parametrize(("pages", "path"), DRIFTS)
async def test_an_answer_outside_the_contract(
    stripe_config: ConnectionConfig, pages: Json, path: str
) -> None:
    plain = {"subscriptions": subscription(latest_invoice=invoice(**WITH_SHARE))}
    async with StripeBilling.connect(stripe_config, transport=serving(**plain | pages)) as billing:
        with pytest.raises(ContractDrift) as caught:
            await billing.snapshot("sub_1")
    assert (caught.value.payload_path or "").startswith(path)


@pytest.mark.parametrize(
    ("found", "path"),
    [
        (note(status="new"), "$.status"),
        (note(lines=[]), "$.lines"),
        (note(invoice="in_1"), "$.invoice"),
        (note(total=None), "$.total"),
    ],
)
async def test_a_note_outside_the_contract(
    stripe_config: ConnectionConfig, found: Json, path: str
) -> None:
    async with StripeBilling.connect(
        stripe_config, transport=serving(credit_notes=found)
    ) as billing:
        with pytest.raises(ContractDrift) as caught:
            await billing.documents(["cn_1"])
    assert (caught.value.payload_path or "").startswith(path)


async def test_a_list_without_end_is_drift(stripe_config: ConnectionConfig) -> None:
    page = {"data": [REFUND], "has_more": True}
    transport = serving(invoices=invoice(**WITH_SHARE), refunds=page)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(ContractDrift, match="does not end after 101 objects"):
            await billing.documents(["in_1"])


@pytest.mark.parametrize("amount", [10**12 + 1, -(2**62)])
async def test_an_amount_out_of_range_is_rejected_and_only_shown_stops_nothing(
    stripe_config: ConnectionConfig, amount: int
) -> None:
    huge = invoice(total=amount, amount_remaining=amount, lines=listing(line(amount=amount)))
    async with StripeBilling.connect(stripe_config, transport=serving(invoices=huge)) as billing:
        with pytest.raises(Rejection, match="il_1") as caught:
            await billing.documents(["in_1"])
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE
    transport = serving(subscriptions=subscription(), invoices=listing(huge | {"status": "draft"}))
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        assert (await billing.snapshot("sub_1")).unbilled.lines == ()


async def test_reads_that_are_stopped_end_all(stripe_config: ConnectionConfig) -> None:
    """A read that is cancelled leaves none of its neighbours behind."""
    begun, running = asyncio.Event(), 0

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal running
        running += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1
        raise AssertionError(request)

    async with StripeBilling.connect(
        stripe_config, transport=httpx.MockTransport(respond)
    ) as billing:
        reading = asyncio.ensure_future(billing.snapshot("sub_1", documents=["in_1"]))
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert running == 0


def with_more(told: Any) -> Any:
    """The same answer by a newer Stripe: each object has a member, and each list of words a word,
    that nobody here has heard of."""
    match told:
        case dict():
            words = {"billing_scheme": "per_moon", "tax_type": "moon_tax", "usage_type": "moons"}
            inner = {
                key: words.get(key, with_more(each)) if key != "metadata" else each
                for key, each in told.items()
            }
            return inner | {"brand_new": {"of": ["a kind", 1, None]}}
        case list():
            return [with_more(each) for each in told]
        case _:
            return told


async def test_what_is_new_and_not_needed_changes_nothing(stripe_config: ConnectionConfig) -> None:
    price = {
        "id": "price_1",
        "currency": "eur",
        "product": "prod_1",
        "billing_scheme": "per_unit",
        "unit_amount": 1000,
        "recurring": {"usage_type": "licensed"},
    }
    item = {
        "id": "si_1",
        "price": price,
        "quantity": 1,
        "current_period_start": 1,
        "current_period_end": 2,
    }
    plain = {
        "subscriptions": subscription(
            items=listing(item), latest_invoice=invoice(**WITH_SHARE), metadata={"a": "b"}
        )
    }
    read, told = [], []
    for pages in (plain, with_more(plain)):
        contract = Contract("stripe")
        async with StripeBilling.connect(stripe_config, transport=serving(**pages)) as billing:
            found = await watched(billing, contract).snapshot("sub_1")
            assert len(found.documents) == 1
            read.append(timeless(found.model_dump(mode="json")))
            told.append(contract.take()[2])
    # Of a price of an unknown kind no price a unit is shown; and the words are told.
    plan = read[1]["subscription"]["items"][0]["plan"]
    assert plan["unit_price"] is None
    plan["unit_price"] = read[0]["subscription"]["items"][0]["plan"]["unit_price"]
    assert read[0] == read[1]
    assert told[0] == {}
    assert {(one.operation, one.path, one.change.split(",")[0]) for one in told[1]} == {
        ("GET /v1/subscriptions/*", "$..billing_scheme", "is `per_moon` now"),
        ("GET /v1/subscriptions/*", "$..usage_type", "is `moons` now"),
    }
    assert set(told[1].values()) == {1}
