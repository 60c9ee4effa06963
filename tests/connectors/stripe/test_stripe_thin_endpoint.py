"""A destination of thin events beside an endpoint of snapshots, over the wire: what each thin event
comes to, once Stripe was asked, is what the snapshot says. And events of a connected account."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe
from pydantic import SecretStr

from canonical_models.amendment import ChangeTrigger, NamedOnly
from connectors.config import ConnectionConfig
from connectors.ports import UnreadableEvent
from connectors.registry import webhooks
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import events_heard
from tests.connectors.stripe.conftest import KEY
from tests.connectors.stripe.test_stripe_older_endpoint import RENEWED
from tests.harness.receiver import receiving
from tests.harness.waiting import until

AUTH = {"Authorization": f"Bearer {KEY}"}


def said(found: ChangeTrigger | None) -> tuple[str | None, ...] | None:
    """All but the event's own id and time."""
    if found is None:
        return None
    return (
        found.kind.value,
        found.subscription_id,
        found.customer_id,
        found.document_id,
        found.payment_id,
    )


async def test_thin_events_say_the_same_as_snapshots(
    sdk: stripe.StripeClient,
    stripe_url: str,
    stripe_config: ConnectionConfig,
    subscribe: Callable[..., stripe.Subscription],
    move: Callable[[stripe.Subscription, int], None],
    control: Callable[..., dict[str, Any]],
) -> None:
    heard = events_heard(payouts=False)
    async with (
        receiving() as thin,
        receiving() as whole,
        httpx.AsyncClient(base_url=stripe_url, headers=AUTH, trust_env=False) as owner,
    ):
        form = {"url": whole.url, "enabled_events[]": list(heard)}
        endpoint = (await owner.post("/v1/webhook_endpoints", data=form)).json()
        wanted = [f"v1.{kind}" for kind in heard]
        destination = control("event_destinations", url=thin.url, enabled_events=wanted)

        sold = await asyncio.to_thread(subscribe)
        await asyncio.to_thread(move, sold, RENEWED)
        changed: Any = {"metadata": {"note": "by people"}}
        await asyncio.to_thread(sdk.v1.subscriptions.update, sold.id, changed)
        await asyncio.to_thread(
            sdk.v1.subscriptions.update, sold.id, {"cancel_at_period_end": True}
        )
        note: Any = {"invoice": str(sold.latest_invoice), "amount": 200, "refund_amount": 200}
        await asyncio.to_thread(sdk.v1.credit_notes.create, note)

        async def both() -> bool:
            enough = any(one.event["type"] == "credit_note.created" for one in whole.asked)
            return enough and len(thin.asked) == len(whole.asked)

        await until(both, "both have heard of the credit note")
        await owner.delete(f"/v1/webhook_endpoints/{endpoint['id']}")

        secret = destination["_secret"]
        translator = webhooks(
            stripe_config.model_copy(update={"webhook_secrets": (SecretStr(secret),)})
        )
        assert translator is not None
        by_snapshot = {one.event["id"].removeprefix("evt_"): one.body for one in whole.asked}
        asked = 0
        async with StripeBilling.connect(stripe_config) as billing:
            for one in thin.asked:
                translator.verify(one.headers, one.body, secrets=(secret,), now=time.time())
                found = translator.trigger(one.body)
                if isinstance(found, NamedOnly):
                    found, asked = await billing.understand(one.body), asked + 1
                assert isinstance(found, ChangeTrigger | None)
                same = translator.trigger(by_snapshot[one.event["id"].removeprefix("evt_test_")])
                assert isinstance(same, ChangeTrigger | None)
                ours, theirs = said(found), said(same)
                if one.event["type"].startswith("v1.customer.subscription.") and ours and theirs:
                    # Told by its name alone it does not say whose the subscription is.
                    ours, theirs = ours[:2], theirs[:2]
                assert ours == theirs, one.event["type"]
        assert asked > 10
        assert b'"metadata"' not in b"".join(one.body for one in thin.asked)


async def test_what_a_connected_account_has_is_its_own(
    stripe_url: str, stripe_config: ConnectionConfig, control: Callable[..., dict[str, Any]]
) -> None:
    account = control("accounts")["id"]
    config = stripe_config.model_copy(update={"options": {"account": account}})
    theirs = AUTH | {"Stripe-Account": account}
    async with (
        receiving() as platform,
        httpx.AsyncClient(base_url=stripe_url, headers=AUTH, trust_env=False) as owner,
        httpx.AsyncClient(base_url=stripe_url, headers=theirs, trust_env=False) as connected,
    ):

        async def make(path: str, **form: Any) -> dict[str, Any]:
            answer = await connected.post(f"/v1/{path}", data=form)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

        form = {"url": platform.url, "enabled_events[]": "*", "connect": "true"}
        endpoint = (await owner.post("/v1/webhook_endpoints", data=form)).json()
        customer = await make("customers", name="Ada", **{"address[country]": "DE"})
        price = await make(
            "prices",
            currency="eur",
            unit_amount=900,
            **{"product_data[name]": "Basic", "recurring[interval]": "month"},
        )
        sold = await make(
            "subscriptions", customer=customer["id"], **{"items[0][price]": price["id"]}
        )

        async def told() -> bool:
            return any(one.event["type"] == "invoice.paid" for one in platform.asked)

        await until(told, "the platform has heard of the payment")
        await owner.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
        assert {one.event["account"] for one in platform.asked} == {account}
        assert (await owner.get(f"/v1/customers/{customer['id']}")).status_code == 404
        strange = await owner.get("/v1/customers", headers={"Stripe-Account": "acct_none"})
        assert (strange.status_code, strange.json()["error"]["code"]) == (403, "account_invalid")

    async with StripeBilling.connect(config) as billing:
        found = await billing.snapshot(sold["id"])
    assert [each.gross.minor for each in found.documents] == [900]
    ours, others = webhooks(config), webhooks(stripe_config)
    assert ours is not None
    assert others is not None
    paid = next(one.body for one in platform.asked if one.event["type"] == "invoice.paid")
    trigger = ours.trigger(paid)
    assert isinstance(trigger, ChangeTrigger)
    assert trigger.subscription_id == sold["id"]
    with pytest.raises(UnreadableEvent, match=account):
        others.trigger(paid)
