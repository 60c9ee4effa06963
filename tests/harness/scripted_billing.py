"""A billing platform in memory, behind the real port."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from canonical_models.amendment import ChangeTrigger
from canonical_models.cash import CashBalance, CashMovement, Payout
from canonical_models.commerce import (
    AccountProfile,
    AccountSnapshot,
    BilledCustomer,
    BillingSnapshot,
    CustomerPage,
    DocumentPage,
    SubscriptionStatus,
    SyncMetadata,
)
from canonical_models.documents import BillingDocument, DocumentStatus, Settlement, SettlementKind
from canonical_models.money import Money
from canonical_models.proposal import ProposedChange
from canonical_models.reconciliation import BalanceFact, DocumentFact, Facts, SubscriptionFact
from tests.harness.script import Script


@dataclass
class Billing:
    """`snapshots` hold all documents of a subscription, `loose` those of no subscription."""

    script: Script
    snapshots: dict[str, BillingSnapshot] = field(default_factory=dict)
    loose: list[BillingDocument] = field(default_factory=list)
    movements: list[Settlement] = field(default_factory=list)
    synced: dict[str, SyncMetadata] = field(default_factory=dict)
    accounts: dict[str, AccountProfile] = field(default_factory=dict)
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    #: What a change of a subscription would come to.
    previews: dict[str, BillingSnapshot] = field(default_factory=dict)
    payouts: dict[str, Payout] = field(default_factory=dict)
    balance: tuple[Money, ...] = ()
    cash: list[CashMovement] = field(default_factory=list)
    #: Invoices that we have said were paid past billing, with amount and key.
    paid_elsewhere: list[tuple[str, Money, str]] = field(default_factory=list)
    #: What events say that do not show what they are about, by id.
    events: dict[str, ChangeTrigger] = field(default_factory=dict)
    #: Invoices that billing does not collect by itself.
    sent: set[str] = field(default_factory=set)

    async def payout(self, payout_id: str) -> Payout:
        async with self.script.call("billing.payout"):
            return self.payouts[payout_id]

    async def payouts_since(self, since: datetime) -> tuple[str, ...]:
        del since
        return tuple(self.payouts)

    async def cash_balance(self) -> CashBalance:
        async with self.script.call("billing.cash_balance"):
            return CashBalance(amounts=self.balance)

    async def cash_movements(
        self, *, since: datetime, after: str | None = None
    ) -> tuple[CashMovement, ...]:
        del since
        ids = [each.movement_id for each in self.cash]
        return tuple(self.cash[ids.index(after) + 1 if after else 0 :])

    async def snapshot(
        self,
        subscription_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> BillingSnapshot:
        async with self.script.call("billing.snapshot"):
            found = self.snapshots[subscription_id]
            newest = {document.document_id for document in found.documents[-1:]}
            own = {document.document_id for document in found.documents}
            chosen = [
                document
                for document in self._all()
                if document.document_id in newest
                or document.document_id in documents
                or (
                    since is not None
                    and document.document_id in own
                    and document.issued_at >= since
                )
            ]
            return found.model_copy(
                update={
                    "sync": self.synced.get(subscription_id),
                    "documents": tuple(chosen),
                    "missing": tuple(
                        key
                        for key in documents
                        if all(document.document_id != key for document in chosen)
                    ),
                }
            )

    async def preview(self, subscription_id: str, change: ProposedChange) -> BillingSnapshot:
        del change
        async with self.script.call("billing.preview"):
            return self.previews[subscription_id]

    async def account_snapshot(
        self,
        customer_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> AccountSnapshot:
        async with self.script.call("billing.account_snapshot"):
            chosen = [
                document
                for document in self._all()
                if document.customer_id == customer_id
                and (
                    document.document_id in documents
                    or (since is not None and document in self.loose)
                )
            ]
            balance = Money.total((moved.amount for moved in self.movements), "EUR")
            return AccountSnapshot(
                customer_id=customer_id,
                as_of=datetime.now(UTC),
                documents=tuple(chosen),
                movements=tuple(self.movements),
                balance=(balance,) if balance else (),
            )

    async def documents(self, document_ids: Collection[str]) -> tuple[BillingDocument, ...]:
        async with self.script.call("billing.documents"):
            known = {document.document_id: document for document in self._all()}
            return tuple(known[key] for key in document_ids if key in known)

    async def document_page(
        self, *, since: datetime, after: str | None = None, limit: int = 100
    ) -> DocumentPage:
        async with self.script.call("billing.document_page"):
            ordered = sorted(
                (document for document in self._all() if document.issued_at >= since),
                key=lambda document: (document.issued_at, document.document_id),
            )
            start = int(after or 0)
            page = ordered[start : start + limit]
            more = start + limit < len(ordered)
            return DocumentPage(documents=tuple(page), next=str(start + limit) if more else None)

    async def customer_page(
        self, *, after: str | None = None, limit: int = 100, only: str | None = None
    ) -> CustomerPage:
        async with self.script.call("billing.customer_page"):
            found: dict[str, BilledCustomer] = {}
            for of, shown in self.snapshots.items():
                key = shown.subscription.customer.customer_id
                known = found.get(key, BilledCustomer(customer_id=key))
                update = {"subscriptions": (*known.subscriptions, of)}
                found[key] = known.model_copy(update=update)
            for document in self._all():
                if document.owed:
                    key = document.customer_id
                    known = found.get(key, BilledCustomer(customer_id=key))
                    update = {"open_documents": (*known.open_documents, document.document_id)}
                    found[key] = known.model_copy(update=update)
            wanted = [found[key] for key in sorted(found) if only in (None, key)]
            start = int(after or 0)
            more = start + limit < len(wanted)
            return CustomerPage(
                customers=tuple(wanted[start : start + limit]),
                next=str(start + limit) if more else None,
            )

    async def facts(self, *, after: str | None = None) -> Facts:
        del after
        async with self.script.call("billing.facts"):
            return Facts(
                documents=tuple(
                    DocumentFact(
                        key=each.document_id,
                        kind=each.kind,
                        stands=not each.void,
                        account=each.customer_id,
                        subscription_id=each.subscription_id,
                        number=each.number,
                        gross=each.gross,
                        tax=each.tax,
                        open=each.remaining,
                        issued_at=each.issued_at,
                        collected=each.document_id not in self.sent,
                    )
                    for each in self._all()
                ),
                subscriptions=tuple(
                    SubscriptionFact(
                        subscription_id=key,
                        customer_id=shown.subscription.customer.customer_id,
                        status=shown.subscription.status,
                        items=tuple(
                            sorted((i.plan.item, i.quantity) for i in shown.subscription.items)
                        ),
                    )
                    for key, shown in self.snapshots.items()
                ),
                balances=tuple(
                    BalanceFact(customer_id=customer)
                    for customer in sorted({each.customer_id for each in self._all()})
                ),
                next=None,
                more=False,
            )

    async def document_of(self, payment_id: str) -> str | None:
        async with self.script.call("billing.document_of"):
            for document in self._all():
                if any(moved.settlement_id == payment_id for moved in document.settlements):
                    return document.document_id
            return None

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        """As told in `events`, by the id of the event."""
        async with self.script.call("billing.understand"):
            return self.events.get(json.loads(body)["id"])

    async def record_sync(self, subscription_id: str, sync: SyncMetadata, *, key: str) -> None:
        del key
        async with self.script.call("billing.record_sync"):
            self.synced[subscription_id] = sync

    async def account(self, customer_id: str) -> AccountProfile:
        async with self.script.call("billing.account"):
            return self.accounts[customer_id]

    async def record_erp_status(
        self, document_id: str, erp_status: Mapping[str, str], *, key: str
    ) -> None:
        del key
        async with self.script.call("billing.record_erp_status"):
            self.notes[document_id] = dict(erp_status)

    async def cancel(self, subscription_id: str, *, key: str) -> None:
        del key
        async with self.script.call("billing.cancel"):
            found = self.snapshots[subscription_id]
            ended = found.subscription.model_copy(
                update={
                    "status": SubscriptionStatus.CANCELLED,
                    "ended_at": found.subscription.as_of,
                }
            )
            self.snapshots[subscription_id] = found.model_copy(update={"subscription": ended})

    async def close_invoice(self, invoice_id: str, outcome: DocumentStatus, *, key: str) -> None:
        del key
        async with self.script.call("billing.close_invoice"):
            for of, found in self.snapshots.items():
                self.snapshots[of] = found.model_copy(
                    update={
                        "documents": tuple(
                            closed(document, outcome, found.subscription.as_of)
                            if document.document_id == invoice_id
                            else document
                            for document in found.documents
                        )
                    }
                )

    async def pay_elsewhere(self, invoice_id: str, amount: Money, *, key: str) -> None:
        async with self.script.call("billing.pay_elsewhere"):
            self.paid_elsewhere.append((invoice_id, amount, key))

    async def close(self) -> None:
        return None

    def _all(self) -> list[BillingDocument]:
        of_subscriptions = [
            document for found in self.snapshots.values() for document in found.documents
        ]
        return [*of_subscriptions, *self.loose]


def _since(since: datetime | None, document: BillingDocument) -> bool:
    return since is not None and document.issued_at >= since


def closed(document: BillingDocument, outcome: DocumentStatus, at: datetime) -> BillingDocument:
    """The invoice ended so; what was given up is written off."""
    written_off = Settlement(
        settlement_id=f"{document.document_id}/write-off",
        kind=SettlementKind.WRITE_OFF,
        document_id=document.document_id,
        amount=document.remaining,
        at=at,
    )
    given_up = outcome is DocumentStatus.UNCOLLECTIBLE and bool(document.remaining)
    return document.model_copy(
        update={
            "status": outcome,
            "closed_at": at,
            "remaining": Money.zero(document.currency),
            "settlements": (*document.settlements, written_off)
            if given_up
            else document.settlements,
        }
    )
