"""Billing, ERP and support platform in memory, behind the real ports, answering at once.

For what only a scripted system can do: fail at exactly one call, lose exactly one answer, take no
time at all. What a vendor really does is tested against the vendor, or its wire simulator.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from activities.tenants import Tenant
from canonical_models.commerce import BillingSnapshot, SyncMark
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.ledgering import (
    Document,
    DocumentDraft,
    DocumentState,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    TaxDetermination,
)
from canonical_models.money import Money

Fault = Callable[[], Exception]


@dataclass
class Script:
    """Faults by call, such as {"erp.post": [before(...), after()]}; each is used once, in order.

    `seconds` is how long every call takes. `calls` keeps what was called.
    """

    faults: dict[str, list["Planned"]] = field(default_factory=dict)
    seconds: float = 0
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] | None = None

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[None]:
        self.calls.append(name)
        if self.on_call is not None:
            self.on_call(name)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        planned = self.faults[name].pop(0) if self.faults.get(name) else None
        if planned is not None and not planned.happened:
            raise planned.failure()
        yield
        if planned is not None:
            raise planned.failure()


@dataclass(frozen=True)
class Planned:
    """A failure of one call; `happened` when the call has its effect all the same."""

    failure: Fault
    happened: bool = False


def refused(code: RejectionCode, system: str = "erp") -> Planned:
    return Planned(lambda: Rejection(code, f"scripted {code.value}", system=system, subject="it"))


def lost(system: str = "erp", *, happened: bool) -> Planned:
    return Planned(lambda: UncertainWrite("scripted lost answer", system=system), happened)


@dataclass
class Billing:
    script: Script
    snapshots: dict[str, BillingSnapshot] = field(default_factory=dict)
    marks: dict[str, SyncMark] = field(default_factory=dict)

    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        del since
        async with self.script.call("billing.snapshot"):
            found = self.snapshots[subscription_id]
            return found.model_copy(update={"mark": self.marks.get(subscription_id)})

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        del key
        async with self.script.call("billing.record_sync"):
            self.marks[subscription_id] = mark

    async def close(self) -> None:
        return None


@dataclass
class Erp:
    """Posts anything for any party at a tax rate of zero; keeps every document it ever made."""

    script: Script
    documents: list[Document] = field(default_factory=list)

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        async with self.script.call("erp.check"):
            return LedgerAnswer(
                legal_entity=LegalEntity(code=question.legal_entity, currency=question.currency),
                taxes=tuple(
                    TaxDetermination(item=item, tax_codes=(), rate=Decimal(0))
                    for item in question.items
                ),
            )

    async def find(self, reference: str, legal_entity: str) -> tuple[Document, ...]:
        async with self.script.call("erp.find"):
            return tuple(
                document
                for document in self.documents
                if (document.reference, document.legal_entity) == (reference, legal_entity)
            )

    async def post(self, draft: DocumentDraft) -> Document:
        async with self.script.call("erp.post"):
            return self._add(draft.reference, draft, draft.net)

    async def reverse(self, document: Document, *, reference: str, posting_date: date) -> Document:
        del posting_date
        async with self.script.call("erp.reverse"):
            for known in self.documents:
                if known.reference == reference:
                    return known
            return self._add(reference, document, -document.net, reverses=document.document_id)

    async def read(self, document_id: str, legal_entity: str) -> Document:
        del legal_entity
        async with self.script.call("erp.read"):
            return next(d for d in self.documents if d.document_id == document_id)

    async def close(self) -> None:
        return None

    @property
    def balance(self) -> int:
        """Minor units over all documents."""
        return sum(document.net.minor for document in self.documents)

    def _add(
        self,
        reference: str,
        like: DocumentDraft | Document,
        net: Money,
        reverses: str | None = None,
    ) -> Document:
        number = len(self.documents) + 1
        document = Document(
            document_id=str(number),
            legal_entity=like.legal_entity,
            reference=reference,
            number=f"INV-{number}",
            kind=like.kind,
            state=DocumentState.POSTED,
            net=net,
            tax=Money.zero(net.currency),
            reverses=reverses,
        )
        self.documents.append(document)
        return document


@dataclass
class Support:
    script: Script
    shown: dict[str, SupportEntitlement] = field(default_factory=dict)

    async def organization(self, external_id: str) -> SupportOrganization | None:
        async with self.script.call("support.organization"):
            return self._organization(external_id)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        async with self.script.call("support.publish"):
            self.shown[entitlement.organization] = entitlement
            return self._organization(entitlement.organization)

    async def close(self) -> None:
        return None

    def _organization(self, external_id: str) -> SupportOrganization:
        nothing = SupportEntitlement(organization=external_id, tier=None, contract_end=None)
        return SupportOrganization(
            organization_id=f"org-{external_id}",
            entitlement=self.shown.setdefault(external_id, nothing),
        )


@dataclass
class Systems:
    """All three behind one tenant, `acme`, driven by one script."""

    script: Script = field(default_factory=Script)

    def __post_init__(self) -> None:
        self.billing = Billing(self.script)
        self.erp = Erp(self.script)
        self.support = Support(self.script)
        self.tenant = Tenant(
            name="acme",
            billing=self.billing,
            erp=self.erp,
            support=self.support,
            tiers=("standard", "premium", "enterprise"),
            exception_hours={"finance": 8, "support": 4, "operations": 2},
        )


def now() -> datetime:
    """Whole seconds, as billing platforms tell time."""
    return datetime.now(UTC).replace(microsecond=0)
