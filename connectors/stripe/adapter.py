"""Stripe behind the billing port."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Self

import httpx

from canonical_models.amendment import ChangeTrigger
from canonical_models.cash import CashBalance, CashMovement, Payout
from canonical_models.commerce import (
    AccountProfile,
    AccountSnapshot,
    BillingSnapshot,
    CustomerPage,
    DocumentPage,
    SyncMetadata,
)
from canonical_models.documents import BillingDocument, DocumentStatus, Untold
from canonical_models.money import Money
from canonical_models.proposal import ProposedChange
from canonical_models.reconciliation import Facts
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Closing, Observer, VendorHttp
from connectors.stripe import SYSTEM
from connectors.stripe.accounts import profile_of
from connectors.stripe.catalogue import CatalogueReader
from connectors.stripe.client import StripeClient
from connectors.stripe.client_cash import StripeCash
from connectors.stripe.client_documents import StripeDocuments
from connectors.stripe.client_facts import StripeFacts
from connectors.stripe.client_money import StripeMoney
from connectors.stripe.customers import CustomerReader
from connectors.stripe.facts import FactReader
from connectors.stripe.mapping import sync_metadata
from connectors.stripe.moving import MovementReader
from connectors.stripe.options import StripeOptions, headers_of
from connectors.stripe.pages import Cursor, PageReader
from connectors.stripe.payers import PaymentReader
from connectors.stripe.previews import PreviewReader
from connectors.stripe.reading import DocumentReader
from connectors.stripe.snapshots import SnapshotReader
from connectors.stripe.thin_reading import ThinReader
from connectors.stripe.transport import StripeTransport
from connectors.stripe.webhooks import StripeWebhooks
from connectors.stripe.writes import StripeWrites


def _unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
    del system, method, outcome, seconds


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StripeBilling(Closing):
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
        documents, money = StripeDocuments(self._transport), StripeMoney(self._transport)
        self._writes = StripeWrites(self._transport, self._reads, documents)
        catalogue = CatalogueReader(self._reads)
        movements = MovementReader(self._reads, documents, money)
        self._documents = DocumentReader(self._reads, documents, movements, catalogue, now)
        self._snapshots = SnapshotReader(self._reads, documents, self._documents, catalogue, now)
        self._previews = PreviewReader(self._reads, catalogue, now)
        self._pages = PageReader(documents, now)
        self._customers = CustomerReader(self._reads)
        self._payers = PaymentReader(money)
        self._facts = FactReader(StripeFacts(self._transport))
        self._cash = StripeCash(self._transport)
        self._thin = ThinReader(self._transport, StripeWebhooks(StripeOptions.of(config)))

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """An adapter with a connection pool of its own; close it. Raises KeyError without the
        secret `api_key`, ValueError for options that do not fit."""
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers=headers_of(config),
            timeout_seconds=config.timeout_seconds,
            observe=observe or _unobserved,
            governor=governor,
            transport=transport,
        )
        return cls(config, http)

    async def snapshot(
        self,
        subscription_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> BillingSnapshot:
        """See `BillingPort`. With `since` the credit notes issued from then on are read as well,
        also of older invoices."""
        return await self._snapshots.subscription(subscription_id, named=documents, since=since)

    async def preview(self, subscription_id: str, change: ProposedChange) -> BillingSnapshot:
        """See `BillingPort`."""
        return await self._previews.of(subscription_id, change)

    async def account_snapshot(
        self,
        customer_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> AccountSnapshot:
        """See `BillingPort`."""
        return await self._snapshots.account(customer_id, named=documents, since=since)

    async def documents(self, document_ids: Collection[str]) -> tuple[BillingDocument, ...]:
        """See `BillingPort`."""
        found = await self._documents.find(document_ids)
        whole = {each.document_id: each for each in await self._documents.whole(found)}
        return tuple(whole[key] for key in dict.fromkeys(document_ids) if key in whole)

    async def document_page(
        self, *, since: datetime, after: str | None = None, limit: int = 100
    ) -> DocumentPage:
        """See `BillingPort`. A draft that becomes final after its page was read is not among the
        later ones. Raises ValueError for a cursor that is none."""
        begin = Cursor(int(since.timestamp()), "", None) if after is None else Cursor.read(after)
        found, following = await self._pages.page(begin, limit)
        refused: dict[str, Untold] = {}
        documents = await self._documents.whole(found, refused=refused)
        whole = {each.document_id: each for each in documents}
        made = {key: each.created for key, each in (found.invoices | found.notes).items()}
        return DocumentPage(
            documents=tuple(whole[key] for key in sorted(whole, key=lambda key: (made[key], key))),
            refused=refused,
            next=None if following is None else str(following),
        )

    async def customer_page(
        self, *, after: str | None = None, limit: int = 100, only: str | None = None
    ) -> CustomerPage:
        """See `BillingPort`. Two requests a customer, side by side. Raises ValueError for a cursor
        that is none."""
        if only is not None:
            return await self._customers.only(only)
        return await self._customers.page(after, limit)

    async def facts(self, *, after: str | None = None) -> Facts:
        """See `BillingPort`. Raises ValueError for a cursor that is none."""
        return await self._facts.page(after)

    async def document_of(self, payment_id: str) -> str | None:
        """See `BillingPort`."""
        return await self._payers.document_of(payment_id)

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        """See `BillingPort`. One to three requests."""
        return await self._thin.understand(body)

    async def account(self, customer_id: str) -> AccountProfile:
        """See `BillingPort`."""
        holder = await self._reads.holder(customer_id)
        return profile_of(holder, await self._reads.tax_ids(holder))

    async def payout(self, payout_id: str) -> Payout:
        """See `BillingPort`. Stripe says what an automatic payout pays out once it has reconciled
        it, and never of one that was made by hand."""
        return await self._cash.payout(payout_id)

    async def payouts_since(self, since: datetime) -> tuple[str, ...]:
        """See `BillingPort`."""
        return await self._cash.payouts_since(since)

    async def cash_balance(self) -> CashBalance:
        """See `BillingPort`: available and pending; what is reserved for others is not ours."""
        return await self._cash.balance()

    async def cash_movements(
        self, *, since: datetime, after: str | None = None
    ) -> tuple[CashMovement, ...]:
        """See `BillingPort`."""
        return await self._cash.movements(since, after)

    async def record_sync(self, subscription_id: str, sync: SyncMetadata, *, key: str) -> None:
        """See `BillingPort`. It is metadata, which Stripe takes on ended ones too."""
        await self._writes.note_on_subscription(subscription_id, sync_metadata(sync), key=key)

    async def record_erp_status(
        self, document_id: str, erp_status: Mapping[str, str], *, key: str
    ) -> None:
        """See `BillingPort`. Metadata under `trueup_…`; Stripe takes names of up to 33 characters
        and texts of up to 500."""
        if erp_status:
            await self._writes.note_on_document(document_id, erp_status, key=key)

    async def cancel(self, subscription_id: str, *, key: str) -> None:
        """See `BillingPort`. Stripe takes no key for it and needs none: it ends but once."""
        del key
        await self._writes.cancel(subscription_id)

    async def pay_elsewhere(self, invoice_id: str, amount: Money, *, key: str) -> None:
        await self._writes.pay_elsewhere(invoice_id, amount, key=key)

    async def close_invoice(self, invoice_id: str, outcome: DocumentStatus, *, key: str) -> None:
        """See `BillingPort`."""
        await self._writes.close_invoice(invoice_id, outcome, key=key)

    async def close(self) -> None:
        await self._transport.close()
