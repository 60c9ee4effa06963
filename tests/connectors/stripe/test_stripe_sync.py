"""Writing back: sync metadata, lost replies, refusals; and the events all this gives rise to."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
import stripe
from pydantic import SecretStr

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.commerce import SyncMetadata
from canonical_models.failures import (
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks

Subscribe = Callable[..., stripe.Subscription]
SYNC = SyncMetadata(change_id="chg_1", state="synchronised", erp_document="INV-7")
WRITES = {"method": "POST", "path_prefix": "/v1/subscriptions"}
READS = {"method": "GET", "path_prefix": "/v1/"}


async def sync_of(billing: StripeBilling, sold: stripe.Subscription) -> SyncMetadata | None:
    return (await billing.snapshot(sold.id)).sync


async def test_a_mark_is_written_replaced_and_read(
    billing: StripeBilling, subscribe: Subscribe
) -> None:
    sold = subscribe(metadata={"theirs": "stays"})
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    assert await sync_of(billing, sold) == SYNC
    undone = SyncMetadata(change_id="chg_1", state="compensated")
    await billing.record_sync(sold.id, undone, key=f"{sold.id}/2")
    assert await sync_of(billing, sold) == undone


async def test_the_same_key_changes_nothing_the_second_time(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    for _ in range(2):
        await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    await billing.record_sync(sold.id, SYNC.model_copy(update={"state": "x"}), key=f"{sold.id}/2")
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    found = await sync_of(billing, sold)
    assert found is not None
    assert found.state == "x"
    assert sdk.v1.subscriptions.retrieve(sold.id).metadata.to_dict().keys() == {
        "trueup_change",
        "trueup_state",
        "trueup_erp_document",
    }


async def test_a_key_used_for_something_else_is_refused(
    billing: StripeBilling, subscribe: Subscribe
) -> None:
    sold = subscribe()
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    other = SYNC.model_copy(update={"change_id": "chg_2"})
    with pytest.raises(Rejection, match="idempotency_error") as caught:
        await billing.record_sync(sold.id, other, key=f"{sold.id}/1")
    assert caught.value.reason is RejectionCode.BILLING_REFUSED


async def test_an_ended_subscription_takes_a_mark(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    sdk.v1.subscriptions.cancel(sold.id)
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    assert await sync_of(billing, sold) == SYNC


@pytest.mark.parametrize(("drop", "written"), [("after", True), ("before", False)])
async def test_a_lost_reply_is_uncertain_and_can_be_looked_up(
    billing: StripeBilling,
    subscribe: Subscribe,
    fault: Callable[..., None],
    drop: str,
    written: bool,
) -> None:
    sold = subscribe()
    fault(**WRITES, drop=drop)
    with pytest.raises(UncertainWrite, match=sold.id):
        await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    assert (await sync_of(billing, sold) == SYNC) is written
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    assert await sync_of(billing, sold) == SYNC


async def test_an_old_error_under_the_same_key_does_not_stand_for_ever(
    billing: StripeBilling, subscribe: Subscribe, fault: Callable[..., None]
) -> None:
    sold = subscribe()
    fault(**WRITES, status=500)
    with pytest.raises(UncertainWrite):
        await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    assert await sync_of(billing, sold) == SYNC


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"drop": "before"}, TransientFailure),
        ({"status": 429}, TransientFailure),
        ({"status": 409}, TransientFailure),
        ({"status": 503}, TransientFailure),
        ({"status": 401}, CredentialsRefused),
        ({"status": 403}, CredentialsRefused),
        ({"status": 402}, Rejection),
        ({"status": 400}, Rejection),
    ],
    ids=str,
)
async def test_reads_that_fail_together_are_one_failure(
    stripe_config: ConnectionConfig,
    subscribe: Subscribe,
    fault: Callable[..., None],
    rule: dict[str, Any],
    kind: type[Failure],
) -> None:
    sold = subscribe()
    fault(**READS, **rule, times=10)
    # Of its own, so that no other test meets what its governor has learnt here.
    async with StripeBilling.connect(stripe_config) as billing:
        with pytest.raises(kind) as caught:
            await billing.snapshot(sold.id)
    assert type(caught.value) is kind


@pytest.mark.parametrize("key", ["sub_unknown", "../customers", "a b", "", "sub_1?x=1", "ü"])
async def test_an_unknown_subscription(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection) as caught:
        await billing.snapshot(key)
    assert caught.value.reason is RejectionCode.SUBSCRIPTION_UNKNOWN
    with pytest.raises(Rejection) as refused:
        await billing.record_sync(key, SYNC, key="k-unknown")
    assert refused.value.subject == key


async def test_nobody_listens(stripe_config: ConnectionConfig) -> None:
    nowhere = stripe_config.model_copy(update={"base_url": "http://127.0.0.1:1"})
    async with StripeBilling.connect(nowhere) as billing:
        with pytest.raises(TransientFailure, match="cannot be reached"):
            await billing.snapshot("sub_1")
        with pytest.raises(TransientFailure):
            await billing.record_sync("sub_1", SYNC, key="k")


async def test_every_request_is_observed(
    stripe_config: ConnectionConfig, subscribe: Subscribe
) -> None:
    seen: list[tuple[str, str, str]] = []

    def observe(system: str, method: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        seen.append((system, method, outcome))

    async with StripeBilling.connect(stripe_config, observe=observe) as billing:
        await billing.snapshot(subscribe().id)
    assert seen == [("stripe", "GET", "200")] * 5


def test_the_key_is_asked_for_by_name(stripe_config: ConnectionConfig) -> None:
    with pytest.raises(KeyError, match="api_key"):
        StripeBilling.connect(stripe_config.model_copy(update={"secrets": {}}))


async def test_a_failure_never_shows_the_key(stripe_config: ConnectionConfig) -> None:
    config = stripe_config.model_copy(update={"secrets": {"api_key": SecretStr("pk_wrong")}})
    async with StripeBilling.connect(config) as billing:
        with pytest.raises(Failure) as caught:
            await billing.snapshot("sub_unknown")
    assert "pk_wrong" not in str(caught.value)


async def test_the_events_of_a_life_and_our_own_echo(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    stripe_config: ConnectionConfig,
    subscribe: Subscribe,
    prices: dict[str, stripe.Price],
) -> None:
    sold = subscribe()
    item = sold["items"]["data"][0]["id"]
    update = sdk.v1.subscriptions.update
    update(sold.id, {"items": [{"id": item, "quantity": 4}]})
    update(sold.id, {"items": [{"id": item, "price": prices["pro"].id}]})
    update(sold.id, {"items": [{"price": prices["addon"].id}]})
    await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
    update(sold.id, {"cancel_at_period_end": True})
    update(sold.id, {"cancel_at_period_end": False})
    sdk.v1.subscriptions.cancel(sold.id)

    key = {"Authorization": f"Bearer {stripe_config.secret('api_key')}"}
    async with httpx.AsyncClient(base_url=stripe_config.base_url, trust_env=False) as conn:
        listed = await conn.get("/v1/events?limit=100", headers=key)
    events = [orjson.dumps(event) for event in reversed(listed.json()["data"])]
    triggers = [StripeWebhooks().trigger(event) for event in events if sold.id.encode() in event]
    changes = [
        trigger
        for trigger in triggers
        if isinstance(trigger, ChangeTrigger) and trigger.subscription_id == sold.id
    ]
    # What waits for an invoice is heard of as well, beside what made it wait.
    others = (ChangeKind.BILLED, ChangeKind.PAYMENT, ChangeKind.OTHER)
    assert [trigger.kind for trigger in changes if trigger.kind not in others] == [
        ChangeKind.ACTIVATION,
        ChangeKind.QUANTITY,
        ChangeKind.UPGRADE,
        ChangeKind.ADD_ON,
        ChangeKind.CANCELLATION_SCHEDULED,
        ChangeKind.REINSTATEMENT,
        ChangeKind.CANCELLATION,
    ]
