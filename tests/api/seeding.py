"""Rows of one tenant in every table, each marked as the tenant's own."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.backfill import Backfilling, BackfillSubject, Selection
from canonical_models.batch import BatchKind
from canonical_models.events import SubscriptionChanged, event
from canonical_models.exceptions import Action, Resolution
from canonical_models.mapping import AccountMapping, ItemMapping
from persistence import (
    batches,
    changes,
    exceptions,
    keys,
    mappings,
    outbox,
    streams,
    subscriptions,
)
from persistence.batches import Listed
from persistence.database import Database
from persistence.tables import (
    ChangeRow,
    EffectRow,
    ExceptionRow,
    GrantRow,
    InboxRow,
)
from tests.api.seeding_books import NOON, books_of
from tests.api.seeding_processes import life_rows
from tests.harness.rows import add
from tests.harness.subscriptions import item, subscription


@dataclass(frozen=True)
class Ids:
    """What a tenant owns; `mark` is in the texts of its rows and nowhere else."""

    tenant: str

    @property
    def mark(self) -> str:
        return f"owned-by-{self.tenant}"

    def change(self, name: str) -> str:
        return f"chg_{self.tenant}_{name}"

    @property
    def subscription(self) -> str:
        return f"sub_{self.tenant}"

    @property
    def customer(self) -> str:
        return f"cus_{self.tenant}"

    @property
    def exception(self) -> str:
        return f"exc_{self.tenant}_open"

    @property
    def resolved(self) -> str:
        return f"exc_{self.tenant}_done"

    @property
    def cause(self) -> str:
        """Of the open exception: tenant, code, system and subject."""
        parts = (self.tenant, "item_unmapped", "trueup", "ai")
        return hashlib.md5("\n".join(parts).encode(), usedforsecurity=False).hexdigest()[:16]

    @property
    def invoice(self) -> str:
        return f"in_{self.tenant}"

    @property
    def account(self) -> str:
        """The subject of changes of the customer's account."""
        return account_subject(self.customer)

    @property
    def backfill(self) -> str:
        return f"bfl_{self.tenant}"

    @property
    def batch(self) -> str:
        return f"bat_{self.tenant}"

    @property
    def stream(self) -> str:
        return f"crm-{self.tenant}"

    @property
    def receipt(self) -> str:
        return f"rcp_{self.tenant}"


async def seeded(database: Database, tenant: str) -> Ids:
    """A settled, a waiting and a pending change of one subscription, and all that goes with it.

    Seeding a database again leaves it as it is, for modules whose tests share one.
    """
    ids = Ids(tenant)
    async with database.transaction() as conn:
        if await changes.get(conn, tenant, ids.change("done")) is not None:
            return ids
        await add(conn, *[*_changes(ids), *_effects(ids), *_held(ids)])
        await add(conn, *_exceptions(ids))
        await add(
            conn, *life_rows(tenant, ids.customer, ids.subscription, ids.change("done"), ids.mark)
        )
        await books_of(conn, tenant, ids.customer, ids.subscription, ids.change("done"), ids.mark)
        for mapping in (
            AccountMapping(
                billing_customer=ids.customer,
                erp_party=ids.mark,
                support_organization="org_1",
                legal_entity="DE",
            ),
            ItemMapping(item="pro", erp_item=ids.mark, per_unit=("seats",)),
        ):
            await mappings.put(conn, tenant, mapping, by=ids.mark)
        await subscriptions.save(
            conn,
            tenant,
            subscription(item("pro", 10), subscription_id=ids.subscription),
            ids.change("done"),
        )
        told = SubscriptionChanged(
            change_id=ids.change("done"),
            subscription_id=ids.subscription,
            customer_id=ids.customer,
            kind=ChangeKind.UPGRADE,
            summary=ids.mark,
            effective_at=NOON,
            amount=None,
            erp_document=None,
        )
        await streams.add(
            conn,
            tenant,
            ids.stream,
            url=f"https://{ids.mark}.example.com",
            secret="crm",
            types=(),
            team=None,
            by=ids.mark,
        )
        await outbox.publish(
            conn,
            tenant,
            [
                event(
                    tenant,
                    "sync.completed.v1",
                    key=ids.change("done"),
                    subject=ids.subscription,
                    data=told,
                )
            ],
        )
        await batches.begin(
            conn,
            tenant,
            ids.batch,
            BatchKind.REPLAY,
            subject=ids.batch,
            given={"reason": ids.mark},
            by="anna",
        )
        await batches.add(conn, tenant, ids.batch, [Listed(ids.receipt)])
        await batches.pause(conn, tenant, ids.batch, ids.mark)
        given = Backfilling(
            selection=Selection(subject=BackfillSubject.HISTORY), rehearsal=True, reason=ids.mark
        )
        await batches.begin(
            conn,
            tenant,
            ids.backfill,
            BatchKind.BACKFILL,
            subject=ids.backfill,
            given=given.model_dump(mode="json"),
            by="anna",
        )
        await batches.stop(conn, tenant, ids.backfill, ids.mark)
        await exceptions.resolve(
            conn,
            tenant,
            Resolution(exception_id=ids.resolved, action=Action.RETRY, by="anna", note=ids.mark),
        )
    return ids


async def key_of(database: Database, tenant: str, *scopes: str, name: str = "desk") -> str:
    async with database.transaction() as conn:
        return await keys.create(conn, tenant, name, scopes)


def change_row(ids: Ids, name: str, state: str, **more: Any) -> ChangeRow:
    values: dict[str, Any] = {
        "id": ids.change(name),
        "tenant": ids.tenant,
        "connection": "billing",
        "subject": ids.subscription,
        "subscription_id": ids.subscription,
        "customer_id": ids.customer,
        "event_id": f"evt_{ids.tenant}_{name}",
        "kind": "upgrade",
        "state": state,
        "summary": ids.mark,
        "occurred_at": NOON,
        "received_at": NOON + timedelta(seconds=1),
    }
    return ChangeRow(**(values | more))


def exception_row(ids: Ids, key: str, change: str, **more: Any) -> ExceptionRow:
    values: dict[str, Any] = {
        "id": key,
        "tenant": ids.tenant,
        "change_id": ids.change(change),
        "belongs_to": ids.subscription,
        "subscription_id": ids.subscription,
        "step": "plan and post",
        "system": "trueup",
        "failure_class": "rejected",
        "code": "item_unmapped",
        "subject": "ai",
        "fingerprint": "f" * 16,
        "owner": "finance",
        "message": f"billing item ai has no ERP item ({ids.mark})",
        "at_risk_minor": 12000,
        "at_risk_currency": "EUR",
        "opened_at": NOON + timedelta(seconds=3),
        "due_at": NOON + timedelta(hours=8),
    }
    return ExceptionRow(**(values | more))


def _changes(ids: Ids) -> list[ChangeRow]:
    later = NOON + timedelta(seconds=2)
    return [
        change_row(
            ids,
            "done",
            "settled",
            outcome="completed",
            run_id="11111111-1111-1111-1111-111111111111",
            started_at=later,
            settled_at=NOON + timedelta(seconds=9),
            proof={"read_at": "2026-11-20T12:00:08Z", "mark": ids.mark},
        ),
        change_row(
            ids,
            "waits",
            "waiting",
            run_id="22222222-2222-2222-2222-222222222222",
            started_at=later,
        ),
        change_row(ids, "next", "pending"),
    ]


def _effects(ids: Ids) -> list[EffectRow]:
    shared: dict[str, Any] = {
        "tenant": ids.tenant,
        "request_hash": "0" * 64,
        "change_id": ids.change("done"),
        "attempt": 1,
        "attempted_at": NOON + timedelta(seconds=4),
    }
    return [
        EffectRow(
            key=f"document:{ids.tenant}/{ids.invoice}",
            step=f"erp.document/{ids.invoice}",
            system="erp",
            operation="post invoice",
            state="confirmed",
            vendor_reference=f"INV-{ids.mark}",
            url="http://127.0.0.1/erp/812",
            confirmed_at=NOON + timedelta(seconds=5),
            **shared,
        ),
        EffectRow(
            key=f"settlement:{ids.tenant}/pi_{ids.tenant}",
            step=f"erp.settlement/pi_{ids.tenant}",
            system="erp",
            operation="enter payment",
            state="confirmed",
            vendor_reference=ids.mark,
            confirmed_at=NOON + timedelta(seconds=5.5),
            **shared,
        ),
        EffectRow(
            key=f"{ids.change('done')}/support.entitlement",
            step="support.entitlement",
            system="support",
            operation="publish entitlement",
            state="compensated",
            vendor_reference="org_1",
            undo_reference="org_1",
            confirmed_at=NOON + timedelta(seconds=6),
            compensated_at=NOON + timedelta(seconds=7),
            **shared,
        ),
    ]


def _held(ids: Ids) -> list[InboxRow | GrantRow]:
    return [
        InboxRow(
            receipt=ids.receipt,
            tenant=ids.tenant,
            connection="billing",
            event_id=f"evt_{ids.tenant}_done",
            event_type="customer.subscription.updated",
            status="dispatched",
            change_id=ids.change("done"),
            body=f'{{"secret": "{ids.mark}"}}'.encode(),
        ),
        GrantRow(
            tenant=ids.tenant,
            customer_id=ids.customer,
            feature="seats",
            source="subscription",
            source_id=ids.mark,
            subscription_id=ids.subscription,
            change_id=ids.change("done"),
            quantity=10,
            starts_at=NOON,
        ),
    ]


def _exceptions(ids: Ids) -> list[ExceptionRow]:
    return [
        exception_row(ids, ids.exception, "waits"),
        exception_row(
            ids, ids.resolved, "done", opened_at=NOON + timedelta(seconds=2), code="period_closed"
        ),
    ]
