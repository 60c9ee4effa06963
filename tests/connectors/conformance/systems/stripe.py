"""Stripe, as its simulator speaks. Stripe's own library sells, and reads what became of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx
import requests
import stripe
from pydantic import SecretStr

from canonical_models.documents import DocumentStatus
from canonical_models.failures import (
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.checking import StripeConnection
from sandbox.simulators.child import running_child
from tests.connectors.conformance.billing import BillingSystem, Sold
from tests.connectors.conformance.describing import PRIVATE, Refusal

_KEY = "sk_test_conformance"
_PREFIX = "trueup_"
#: Decimals of Stripe's amounts: docs.stripe.com/currencies.
_DIGITS = {"JPY": 0, "KWD": 3}
_EVENTS = {
    DocumentStatus.VOID: "invoice.voided",
    DocumentStatus.UNCOLLECTIBLE: "invoice.marked_uncollectible",
    DocumentStatus.PAID: "invoice.paid",
}


def _error(kind: str, code: str | None = None, param: str | None = None) -> bytes:
    error = {"type": kind, "code": code, "param": param, "message": f"No {PRIVATE}"}
    return json.dumps({"error": error}).encode()


class Stripe(BillingSystem):
    system = "stripe"
    foreseen = frozenset({402, 409, 424})
    amounts = (("JPY", "1234"), ("EUR", "12.34"), ("KWD", "1.230"))

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._sdk = stripe.StripeClient(
            _KEY,
            base_addresses={"api": url},
            http_client=stripe.RequestsClient(session=session),
            max_network_retries=0,
        )
        self._product = self._sdk.v1.products.create({"name": "Seats"}).id

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        arguments = ("--state", str(folder / "stripe.sqlite"))
        async with running_child("sandbox.simulators.stripe", *arguments) as child:
            with requests.Session() as session:
                session.trust_env = False
                yield cls(child.url, session)

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="billing",
            vendor="stripe",
            base_url=self._url,
            secrets={"api_key": SecretStr(_KEY)},
            webhook_secrets=(SecretStr("whsec_conformance"),),
        )

    def with_wrong_secret(self) -> ConnectionConfig:
        return self.config().model_copy(update={"secrets": {"api_key": SecretStr("pk_test_x")}})

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> StripeBilling:
        return StripeBilling.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> StripeConnection:
        return StripeConnection.connect(config, transport=transport)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """https://docs.stripe.com/api/errors and https://docs.stripe.com/error-low-level."""
        refused, unknown = RejectionCode.BILLING_REFUSED, RejectionCode.SUBSCRIPTION_UNKNOWN
        invalid, missing = "invalid_request_error", "resource_missing"
        uncertain = (TransientFailure, UncertainWrite)
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        rejected, gone = (refused, refused), (unknown, unknown)
        not_again = (("stripe-should-retry", "false"),)
        return (
            Refusal("bad parameter", 400, _error(invalid, "parameter_unknown"), *rejected),
            Refusal("key reused", 400, _error("idempotency_error"), *rejected),
            Refusal("bad key", 401, _error(invalid), *credentials),
            Refusal("declined", 402, _error("card_error", "card_declined"), *rejected),
            Refusal("no permission", 403, _error(invalid), *credentials),
            Refusal("gone", 404, _error(invalid, missing, "id"), *gone),
            Refusal("lock held", 409, _error(invalid, "lock_timeout"), *later),
            Refusal("not again", 409, _error(invalid), *rejected, not_again),
            Refusal("external dependency", 424, _error("api_error"), *uncertain),
            Refusal("too many", 429, _error(invalid, "rate_limit"), *later),
            *(Refusal("broke", each, _error("api_error"), *uncertain) for each in (500, 502, 504)),
        )

    async def sold(self) -> Sold:
        clock = self._sdk.v1.test_helpers.test_clocks.create({"frozen_time": 1775001600})
        customer = self._sdk.v1.customers.create({"name": PRIVATE, "test_clock": clock.id})
        price: Any = {
            "product": self._product,
            "currency": "eur",
            "unit_amount": 1000,
            "recurring": {"interval": "month"},
        }
        made = self._sdk.v1.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price_data": price}],
                "collection_method": "send_invoice",
                "days_until_due": 14,
            }
        )
        invoice = str(made.latest_invoice)
        left = self._sdk.v1.invoices.retrieve(invoice).amount_remaining
        return Sold(made.id, customer.id, invoice, Money(minor=left, currency="EUR"))

    async def issued(self, currency: str, amount: Decimal) -> str:
        customer = self._sdk.v1.customers.create({"name": PRIVATE}).id
        minor = int(amount.scaleb(_DIGITS.get(currency, 2)))
        item: Any = {"customer": customer, "amount": minor, "currency": currency.lower()}
        self._sdk.v1.invoice_items.create(item)
        draft = self._sdk.v1.invoices.create(
            {
                "customer": customer,
                "currency": currency.lower(),
                "collection_method": "send_invoice",
                "days_until_due": 14,
                "pending_invoice_items_behavior": "include",
            }
        )
        return self._sdk.v1.invoices.finalize_invoice(draft.id).id

    async def noted(self, subscription_or_document: str) -> dict[str, str]:
        kind = self._sdk.v1.subscriptions
        found: Any = (
            kind.retrieve(subscription_or_document)
            if subscription_or_document.startswith("sub_")
            else self._sdk.v1.invoices.retrieve(subscription_or_document)
        )
        noted = found.metadata.to_dict() if found.metadata else {}
        return {name.removeprefix(_PREFIX): said for name, said in noted.items()}

    async def ended(self, subscription: str) -> int:
        status = self._sdk.v1.subscriptions.retrieve(subscription).status
        told = self._told("customer.subscription.deleted", subscription)
        assert (status == "canceled") is bool(told)
        return told

    async def closed(self, invoice: str, outcome: DocumentStatus) -> int:
        status = self._sdk.v1.invoices.retrieve(invoice).status
        told = self._told(_EVENTS[outcome], invoice)
        assert (status == outcome) is bool(told)
        return told

    async def made_since(self, since: datetime) -> list[str]:
        made: Any = {"limit": 100, "created": {"gte": int(since.timestamp())}}
        invoices = self._sdk.v1.invoices.list(made).auto_paging_iter()
        notes = self._sdk.v1.credit_notes.list(made).auto_paging_iter()
        found = [(each.created, each.id) for each in invoices if each.status != "draft"]
        found += [(each.created, each.id) for each in notes]
        return [key for _, key in sorted(found)]

    def _told(self, kind: str, key: str) -> int:
        found = self._sdk.v1.events.list({"type": kind, "limit": 100}).data
        return sum(event.data.object["id"] == key for event in found)
