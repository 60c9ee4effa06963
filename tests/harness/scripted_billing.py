"""A billing platform in memory, behind the real port."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from canonical_models.commerce import (
    AccountProfile,
    BillingSnapshot,
    SubscriptionStatus,
    SyncMark,
)
from canonical_models.term import InvoiceStatus
from tests.harness.script import Script


@dataclass
class Billing:
    script: Script
    snapshots: dict[str, BillingSnapshot] = field(default_factory=dict)
    marks: dict[str, SyncMark] = field(default_factory=dict)
    accounts: dict[str, AccountProfile] = field(default_factory=dict)
    notes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        async with self.script.call("billing.snapshot"):
            found = _made_after(since, self.snapshots[subscription_id])
            return found.model_copy(update={"mark": self.marks.get(subscription_id)})

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        del key
        async with self.script.call("billing.record_sync"):
            self.marks[subscription_id] = mark

    async def account(self, customer_id: str) -> AccountProfile:
        async with self.script.call("billing.account"):
            return self.accounts[customer_id]

    async def record_standing(
        self, invoice_id: str, standing: Mapping[str, str], *, key: str
    ) -> None:
        del key
        async with self.script.call("billing.record_standing"):
            self.notes[invoice_id] = dict(standing)

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

    async def close_invoice(self, invoice_id: str, outcome: InvoiceStatus, *, key: str) -> None:
        del key
        async with self.script.call("billing.close_invoice"):
            for of, found in self.snapshots.items():
                self.snapshots[of] = _closed(found, invoice_id, outcome)

    async def close(self) -> None:
        return None


def _made_after(since: datetime | None, found: BillingSnapshot) -> BillingSnapshot:
    """Without older invoices, and all that is on them."""
    old = {i.invoice_id for i in found.invoices if since is not None and i.created_at < since}
    return found.model_copy(
        update={
            "lines": tuple(line for line in found.lines if line.invoice_id not in old),
            "invoices": tuple(i for i in found.invoices if i.invoice_id not in old),
            "payments": tuple(p for p in found.payments if p.invoice_id not in old),
        }
    )


def _closed(found: BillingSnapshot, invoice_id: str, outcome: InvoiceStatus) -> BillingSnapshot:
    """The invoice ended so; a void one takes its lines back."""
    if all(invoice.invoice_id != invoice_id for invoice in found.invoices):
        return found
    void = outcome is InvoiceStatus.VOID
    gone = tuple(line.line_id for line in found.lines if void and line.invoice_id == invoice_id)
    return found.model_copy(
        update={
            "invoices": tuple(
                i.model_copy(update={"status": outcome}) if i.invoice_id == invoice_id else i
                for i in found.invoices
            ),
            "lines": tuple(line for line in found.lines if line.line_id not in gone),
            "voided": (*found.voided, *gone),
        }
    )
