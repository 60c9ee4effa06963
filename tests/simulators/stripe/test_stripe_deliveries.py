"""Webhooks: signatures, retries, duplicates, delays, order, restarts."""

import json
import time
from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, Json, Receiver, start


def deliveries(sim: Child, receiver: Receiver) -> list[Json]:
    """Deliveries to the endpoint of this test; others have been here before."""
    [endpoint] = sim.client().v1.webhook_endpoints.list().data
    assert endpoint.url == receiver.url
    found = sim.control("GET", "/deliveries")["deliveries"]
    return [delivery for delivery in found if delivery["endpoint"] == endpoint.id]


def listen(api: stripe.StripeClient, url: str, *types: Any) -> str:
    made = api.v1.webhook_endpoints.create({"url": url, "enabled_events": [*types]})
    assert made.secret is not None
    return made.secret


def make(api: stripe.StripeClient, count: int) -> list[str]:
    return [api.v1.products.create({"name": f"P{n}"}).id for n in range(count)]


def names(events: list[Json]) -> list[str]:
    return [event["data"]["object"]["name"] for event in events]


def test_a_delivery_is_signed_as_stripe_signs(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    secret = listen(api, receiver.url, "product.created")
    made = api.v1.products.create({"name": "Pro"}, {"idempotency_key": "key-1"})
    [(body, header)] = receiver.wait(1)
    event = stripe.Webhook.construct_event(body, header, secret)
    assert (event.type, event.data.object["id"]) == ("product.created", made.id)
    assert event.api_version == stripe.api_version
    assert event.request is not None
    assert event.request.idempotency_key == "key-1"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, "whsec_other")


def test_only_enabled_types_are_sent(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    listen(api, receiver.url, "customer.created")
    make(api, 1)
    customer = api.v1.customers.create({"name": "Ada"})
    [event] = receiver.events(1)
    assert event["data"]["object"]["id"] == customer.id
    sent = deliveries(unruly_sim, receiver)
    assert [delivery["type"] for delivery in sent] == ["customer.created"]


def test_a_refused_delivery_is_tried_again(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    receiver.statuses = [500, 302]
    listen(api, receiver.url, "*")
    make(api, 1)
    first, second, third = receiver.events(3)
    assert first["id"] == second["id"] == third["id"]
    wait_settled(unruly_sim, first["id"])
    [delivery] = deliveries(unruly_sim, receiver)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert api.v1.events.retrieve(first["id"]).pending_webhooks == 0


def wait_settled(sim: Child, event: str) -> None:
    """The receiver sees a request before the simulator has noted the answer."""
    deadline = time.monotonic() + 10
    while sim.client().v1.events.retrieve(event).pending_webhooks:
        assert time.monotonic() < deadline, "the delivery was not settled in time"


def test_duplicates_and_held_events_on_request(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    listen(api, receiver.url, "product.created")
    unruly_sim.control("POST", "/deliveries", {"duplicate": 2})
    make(api, 1)
    assert len({event["id"] for event in receiver.events(3)}) == 1
    unruly_sim.control("POST", "/deliveries", {"hold": True})
    make(api, 3)
    held = unruly_sim.control("GET", "/deliveries?state=held")["deliveries"]
    assert len(held) == 3
    assert unruly_sim.control("POST", "/deliveries/release", {"order": "newest"}) == {"released": 3}
    assert sorted(names(receiver.events(6)[3:])) == ["P0", "P1", "P2"]


def test_reordering_and_delay(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    listen(api, receiver.url, "product.created")
    unruly_sim.control("POST", "/deliveries", {"reorder": 7, "delay_ms": 50})
    begun = time.monotonic()
    make(api, 8)
    got = names(receiver.events(8))
    assert time.monotonic() - begun >= 0.05
    assert sorted(got) == sorted(f"P{n}" for n in range(8))
    assert got != sorted(got)


def test_an_event_is_sent_again_on_request(unruly_sim: Child, receiver: Receiver) -> None:
    api = unruly_sim.client()
    listen(api, receiver.url, "product.created")
    make(api, 1)
    [event] = receiver.events(1)
    assert unruly_sim.control("POST", f"/events/{event['id']}/redeliver") == {"queued": 1}
    assert [again["id"] for again in receiver.events(2)] == [event["id"]] * 2


def test_what_was_not_delivered_is_delivered_after_a_restart(
    own_sim: Child, receiver: Receiver
) -> None:
    api = own_sim.client()
    listen(api, receiver.url, "product.created")
    own_sim.control("POST", "/deliveries", {"delay_ms": 1000})
    [product] = make(api, 1)
    assert own_sim.stop() == 0
    assert not receiver.got
    again = start(own_sim.state)
    try:
        [event] = receiver.events(1)
        assert event["data"]["object"]["id"] == product
        assert again.client().v1.products.retrieve(product).name == "P0"
    finally:
        assert again.stop() == 0


def test_it_stops_when_its_parent_is_gone(own_sim: Child) -> None:
    assert own_sim.process.stdin is not None
    own_sim.process.stdin.close()
    assert own_sim.process.wait(10) == 0


def test_it_delivers_to_this_machine_only(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="this machine only"):
        listen(api, "https://example.com/hook", "*")


def test_previous_attributes_hold_only_what_changed(api: stripe.StripeClient) -> None:
    customer = api.v1.customers.create(
        {"name": "Ada", "address": {"city": "Bonn", "country": "DE"}, "metadata": {"a": "1"}}
    )
    api.v1.customers.update(
        customer.id, {"address": {"city": "Ulm"}, "name": "Ada", "metadata": {"b": "2"}}
    )
    [event] = api.v1.events.list({"type": "customer.updated", "limit": 1}).data
    assert json.loads(str(event))["data"]["previous_attributes"] == {
        "address": {"city": "Bonn"},
        "metadata": {"b": None},
    }
    api.v1.customers.update(customer.id, {"name": "Ada"})
    [latest] = api.v1.events.list({"type": "customer.updated", "limit": 1}).data
    assert latest.id == event.id
