"""Billing, ERP and support platform for measurements: any subscription, any number of workers.

They answer at once, or after a given time. What they keep is in memory, or in a folder that
several worker processes share and that survives a worker that is killed.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

from activities.tenants import Tenant
from canonical_models.commerce import AccountProfile, BillingSnapshot, Customer, SyncMetadata
from canonical_models.documents import BilledParty, BillingDocument
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.ledgering import (
    DocumentDraft,
    ErpDocument,
    ItemTerms,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    TaxCode,
)
from canonical_models.mapping import AccountMapping
from connectors.attempts import Attempt
from connectors.ports import BillingPort, ErpPort, TicketingPort
from tests.harness.as_drafted import REVENUE, as_drafted
from tests.harness.subscriptions import START, invoice, item, line, snapshot, subscription, vat

_VAT = TaxCode(code="VAT 19 %", rate=Decimal("0.19"))


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
    """How long a call takes, and when each was made: (name, began, ended), monotonic seconds, where
    it takes any; `names` are of all."""

    seconds: float = 0
    calls: list[tuple[str, float, float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    async def call(self, name: str) -> None:
        self.names.append(name)
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
    """Every subscription begins on `starter` with an invoice that is open; once that is agreed on
    it has been upgraded, by an invoice with two lines. The newest invoice is told with it."""

    shelf: Shelf
    wire: Wire

    async def snapshot(
        self,
        subscription_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> BillingSnapshot:
        del documents, since
        await self.wire.call("billing.snapshot")
        number = subscription_id.removeprefix("sub_")
        kept = self.shelf.get(f"sync {subscription_id}")
        sync = SyncMetadata.model_validate_json(kept) if kept else None
        product, price = ("pro", 4000) if sync else ("starter", 1000)
        now = subscription(
            item(product, 5, price, key=f"si_{number}"), subscription_id=subscription_id
        ).model_copy(update={"customer": Customer(customer_id=f"cus_{number}")})
        issued = _invoice(f"in_{number}_{product}")
        return snapshot(now, issued).model_copy(update={"sync": sync})

    async def documents(self, document_ids: Collection[str]) -> tuple[BillingDocument, ...]:
        await self.wire.call("billing.documents")
        return tuple(map(_invoice, document_ids))

    async def account(self, customer_id: str) -> AccountProfile:
        await self.wire.call("billing.account")
        return AccountProfile(customer_id=customer_id, name=_name(customer_id))

    async def record_sync(self, subscription_id: str, sync: SyncMetadata, *, key: str) -> None:
        del key
        await self.wire.call("billing.record_sync")
        self.shelf.put(f"sync {subscription_id}", sync.model_dump_json())

    async def close(self) -> None:
        return None


def _name(customer_id: str) -> str:
    return f"Customer {customer_id}"


def _invoice(document_id: str) -> BillingDocument:
    _, number, product = document_id.split("_")
    of, si = f"sub_{number}", f"si_{number}"
    if product == "starter":
        lines = [
            line(
                f"il_{number}",
                5000,
                "starter",
                taxes=vat(950),
                of=of,
                item_id=si,
                starts=START,
                proration=False,
            )
        ]
    else:
        lines = [
            line(f"ii_{number}a", -2500, "starter", taxes=vat(-475), of=of, item_id=si),
            line(f"ii_{number}b", 10000, taxes=vat(1900), of=of, item_id=si),
        ]
    customer = f"cus_{number}"
    return invoice(
        *lines,
        key=document_id,
        customer=customer,
        made_for=of,
        bill_to=BilledParty(name=_name(customer)),
    )


@dataclass
class AnyErp:
    """Posts anything for any party under one tax code. A document's id is its external id."""

    shelf: Shelf
    wire: Wire

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        await self.wire.call("erp.check")
        return LedgerAnswer(
            legal_entity=LegalEntity(code=question.legal_entity, currency=question.currency),
            posting_date=question.on,
            items=tuple(
                ItemTerms(item=item, account=REVENUE, taxes=(_VAT,)) for item in question.items
            ),
        )

    async def find(self, external_id: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        del legal_entity
        await self.wire.call("erp.find")
        found = self._document(external_id)
        return (found,) if found else ()

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        del attempt
        await self.wire.call("erp.post")
        key = draft.external_id
        made = as_drafted(draft, document_id=key, number=f"INV-{key}", taxes=lambda _: (_VAT,))
        self.shelf.put(f"document {draft.external_id}", made.model_dump_json())
        return made

    async def reverse(
        self,
        document_id: str,
        legal_entity: str,
        *,
        reference: str,
        on: date,
        attempt: Attempt | None = None,
    ) -> ErpDocument:
        del legal_entity, reference, on, attempt
        raise AssertionError(f"no benchmark takes {document_id} back")

    async def read(self, document_id: str, legal_entity: str) -> ErpDocument:
        del legal_entity
        await self.wire.call("erp.read")
        found = self._document(document_id)
        if found is None:
            raise RuntimeError(f"document {document_id} was never posted")
        return found

    async def close(self) -> None:
        return None

    def _document(self, external_id: str) -> ErpDocument | None:
        kept = self.shelf.get(f"document {external_id}")
        return ErpDocument.model_validate_json(kept) if kept else None


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
        connection="stripe",
        books_from=START - timedelta(days=30),
        # What the amendment of a mapped account calls, and no more.
        billing=cast("BillingPort", AnyBilling(shelf, wire)),
        erp=cast("ErpPort", AnyErp(shelf, wire)),
        support=cast("TicketingPort", AnySupport(shelf, wire)),
    )
