"""What breaks while changes are under way: nothing is lost, nothing is posted twice."""

import contextlib
import os
import signal
from collections.abc import Iterator

import httpx
import psutil
import pytest

from sandbox.demo.observed import until
from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree, sides_of
from tests.harness.buyers import Buyer, Shop
from tests.harness.e2e_stack import Front
from tests.harness.webhooks import signed, subscription_event

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

#: A document is made over REST, and posted over JSON-RPC.
CREATE = {"path_regex": r"/rest/model/account\.invoice\?"}
POST = {"body_contains": "model.account.invoice.post"}


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process and its children take no step within the block: there, but not answering."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def customer(shop: Shop) -> tuple[Buyer, Row]:
    """Who has had a plan for ten days, and it."""
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.pass_(10)
    await buyer.settled()
    return buyer, sold


async def upgrade(shop: Shop, buyer: Buyer, sold: Row) -> None:
    await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 4000))


async def upgraded_once(erp: ErpInstance, buyer: Buyer, sold: Row) -> None:
    """The upgrade is everywhere, by one document, however often it was tried."""
    done = await buyer.done(sold)
    assert [one["kind"] for one in done][:2] == ["activation", "upgrade"]
    found = await agree(erp, buyer)
    assert (len(found.issued), len(found.papers), found.counter, found.owed) == (2, 2, [], ZERO)
    assert await buyer.world.trueup.features(buyer.customer) == {"seats": 5, "sso": 1}


@pytest.mark.long
async def test_the_worker_is_killed_in_the_middle_of_a_posting(
    front: Front, erp: ErpInstance, shop: Shop
) -> None:
    buyer, sold = await customer(shop)
    killed = front.facts.pids["worker"]
    await front.fault(method="POST", **POST, action="delay", delay_ms=1000)
    try:
        await upgrade(shop, buyer, sold)

        async def posting() -> bool | None:
            return any(rule["fired"] for rule in await front.faults()) or None

        await until("the posting under way", posting)
        os.kill(killed, signal.SIGKILL)
    finally:
        await front.no_faults()
    await upgraded_once(erp, buyer, sold)
    assert front.facts.pids["worker"] != killed


async def test_answers_of_the_erp_are_lost(front: Front, erp: ErpInstance, shop: Shop) -> None:
    buyer, sold = await customer(shop)
    for request in (CREATE, POST):
        await front.fault(method="POST", **request, action="drop_after")
    try:
        await upgrade(shop, buyer, sold)
        await upgraded_once(erp, buyer, sold)
        assert [rule["fired"] for rule in await front.faults()] == [1, 1]
    finally:
        await front.no_faults()
    (made,) = [entry for entry in await buyer.done(sold) if entry["kind"] == "upgrade"]
    detail = await front.world.trueup.ask("GET", f"/v1/changes/{made['change_id']}")
    (effect,) = [entry for entry in detail["effects"] if entry["key"].startswith("document:")]
    assert (effect["state"], effect["attempts"]) == ("confirmed", 3)


@pytest.mark.long
async def test_temporal_stands_still_while_events_arrive(
    front: Front, erp: ErpInstance, shop: Shop
) -> None:
    buyer, sold = await customer(shop)
    with frozen(front.facts.pids["temporal"]):
        await upgrade(shop, buyer, sold)

        async def accepted() -> list[Row] | None:
            found = await front.world.billing.ask("GET", "/_sim/deliveries")
            told = [d for d in found["deliveries"] if d["type"].endswith("subscription.updated")]
            return told if told[-1]["state"] == "delivered" else None

        newest = (await until("the event taken by the intake", accepted))[-1]
        assert newest["last_status"] == 202
        assert len((await sides_of(erp, buyer)).papers) == 1
    await upgraded_once(erp, buyer, sold)


async def test_postgres_stands_still_and_billing_tries_again(
    front: Front, erp: ErpInstance, shop: Shop
) -> None:
    buyer, sold = await customer(shop)
    secret = front.facts.stripe.webhook_secret or ""
    lost = subscription_event("evt_while_away", sold["id"])
    with frozen(front.facts.pids["postgres"]):
        await upgrade(shop, buyer, sold)
        refusal = await _send(front, lost, secret)
        assert refusal.status_code == 503
        assert int(refusal.headers["retry-after"]) > 0

        async def refused() -> bool | None:
            found = await front.world.billing.ask(
                "GET", "/_sim/deliveries", params={"state": "pending"}
            )
            return any(d["last_status"] == 503 for d in found["deliveries"]) or None

        await until("billing told to try again", refused)
    await upgraded_once(erp, buyer, sold)
    # What was refused may have reached the disk once PostgreSQL went on: the sender, who was told
    # to come again, is answered for good then, and the event is there once.
    again = await _send(front, lost, secret)
    assert again.status_code in (200, 202)
    kept = await front.world.trueup.ask("GET", "/v1/inbox", params={"limit": 200})
    assert [entry["event_id"] for entry in kept["items"]].count("evt_while_away") == 1
    await buyer.settled()


async def _send(front: Front, body: bytes, secret: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as sender:
        return await sender.post(
            front.facts.stripe.webhook_url, content=body, headers=signed(body, secret=secret)
        )
