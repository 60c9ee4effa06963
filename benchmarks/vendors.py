"""Billing, ERP and support platform for measurements: any subscription, any number of workers.

They answer at once, or after a given time. What they keep is in memory, or in a folder that
several worker processes share and that survives a worker that is killed.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

from activities.tenants import Tenant
from canonical_models.commerce import BillingSnapshot, Customer, SyncMark
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.ledgering import (
    AccountMapping,
    Document,
    DocumentDraft,
    DocumentState,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    TaxDetermination,
)
from canonical_models.money import Money
from connectors.ports import BillingPort, ErpPort, TicketingPort
from tests.harness.subscriptions import item, line, snapshot, subscription


class Shelf(Protocol):
    """Texts by key."""

    def get(self, key: str) -> str | None: ...
    def put(self, key: str, text: str) -> None: ...


class Memory:
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self._kept.get(key)

    def put(self, key: str, text: str) -> None:
        self._kept[key] = text


class Folder:
    """A file a key; written beside and renamed, so that nobody reads half a text."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> str | None:
        try:
            return (self._path / quote(key, safe="")).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def put(self, key: str, text: str) -> None:
        path = self._path / quote(key, safe="")
        part = path.with_suffix(f".{time.monotonic_ns()}")
        part.write_text(text, encoding="utf-8")
        part.rename(path)


@dataclass
class Wire:
    """How long a call takes, and when each was made: (name, began, ended), monotonic seconds."""

    seconds: float = 0
    calls: list[tuple[str, float, float]] = field(default_factory=list)

    async def call(self, name: str) -> None:
        if self.seconds:
            began = time.perf_counter()
            await asyncio.sleep(self.seconds)
            self.calls.append((name, began, time.perf_counter()))


def account(number: int) -> AccountMapping:
    """Of the customer of subscription `sub_<number>`; each has an organisation of its own."""
    return AccountMapping(
        billing_customer=f"cus_{number}",
        erp_party=f"C-{number}",
        support_organization=f"cus_{number}",
        legal_entity="LE-DE",
    )


@dataclass
class AnyBilling:
    """Every subscription begins on `starter`; once that is agreed on it has been upgraded."""

    shelf: Shelf
    wire: Wire

    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        del since
        await self.wire.call("billing.snapshot")
        number = subscription_id.removeprefix("sub_")
        kept = self.shelf.get(f"mark {subscription_id}")
        mark = SyncMark.model_validate_json(kept) if kept else None
        product, price = ("pro", 4000) if mark else ("starter", 1000)
        now = subscription(
            item(product, 5, price, key=f"si_{number}"), subscription_id=subscription_id
        ).model_copy(update={"customer": Customer(customer_id=f"cus_{number}")})
        lines = [line(f"il_{number}", 5000, "starter")]
        if mark:
            lines += [line(f"ii_{number}a", -2500, "starter"), line(f"ii_{number}b", 10000)]
        return snapshot(now, *lines).model_copy(update={"mark": mark})

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        del key
        await self.wire.call("billing.record_sync")
        self.shelf.put(f"mark {subscription_id}", mark.model_dump_json())

    async def close(self) -> None:
        return None


@dataclass
class AnyErp:
    """Posts anything for any party at a tax rate of zero. A document's id is its reference."""

    shelf: Shelf
    wire: Wire

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        await self.wire.call("erp.check")
        return LedgerAnswer(
            legal_entity=LegalEntity(code=question.legal_entity, currency=question.currency),
            taxes=tuple(
                TaxDetermination(item=item, tax_codes=(), rate=Decimal(0))
                for item in question.items
            ),
        )

    async def find(self, reference: str, legal_entity: str) -> tuple[Document, ...]:
        del legal_entity
        await self.wire.call("erp.find")
        found = self._document(reference)
        return (found,) if found else ()

    async def post(self, draft: DocumentDraft) -> Document:
        await self.wire.call("erp.post")
        return self._add(draft.reference, draft, draft.net)

    async def reverse(self, document: Document, *, reference: str, posting_date: date) -> Document:
        del posting_date
        await self.wire.call("erp.reverse")
        return self._add(reference, document, -document.net)

    async def read(self, document_id: str, legal_entity: str) -> Document:
        del legal_entity
        await self.wire.call("erp.read")
        found = self._document(document_id)
        if found is None:
            raise RuntimeError(f"document {document_id} was never posted")
        return found

    async def close(self) -> None:
        return None

    def _document(self, reference: str) -> Document | None:
        kept = self.shelf.get(f"document {reference}")
        return Document.model_validate_json(kept) if kept else None

    def _add(self, reference: str, like: DocumentDraft | Document, net: Money) -> Document:
        document = Document(
            document_id=reference,
            legal_entity=like.legal_entity,
            reference=reference,
            number=f"INV-{reference}",
            kind=like.kind,
            state=DocumentState.POSTED,
            net=net,
            tax=Money.zero(net.currency),
        )
        self.shelf.put(f"document {reference}", document.model_dump_json())
        return document


@dataclass
class AnySupport:
    shelf: Shelf
    wire: Wire

    async def organization(self, external_id: str) -> SupportOrganization | None:
        await self.wire.call("support.organization")
        kept = self.shelf.get(f"organization {external_id}")
        nothing = SupportEntitlement(organization=external_id, tier=None, contract_end=None)
        shown = SupportEntitlement.model_validate_json(kept) if kept else nothing
        return SupportOrganization(organization_id=f"org-{external_id}", entitlement=shown)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        await self.wire.call("support.publish")
        named = entitlement.organization
        self.shelf.put(f"organization {named}", entitlement.model_dump_json())
        return SupportOrganization(organization_id=f"org-{named}", entitlement=entitlement)

    async def close(self) -> None:
        return None


def tenant(shelf: Shelf, wire: Wire) -> Tenant:
    """`acme`, with all three behind one wire."""
    return Tenant(
        name="acme",
        # What the amendment of a mapped account calls, and no more.
        billing=cast("BillingPort", AnyBilling(shelf, wire)),
        erp=cast("ErpPort", AnyErp(shelf, wire)),
        support=cast("TicketingPort", AnySupport(shelf, wire)),
    )
