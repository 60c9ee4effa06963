"""What breaks while changes are under way: nothing is lost, nothing is posted twice."""

import contextlib
import os
import signal
from collections.abc import Iterator

import httpx
import psutil
import pytest

from demo.looking import until
from demo.systems import Row
from demo.world import Account, upgrade
from tests.e2e.conftest import Shop
from tests.harness.e2e_accounts import settled, subscriber
from tests.harness.e2e_reading import agreed, change_of, documents
from tests.harness.e2e_stack import Front
from tests.harness.webhooks import signed, subscription_event

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

CREATE = r"/rest/model/account\.invoice\?"
POST = r"/rest/model/account\.invoice/\d+/post"


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


async def upgraded_once(front: Front, account: Account) -> None:
    """The upgrade is everywhere, by one document, however often it was tried."""
    done = [c for c in await settled(front, account) if c["outcome"] != "no_change"]
    assert [(c["kind"], c["outcome"]) for c in done] == [
        ("activation", "completed"),
        ("upgrade", "completed"),
    ]
    papers = [change_of(p) for p in await documents(front.world, account)]
    assert papers == [c["change_id"] for c in done]
    await agreed(front.world, account)
    assert await front.world.trueup.features(account.customer) == {"seats": 5, "sso": 1}


async def test_the_worker_is_killed_in_the_middle_of_a_posting(front: Front, shop: Shop) -> None:
    account = await subscriber(front.world, shop.starter)
    await settled(front, account)
    killed = front.facts.pids["worker"]
    await front.fault(method="POST", path_regex=POST, action="delay", delay_ms=1000)
    try:
        await upgrade(front.world, account, shop.pro)

        async def posting() -> bool | None:
            return any(rule["fired"] for rule in await front.faults()) or None

        await until("the posting under way", posting)
        os.kill(killed, signal.SIGKILL)
    finally:
        await front.no_faults()
    await upgraded_once(front, account)
    assert front.facts.pids["worker"] != killed


async def test_answers_of_the_erp_are_lost(front: Front, shop: Shop) -> None:
    account = await subscriber(front.world, shop.starter)
    await settled(front, account)
    for path in (CREATE, POST):
        await front.fault(method="POST", path_regex=path, action="drop_after")
    try:
        await upgrade(front.world, account, shop.pro)
        await upgraded_once(front, account)
        assert [rule["fired"] for rule in await front.faults()] == [1, 1]
    finally:
        await front.no_faults()
    changes = await front.world.trueup.changes(account.subscription)
    (made,) = [entry for entry in changes if entry["kind"] == "upgrade"]
    detail = await front.world.trueup.ask("GET", f"/v1/changes/{made['change_id']}")
    (effect,) = [entry for entry in detail["effects"] if entry["system"] == "erp"]
    assert (effect["state"], effect["attempts"]) == ("confirmed", 3)


async def test_temporal_stands_still_while_events_arrive(front: Front, shop: Shop) -> None:
    account = await subscriber(front.world, shop.starter)
    await settled(front, account)
    with frozen(front.facts.pids["temporal"]):
        await upgrade(front.world, account, shop.pro)

        async def accepted() -> list[Row] | None:
            found = await front.world.billing.ask("GET", "/_sim/deliveries")
            told = [d for d in found["deliveries"] if d["type"].endswith("subscription.updated")]
            return told if told[-1]["state"] == "delivered" else None

        newest = (await until("the event taken by the intake", accepted))[-1]
        assert newest["last_status"] == 202
        assert len(await documents(front.world, account)) == 1
    await upgraded_once(front, account)


async def test_postgres_stands_still_and_billing_tries_again(front: Front, shop: Shop) -> None:
    account = await subscriber(front.world, shop.starter)
    await settled(front, account)
    secret = front.facts.stripe.webhook_secret or ""
    lost = subscription_event("evt_while_away", account.subscription)
    with frozen(front.facts.pids["postgres"]):
        await upgrade(front.world, account, shop.pro)
        refusal = await _send(front, lost, secret)
        assert refusal.status_code == 503
        assert int(refusal.headers["retry-after"]) > 0

        async def refused() -> bool | None:
            found = await front.world.billing.ask(
                "GET", "/_sim/deliveries", params={"state": "pending"}
            )
            return any(d["last_status"] == 503 for d in found["deliveries"]) or None

        await until("billing told to try again", refused)
    await upgraded_once(front, account)
    # What was refused may have reached the disk once PostgreSQL went on: the sender, who was told
    # to come again, is answered for good then, and the event is there once.
    again = await _send(front, lost, secret)
    assert again.status_code in (200, 202)
    kept = await front.world.trueup.ask("GET", "/v1/inbox", params={"limit": 200})
    assert [entry["event_id"] for entry in kept["items"]].count("evt_while_away") == 1
    await settled(front, account)


async def _send(front: Front, body: bytes, secret: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as sender:
        return await sender.post(
            front.facts.stripe.webhook_url, content=body, headers=signed(body, secret=secret)
        )
