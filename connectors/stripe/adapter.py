"""Stripe behind the billing port."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from canonical_models.commerce import BillingSnapshot, SyncMark
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
)
from connectors.config import ConnectionConfig
from connectors.http import Observer, VendorHttp
from connectors.stripe import SYSTEM
from connectors.stripe.client import API_VERSION, StripeClient
from connectors.stripe.lines import is_final
from connectors.stripe.mapping import mark_metadata, snapshot_of
from connectors.stripe.wire import (
    Invoice,
    InvoiceItem,
    InvoiceLine,
    Subscription,
    SubscriptionItem,
)

#: Of several failures of reads that ran together the one that a person must mend comes first.
_GRAVEST_FIRST: tuple[type[Failure], ...] = (CredentialsRefused, Rejection, ContractDrift, Failure)


def _unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
    del system, method, outcome, seconds


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StripeBilling:
    """A `BillingPort`. Amounts leave here in ISO 4217 minor units, times in UTC."""

    def __init__(
        self,
        config: ConnectionConfig,
        http: VendorHttp,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._client = StripeClient(http, config.name)
        self._now = now

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """An adapter with a connection pool of its own; close it. Raises KeyError without the
        secret `api_key`."""
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={
                "Authorization": f"Bearer {config.secret('api_key')}",
                "Stripe-Version": API_VERSION,
            },
            timeout_seconds=config.timeout_seconds,
            observe=observe or _unobserved,
            transport=transport,
        )
        return cls(config, http)

    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        """See `BillingPort`. Two round trips: Stripe lists pending items by customer only."""
        now = self._now()
        try:
            async with asyncio.TaskGroup() as reads:
                held = reads.create_task(self._subscription(subscription_id))
                billed = reads.create_task(self._final_invoices(subscription_id, since))
        except BaseExceptionGroup as group:
            raise _gravest(group) from None
        subscription, items, pending = held.result()
        return snapshot_of(subscription, items, pending, billed.result(), now=now)

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        """See `BillingPort`. The mark is metadata, which Stripe takes on ended ones too."""
        await self._client.set_metadata(subscription_id, mark_metadata(mark), key=key)

    async def close(self) -> None:
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _subscription(
        self, key: str
    ) -> tuple[Subscription, list[SubscriptionItem], list[InvoiceItem]]:
        subscription = await self._client.subscription(key)
        items = await self._client.items(subscription)
        return subscription, items, await self._client.pending_items(subscription)

    async def _final_invoices(
        self, key: str, since: datetime | None
    ) -> list[tuple[Invoice, list[InvoiceLine]]]:
        oldest = None if since is None else int(since.timestamp())
        found = await self._client.invoices(key, since=oldest)
        return [
            (invoice, await self._client.lines(invoice, key))
            for invoice in found
            if is_final(invoice)
        ]


def _gravest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure to report; the group itself where a bug or a stop is among them."""
    failures, others = group.split(Failure)
    if others is not None or failures is None:
        return group
    flat = [error for error in failures.exceptions if isinstance(error, Failure)]
    for kind in _GRAVEST_FIRST:
        for error in flat:
            if isinstance(error, kind):
                return error
    return group
