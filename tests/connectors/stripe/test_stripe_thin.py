"""Thin events read at Stripe: by the event that shows the same, else by the object as it is."""

from typing import Any

import httpx
import orjson
import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.failures import ContractDrift, CredentialsRefused, TransientFailure
from connectors.config import ConnectionConfig
from connectors.noting import noting
from connectors.ports import UnreadableEvent
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.objects import Json, answering, missing

INVOICE: Json = {
    "id": "in_1",
    "object": "invoice",
    "customer": "cus_1",
    "status": "paid",
    "billing_reason": "subscription_cycle",
    "parent": {"subscription_details": {"subscription": "sub_1"}},
}
SUBSCRIPTION: Json = {
    "id": "sub_1",
    "object": "subscription",
    "customer": "cus_1",
    "cancel_at_period_end": True,
    "items": {"data": []},
}
SNAPSHOT: Json = {
    "id": "evt_9",
    "object": "event",
    "type": "invoice.finalized",
    "api_version": "2026-10-28.endive",
    "created": 1_800_000_000,
    "livemode": False,
    "data": {"object": INVOICE},
}


def thin(kind: str, what: str, key: str, **more: Any) -> bytes:
    body: Json = {
        "id": "evt_test_1",
        "object": "v2.core.event",
        "type": f"v1.{kind}",
        "created": "2026-11-22T10:00:00.123Z",
        "livemode": False,
        "context": None,
        "reason": None,
        "related_object": {"id": key, "type": what, "url": f"/v1/{what}s/{key}"},
    }
    return orjson.dumps(body | more)


class Stripe:
    """Answers by path; what it has not is missing, as either API says it."""

    def __init__(self, **answers: Json | httpx.Response) -> None:
        self.answers = {path.replace("__", "/"): answer for path, answer in answers.items()}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/")
        self.asked.append(path)
        found = self.answers.get(path)
        if isinstance(found, httpx.Response):
            return found
        if found is not None:
            return answering(found)
        if path.startswith("v2/"):
            return httpx.Response(404, json={"error": {"code": "not_found", "message": "no"}})
        return missing("id")


async def understood(config: ConnectionConfig, stripe: Stripe, body: bytes) -> ChangeTrigger | None:
    transport = httpx.MockTransport(stripe)
    async with StripeBilling.connect(config, transport=transport) as billing:
        return await billing.understand(body)


async def test_the_event_that_shows_the_same_is_read(stripe_config: ConnectionConfig) -> None:
    stripe = Stripe(v2__core__events__evt_test_1={"snapshot_event": "evt_9"} | SHOWN)
    stripe.answers["v1/events/evt_9"] = SNAPSHOT
    found = await understood(stripe_config, stripe, thin("invoice.finalized", "invoice", "in_1"))
    assert found is not None
    assert (found.event_id, found.kind) == ("evt_test_1", ChangeKind.RENEWAL)
    assert (found.subscription_id, found.document_id) == ("sub_1", "in_1")
    assert stripe.asked == ["v2/core/events/evt_test_1", "v1/events/evt_9"]


SHOWN: Json = {
    "id": "evt_test_1",
    "object": "v2.core.event",
    "type": "v1.invoice.finalized",
    "created": "2026-11-22T10:00:00.123Z",
    "livemode": False,
    "changes": None,
}


async def test_one_that_names_it_saves_a_request_and_is_brought_to_todays_version(
    stripe_config: ConnectionConfig,
) -> None:
    older = {name: value for name, value in INVOICE.items() if name != "parent"}
    old = SNAPSHOT | {"api_version": "2023-10-16"}
    stripe = Stripe(v1__events__evt_9=old | {"data": {"object": older | {"subscription": "sub_7"}}})
    body = thin("invoice.finalized", "invoice", "in_1", snapshot_event="evt_9")
    found = await understood(stripe_config, stripe, body)
    assert found is not None
    assert found.subscription_id == "sub_7"
    assert stripe.asked == ["v1/events/evt_9"]


@pytest.mark.parametrize(
    "of_event",
    [
        {},
        {"v1/events/evt_9": SNAPSHOT | {"api_version": "2019-12-03"}},
        {"v1/events/evt_9": httpx.Response(403, json={"error": {"type": "x"}})},
    ],
)
async def test_where_it_is_not_shown_the_object_tells(
    stripe_config: ConnectionConfig, of_event: dict[str, Any]
) -> None:
    stripe = Stripe(v1__invoices__in_1=INVOICE)
    stripe.answers |= of_event
    body = thin("invoice.paid", "invoice", "in_1", snapshot_event="evt_9")
    found = await understood(stripe_config, stripe, body)
    assert found is not None
    assert (found.kind, found.subscription_id) == (ChangeKind.PAYMENT, "sub_1")
    assert found.occurred_at.year == 2026
    assert stripe.asked[-1] == "v1/invoices/in_1"


@pytest.mark.parametrize(
    ("what", "held", "kind", "changed", "told"),
    [
        ("invoice", INVOICE, "invoice.updated", {"metadata": {}}, None),
        ("invoice", INVOICE, "invoice.updated", {"due_date": 1}, ChangeKind.PAYMENT),
        # Nothing says what changed, so that it may be anything.
        ("invoice", INVOICE | {"due_date": 1}, "invoice.updated", None, ChangeKind.PAYMENT),
        ("subscription", SUBSCRIPTION, "customer.subscription.updated", None, ChangeKind.OTHER),
        (
            "subscription",
            SUBSCRIPTION,
            "customer.subscription.updated",
            {"cancel_at_period_end": False},
            ChangeKind.CANCELLATION_SCHEDULED,
        ),
        ("subscription", SUBSCRIPTION, "customer.subscription.updated", {"metadata": {}}, None),
        (
            "customer",
            {"id": "cus_1", "object": "customer", "name": "A"},
            "customer.updated",
            None,
            ChangeKind.ACCOUNT,
        ),
        (
            "customer",
            {"id": "cus_1", "object": "customer", "name": "A"},
            "customer.updated",
            {"invoice_prefix": "X"},
            None,
        ),
    ],
)
async def test_what_an_update_changed_is_told_by_the_event_if_at_all(
    stripe_config: ConnectionConfig,
    what: str,
    held: Json,
    kind: str,
    changed: Json | None,
    told: ChangeKind | None,
) -> None:
    stripe = Stripe()
    stripe.answers[f"v1/{what}s/{held['id']}"] = held
    if changed is not None:
        stripe.answers["v2/core/events/evt_test_1"] = SHOWN | {"changes": {"before": changed}}
    found = await understood(stripe_config, stripe, thin(kind, what, held["id"]))
    assert (found.kind if found else None) is told


@pytest.mark.parametrize(
    ("what", "held", "kind", "document", "payment"),
    [
        (
            "invoice_payment",
            {"id": "inpay_1", "invoice": "in_1", "payment": {"payment_intent": "pi_1"}},
            "invoice_payment.paid",
            "in_1",
            "pi_1",
        ),
        (
            "credit_note",
            {"id": "cn_1", "invoice": "in_1", "customer": "cus_1"},
            "credit_note.created",
            "cn_1",
            None,
        ),
        ("charge", {"id": "ch_1", "customer": "cus_1"}, "charge.refunded", None, "ch_1"),
        ("refund", {"id": "re_1", "charge": "ch_1"}, "refund.updated", None, "ch_1"),
        ("dispute", {"id": "du_1", "charge": "ch_1"}, "charge.dispute.closed", None, "ch_1"),
    ],
)
async def test_every_kind_of_document_and_payment_is_understood(
    stripe_config: ConnectionConfig,
    what: str,
    held: Json,
    kind: str,
    document: str | None,
    payment: str | None,
) -> None:
    stripe = Stripe()
    stripe.answers[f"v1/{what}s/{held['id']}"] = held | {"object": what}
    found = await understood(stripe_config, stripe, thin(kind, what, held["id"]))
    assert found is not None
    assert (found.document_id, found.payment_id) == (document, payment)


async def test_what_stripe_has_no_more_is_refused_in_words(
    stripe_config: ConnectionConfig,
) -> None:
    with pytest.raises(UnreadableEvent, match="has no invoice in_1 any more"):
        await understood(stripe_config, Stripe(), thin("invoice.deleted", "invoice", "in_1"))


@pytest.mark.parametrize(
    ("of_event", "path"),
    [
        (
            {
                "v1/events/evt_9": SNAPSHOT | {"data": {"object": INVOICE | {"customer": 7}}},
                "v1/invoices/in_1": INVOICE | {"customer": 7},
            },
            "$.data.object.customer",
        ),
        ({"v1/events/evt_9": SNAPSHOT | {"created": "today"}}, "$.created"),
        ({"v1/events/evt_9": {}, "v1/invoices/in_1": INVOICE}, "$.id"),
        (
            {"v1/events/evt_9": missing("id"), "v1/invoices/in_1": INVOICE | {"parent": 7}},
            "$.data.object.parent",
        ),
    ],
)
async def test_what_stripe_shows_otherwise_is_drift_and_no_dead_letter(
    stripe_config: ConnectionConfig, of_event: dict[str, Any], path: str
) -> None:
    stripe = Stripe()
    stripe.answers |= of_event
    body = thin("invoice.paid", "invoice", "in_1", snapshot_event="evt_9")
    with pytest.raises(ContractDrift) as caught:
        await understood(stripe_config, stripe, body)
    assert (caught.value.payload_path or "").startswith(path)
    assert (caught.value.operation or "").startswith("GET /v1/")
    assert caught.value.change


async def test_where_the_event_alone_is_otherwise_the_object_tells(
    stripe_config: ConnectionConfig,
) -> None:
    """It is shown in the account's version, which people raise."""
    odd = SNAPSHOT | {"data": {"object": INVOICE | {"customer": {"id": "cus_1"}}}}
    stripe = Stripe(v1__events__evt_9=odd, v1__invoices__in_1=INVOICE)
    body = thin("invoice.paid", "invoice", "in_1", snapshot_event="evt_9")
    with noting() as found:
        told = await understood(stripe_config, stripe, body)
    assert told is not None
    assert (told.kind, told.subscription_id) == (ChangeKind.PAYMENT, "sub_1")
    assert [(each.operation, each.path) for each in found] == [
        ("GET /v1/events/*", "$.data.object.customer")
    ]


async def test_an_event_that_no_address_can_hold_is_a_dead_letter(
    stripe_config: ConnectionConfig,
) -> None:
    body = thin("invoice.paid", "invoice", "in_1", snapshot_event="evt/../9")
    with pytest.raises(UnreadableEvent, match="cannot be the id of an event"):
        await understood(stripe_config, Stripe(), body)


async def test_while_stripe_is_away_nothing_is_said(stripe_config: ConnectionConfig) -> None:
    away, refused = httpx.Response(500), httpx.Response(401, json={"error": {"type": "x"}})
    body = thin("invoice.paid", "invoice", "in_1")
    with pytest.raises(TransientFailure):
        await understood(stripe_config, Stripe(v2__core__events__evt_test_1=away), body)
    with pytest.raises(CredentialsRefused):
        await understood(stripe_config, Stripe(v1__invoices__in_1=refused), body)


@pytest.mark.parametrize("previous", [None, {"due_date": 1}, []])
async def test_a_snapshot_in_another_form_is_read_by_its_object_in_ours(
    stripe_config: ConnectionConfig, previous: Any
) -> None:
    """As of an endpoint whose version is newer than the one that is read."""
    odd = {"id": "in_1", "object": "invoice", "customer": {"id": "cus_1"}, "parent": "sub_1"}
    data = {"object": odd, "previous_attributes": previous}
    kind = "invoice.updated" if previous is not None else "invoice.finalized"
    event = SNAPSHOT | {"type": kind, "data": data, "api_version": "2027-03-31.fern"}
    stripe = Stripe(v1__invoices__in_1=INVOICE | {"due_date": 2})
    found = await understood(stripe_config, stripe, orjson.dumps(event))
    assert found is not None
    assert (found.event_id, found.subscription_id) == ("evt_9", "sub_1")
    assert found.kind is (ChangeKind.RENEWAL if previous is None else ChangeKind.PAYMENT)
    assert found.occurred_at.timestamp() == 1_800_000_000
    assert stripe.asked == ["v1/invoices/in_1"]
    # Where that does not fit either the connection's question waits for it.
    stripe = Stripe(v1__invoices__in_1=odd)
    with pytest.raises(ContractDrift):
        await understood(stripe_config, stripe, orjson.dumps(event))
    with pytest.raises(UnreadableEvent, match="has no invoice in_1 any more"):
        await understood(stripe_config, Stripe(), orjson.dumps(event))


async def test_an_event_that_names_nothing_or_is_not_ours_is_not_asked_about(
    stripe_config: ConnectionConfig,
) -> None:
    stripe = Stripe()
    live = thin("invoice.paid", "invoice", "in_1", livemode=True)
    nothing = orjson.dumps(SNAPSHOT | {"data": {"object": {"object": "invoice"}}})
    for body, words in ((nothing, "names no object"), (live, "live mode")):
        with pytest.raises(UnreadableEvent, match=words):
            await understood(stripe_config, stripe, body)
    assert stripe.asked == []
