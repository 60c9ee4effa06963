"""Stripe behind the billing port."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self

import httpx

from canonical_models.commerce import AccountProfile, BillingSnapshot, SyncMark
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
)
from canonical_models.term import InvoiceStatus
from connectors.config import ConnectionConfig
from connectors.http import Observer, VendorHttp
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.accounts import profile_of
from connectors.stripe.client import StripeClient
from connectors.stripe.credit_notes import Noted
from connectors.stripe.mapping import mark_metadata, snapshot_of
from connectors.stripe.payments import Billed, Charged, by_payment, invoice_of
from connectors.stripe.transport import StripeTransport
from connectors.stripe.wire import Subscription, SubscriptionItem
from connectors.stripe.wire_invoices import Charge, CreditNote, InvoiceItem
from connectors.stripe.writes import StripeWrites

#: Of several failures of reads that ran together the one that a person must mend comes first.
_GRAVEST_FIRST: tuple[type[Failure], ...] = (CredentialsRefused, Rejection, ContractDrift, Failure)


def _unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
    del system, method, outcome, seconds


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Held(NamedTuple):
    """A subscription, and what Stripe lists by its customer."""

    subscription: Subscription
    items: list[SubscriptionItem]
    pending: list[InvoiceItem]
    charges: asyncio.Task[list[Charge]]
    notes: asyncio.Task[list[CreditNote]]


class StripeBilling:
    """A `BillingPort`. Amounts leave here in ISO 4217 minor units, times in UTC."""

    def __init__(
        self,
        config: ConnectionConfig,
        http: VendorHttp,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._transport = StripeTransport(http, config.name)
        self._reads = StripeClient(self._transport)
        self._writes = StripeWrites(self._transport, self._reads)
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
        """See `BillingPort`. Two round trips, because Stripe lists pending items, charges and
        credit notes by customer only; a third where there is a dispute, or a list did not fit into
        one answer."""
        now = self._now()
        oldest = None if since is None else int(since.timestamp())
        try:
            async with asyncio.TaskGroup() as reads:
                reading = reads.create_task(self._held(reads, subscription_id, oldest))
                invoices = reads.create_task(self._billed(subscription_id, oldest))
        except BaseExceptionGroup as group:
            raise _gravest(group) from None
        held, billed = reading.result(), invoices.result()
        charged = await self._charged(subscription_id, held.charges.result(), billed)
        noted = await self._noted(subscription_id, held.notes.result(), billed)
        return snapshot_of(
            held.subscription, held.items, held.pending, billed, charged, noted, now=now
        )

    async def account(self, customer_id: str) -> AccountProfile:
        """See `BillingPort`."""
        holder = await self._reads.holder(customer_id)
        return profile_of(holder, await self._reads.tax_ids(holder))

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        """See `BillingPort`. The mark is metadata, which Stripe takes on ended ones too."""
        await self._writes.note_on_subscription(subscription_id, mark_metadata(mark), key=key)

    async def record_standing(
        self, invoice_id: str, standing: Mapping[str, str], *, key: str
    ) -> None:
        """See `BillingPort`. Metadata under `trueup_…`; Stripe takes names of up to 33 characters
        and texts of up to 500."""
        if standing:
            await self._writes.note_on_invoice(invoice_id, standing, key=key)

    async def cancel(self, subscription_id: str, *, key: str) -> None:
        """See `BillingPort`. Stripe takes no key for it and needs none: it ends but once."""
        del key
        await self._writes.cancel(subscription_id)

    async def close_invoice(self, invoice_id: str, outcome: InvoiceStatus, *, key: str) -> None:
        """See `BillingPort`."""
        await self._writes.close_invoice(invoice_id, outcome, key=key)

    async def close(self) -> None:
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _held(self, reads: asyncio.TaskGroup, key: str, since: int | None) -> _Held:
        subscription = await self._reads.subscription(key)
        charges = reads.create_task(self._reads.charges(subscription, since=since))
        notes = reads.create_task(self._reads.credit_notes(subscription, since=since))
        items = await self._reads.items(subscription)
        pending = await self._reads.pending_items(subscription)
        return _Held(subscription, items, pending, charges, notes)

    async def _billed(self, key: str, since: int | None) -> list[Billed]:
        return [
            Billed(
                invoice,
                await self._reads.lines(invoice, key),
                await self._reads.payments(invoice, key),
            )
            for invoice in await self._reads.invoices(key, since=since)
        ]

    async def _charged(
        self, key: str, charges: Sequence[Charge], billed: Sequence[Billed]
    ) -> list[Charged]:
        """The charges of these invoices; the customer's others are none of ours."""
        invoices = by_payment(billed)
        return [
            Charged(
                charge,
                await self._reads.refunds(charge, key),
                await self._reads.disputes(charge, key),
            )
            for charge in charges
            if invoice_of(charge, invoices) is not None
        ]

    async def _noted(
        self, key: str, notes: Sequence[CreditNote], billed: Sequence[Billed]
    ) -> list[Noted]:
        """The credit notes of these invoices. A note is younger than its invoice, so that none of
        these is missed by reading both from the same moment on."""
        invoices = {entry.invoice.id for entry in billed}
        return [
            Noted(note, await self._reads.credited(note, key))
            for note in notes
            if note.invoice in invoices
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
