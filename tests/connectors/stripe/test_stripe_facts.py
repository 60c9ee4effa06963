"""A whole account as facts: list by list, then what has changed, by its events."""

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentKind
from canonical_models.reconciliation import DocumentFact, Facts, SubscriptionFact
from connectors.config import ConnectionConfig
from connectors.ports import BillingPort
from connectors.stripe import API_VERSION
from connectors.stripe.adapter import StripeBilling


async def told(
    billing: BillingPort, after: str | None = None
) -> tuple[dict[str, DocumentFact], dict[str, SubscriptionFact], str | None]:
    """All pages from there on."""
    documents: dict[str, DocumentFact] = {}
    subscriptions: dict[str, SubscriptionFact] = {}
    while True:
        page: Facts = await billing.facts(after=after)
        documents |= {each.key: each for each in page.documents}
        subscriptions |= {each.subscription_id: each for each in page.subscriptions}
        after = page.next
        if not page.more:
            return documents, subscriptions, after


async def test_facts_are_what_is_read_of_each_document_and_subscription(
    billing: BillingPort,
    sdk: stripe.StripeClient,
    subscribe: Callable[..., stripe.Subscription],
) -> None:
    sold = subscribe(collection_method="send_invoice", days_until_due=30)
    (issued,) = sdk.v1.invoices.list({"subscription": sold.id}).data
    if issued.status == "draft":
        issued = sdk.v1.invoices.finalize_invoice(str(issued.id))
    documents, subscriptions, after = await told(billing)

    (whole,) = await billing.documents([str(issued.id)])
    fact = documents[str(issued.id)]
    assert (fact.gross, fact.tax, fact.open) == (whole.gross, whole.tax, whole.remaining)
    assert (fact.number, fact.issued_at) == (whole.number, whole.issued_at)
    assert (fact.account, fact.stands) == (whole.customer_id, True)
    snapshot = await billing.snapshot(sold.id)
    listed = subscriptions[sold.id]
    assert listed.status is SubscriptionStatus.ACTIVE
    assert listed.items == tuple(
        sorted((each.plan.item, each.quantity) for each in snapshot.subscription.items)
    )

    # Nothing has changed, then a credit note takes some off, and the subscription ends.
    assert await told(billing, after) == ({}, {}, after)
    note = sdk.v1.credit_notes.create({"invoice": str(issued.id), "amount": 400})
    sdk.v1.subscriptions.cancel(sold.id)
    documents, subscriptions, following = await told(billing, after)
    whole_invoice, whole_note = await billing.documents([str(issued.id), note.id])
    assert documents[str(issued.id)].open == whole_invoice.remaining
    noted = documents[note.id]
    assert (noted.kind, noted.gross, noted.open) == (
        DocumentKind.CREDIT_NOTE,
        whole_note.gross,
        whole_note.remaining,
    )
    assert noted.subscription_id == sold.id
    assert subscriptions[sold.id].status is SubscriptionStatus.CANCELLED
    assert following != after


async def test_who_has_forgotten_the_last_event_is_read_anew(billing: BillingPort) -> None:
    page = await billing.facts(after=f"changes evt_{secrets.token_hex(8)}")
    assert page.next is not None
    assert page.next.startswith(("whole", "changes"))
    with pytest.raises(ValueError, match="no cursor"):
        await billing.facts(after="page 7")


def _of(key: str, version: str, **members: Any) -> dict[str, Any]:
    held = {"id": key, "object": "invoice", "status": "open", "currency": "eur", **members}
    held |= {"created": 1, "status_transitions": {}, "total": 100, "amount_remaining": 100}
    return {
        "id": f"evt_{key}_{version[:4]}",
        "api_version": version,
        "data": {"object": held | {"customer": "cus_1"} | members},
    }


async def test_an_event_is_the_object_unless_it_speaks_another_version_or_it_is_gone(
    stripe_config: ConnectionConfig,
) -> None:
    """In the order of time, so that the last word counts."""
    events = [
        _of("in_2", API_VERSION, amount_remaining=0, status="paid"),
        _of("in_gone", "2020-01-01"),
        _of("in_old", "2020-01-01"),
        _of("in_2", API_VERSION),
    ]
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/v1/events":
            return httpx.Response(200, json={"data": events, "has_more": False})
        if request.url.path.endswith("in_gone"):
            error = {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}
            return httpx.Response(404, json={"error": error})
        return httpx.Response(200, json=_of("in_old", API_VERSION)["data"]["object"])

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        page = await billing.facts(after="changes evt_0")

    left = {each.key: each.open.minor for each in page.documents if each.open is not None}
    assert left == {"in_2": 0, "in_old": 100}
    assert page.gone == ("in_gone",)
    assert (page.requests, len(asked)) == (3, 3)
    assert page.next == f"changes evt_in_2_{API_VERSION[:4]}"
