"""An endpoint of an older version, over the wire: its events, as that version had them and signed,
come to the same changes as today's."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest
import stripe
from pydantic import SecretStr

from canonical_models.amendment import ChangeTrigger
from connectors.config import ConnectionConfig
from connectors.registry import webhooks
from connectors.stripe.webhooks import StripeWebhooks
from tests.harness.receiver import Got, receiving
from tests.harness.waiting import until

#: A month after the subscription was made, and the hour that its invoice stays a draft.
RENEWED = 1777593600 + 2 * 3600

Read = dict[str, set[tuple[str, str | None, str | None, str | None]]]


def read(config: ConnectionConfig, got: list[Got], subscription: str) -> Read:
    """By type: kind, subscription, customer, document of each change that an event says."""
    translator = webhooks(config)
    assert isinstance(translator, StripeWebhooks)
    secrets = tuple(one.get_secret_value() for one in config.webhook_secrets)
    found: Read = {}
    for one in got:
        translator.verify(one.headers, one.body, secrets=secrets, now=time.time())
        if subscription.encode() not in one.body:
            continue
        if isinstance(trigger := translator.trigger(one.body), ChangeTrigger):
            said = (
                trigger.kind.value,
                trigger.subscription_id,
                trigger.customer_id,
                trigger.document_id,
            )
            found.setdefault(one.event["type"], set()).add(said)
    return found


@pytest.mark.parametrize("version", ["2022-11-15", "2024-06-20", "2025-02-24.acacia"])
async def test_an_older_endpoint_says_the_same(
    version: str,
    sdk: stripe.StripeClient,
    stripe_url: str,
    stripe_config: ConnectionConfig,
    subscribe: Callable[..., stripe.Subscription],
    move: Callable[[stripe.Subscription, int], None],
) -> None:
    auth = {"Authorization": "Bearer sk_test_owner"}
    async with (
        receiving() as older,
        receiving() as newer,
        httpx.AsyncClient(base_url=stripe_url, headers=auth, trust_env=False) as owner,
    ):
        made = []
        for receiver, wanted in ((older, version), (newer, "2026-10-28.endive")):
            form = {"url": receiver.url, "api_version": wanted, "enabled_events[]": "*"}
            answer = await owner.post("/v1/webhook_endpoints", data=form)
            answer.raise_for_status()
            made.append(answer.json())
        sold = await asyncio.to_thread(subscribe)
        await asyncio.to_thread(move, sold, RENEWED)

        async def both() -> bool:
            return all(
                any(
                    got.event["type"] == "invoice.paid"
                    and sold.id.encode() in got.body
                    and got.event["data"]["object"]["billing_reason"] == "subscription_cycle"
                    for got in receiver.asked
                )
                for receiver in (older, newer)
            ) and len(older.asked) == len(newer.asked)

        await until(both, "both endpoints have heard of the renewal")
        for endpoint in made:
            (await owner.delete(f"/v1/webhook_endpoints/{endpoint['id']}")).raise_for_status()

    old, new = (
        read(
            stripe_config.model_copy(update={"webhook_secrets": (SecretStr(endpoint["secret"]),)}),
            receiver.asked,
            sold.id,
        )
        for endpoint, receiver in zip(made, (older, newer), strict=True)
    )
    assert {"invoice.paid", "invoice.finalized", "customer.subscription.updated"} <= old.keys()
    assert old == new
    raw = [got.event for got in older.asked if got.event["type"] == "invoice.paid"]
    assert all("parent" not in event["data"]["object"] for event in raw)
    assert {event["api_version"] for event in raw} == {version}
