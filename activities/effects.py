"""The effects of changes: what each writes, how it is found again, how it is taken back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime

from activities.contracts.amendment import UndoDocumentInput
from activities.ledger import Effect, effect_key, written_again
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan, DocumentStep, document_reference
from canonical_models.base import Canonical
from canonical_models.commerce import SyncMark
from canonical_models.documents import BilledParty
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportOrganization
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    ErpDocument,
    SettlementDraft,
    SettlementEntry,
    UnbilledDraft,
    UnbilledShown,
)
from canonical_models.process import Process, ProcessKind
from canonical_models.records import DocumentRecord, Hold, HoldKind
from persistence import documents, grants, processes, settlements, shares, unbilled
from persistence.database import Database
from persistence.raw import Raw
from planning.support import merged_support
from planning.term import local_day
from planning.unbilled import digest_of

DOCUMENT = "erp.document"
VOID = "erp.void"
SETTLEMENT = "erp.settlement"
UNBILLED = "erp.unbilled"
GRANTS = "entitlements.grants"
SUPPORT = "support.entitlement"
MARK = "billing.mark"
UNDONE_MARK = "billing.mark_undone"

_POSTED = (DocumentState.POSTED, DocumentState.PAID)


class GrantsHeld(Canonical):
    """What a subscription gives, as it was written."""

    grants: tuple[Grant, ...]


def document_key(tenant: str, external_id: str) -> str:
    return f"document:{tenant}/{external_id}"


def document_effect(
    tenant: Tenant,
    change_id: str,
    step: DocumentStep,
    draft: DocumentDraft,
    bill_to: BilledParty | None,
) -> Effect[ErpDocument]:
    """A document of billing in the ERP. The draft is kept without whom it names."""
    key = document_key(tenant.name, draft.external_id)

    async def posted(raw: Raw, made: ErpDocument) -> None:
        await documents.posted(
            raw,
            tenant.name,
            step.document_id,
            generation=step.generation,
            effect_key=key,
            change_id=change_id,
            content=step.content,
            erp=made,
            party=draft.party,
        )

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=change_id,
        step=f"{DOCUMENT}/{step.external_id}",
        system="erp",
        operation=f"post {draft.kind.value.replace('_', ' ')}",
        request=draft,
        result=ErpDocument,
        # Posting finds what is there, and finishes a draft; what is posted is adopted.
        probe=lambda: _found(tenant, draft.external_id, draft.legal_entity, _POSTED),
        write=lambda: tenant.erp.post(draft.to(bill_to)),
        named=_named,
        confirmed=posted,
    )


class TakenBack:
    """The undo of a document that was posted, or may have been: by a person alone."""

    def __init__(
        self,
        tenant: Tenant,
        given: UndoDocumentInput,
        record: DocumentRecord,
        *,
        entity: str,
        zone: str | None,
    ) -> None:
        self._tenant, self._given, self._record = tenant, given, record
        self._entity, self._zone = entity, zone
        self._reference = document_reference(record.document.document_id, record.generation)

    def effect(self) -> Effect[ErpDocument]:
        key = document_key(self._tenant.name, self._reference)
        hold = Hold(
            kind=HoldKind.ABORTED,
            reason=self._given.reason,
            by=self._given.by,
            at=datetime.now(UTC),
        )

        async def reversed_(raw: Raw, reversal: ErpDocument | None) -> None:
            undone = self._record.document.document_id
            await settlements.freed(raw, self._tenant.name, undone)
            await documents.reversed_(raw, self._tenant.name, undone, erp=reversal, hold=hold)

        async def never(raw: Raw) -> None:
            await reversed_(raw, None)

        async def written() -> ErpDocument:
            raise AssertionError("an undo writes nothing anew")

        return Effect(
            key=key,
            tenant=self._tenant.name,
            change_id=self._given.change_id,
            step=f"{DOCUMENT}/{self._reference}",
            system="erp",
            operation="post document",
            request=self._record.document.kept(),
            result=ErpDocument,
            probe=self.left,
            write=written,
            named=_named,
            refused=never,
            reversed=reversed_,
        )

    async def left(self) -> ErpDocument | None:
        """Whatever an undo must take back: posted documents and drafts alike."""
        return await _found(
            self._tenant, self._reference, self._entity, (*_POSTED, DocumentState.DRAFT)
        )

    async def drop_drafts(self) -> None:
        """Those that an attempt without an answer, or one that was refused half way, has left."""
        for found in await self._tenant.erp.find(self._reference, self._entity):
            if found.state is DocumentState.DRAFT:
                await self.take_back(found)

    async def take_back(self, made: ErpDocument) -> ErpDocument:
        """In the books of the original, on its day or today there, whichever is later."""
        today = local_day(datetime.now(UTC), self._zone)
        return await self._tenant.erp.reverse(
            made.document_id,
            made.legal_entity,
            reference=f"{self._reference}/undo",
            on=max(made.posting_date or today, today),
        )


def void_effect(
    tenant: Tenant, change_id: str, step: DocumentStep, posted: str, on: date
) -> Effect[ErpDocument]:
    """What billing has made void: the reversal is a document of its own."""

    async def reversed_(raw: Raw, reversal: ErpDocument) -> None:
        await documents.reversed_(raw, tenant.name, step.document_id, erp=reversal, hold=None)

    return Effect(
        key=document_key(tenant.name, step.external_id),
        tenant=tenant.name,
        change_id=change_id,
        step=f"{VOID}/{step.external_id}",
        system="erp",
        operation="reverse void document",
        request=step,
        result=ErpDocument,
        probe=written_again,
        write=lambda: tenant.erp.reverse(
            posted, step.legal_entity, reference=step.external_id, on=on
        ),
        named=_named,
        confirmed=reversed_,
    )


def settlement_effect(
    tenant: Tenant,
    change_id: str,
    draft: SettlementDraft,
    document_id: str | None,
    *,
    generation: int = 1,
) -> Effect[SettlementEntry]:
    """One movement on the customer's account; `document_id` is billing's document that it settles.
    What stood on the account and finds its document later is settled with it by a key of its own;
    so is what finds it anew, in the next `generation`, after an undo.
    """
    whole = draft.external_id
    if document_id:
        whole = f"{whole}/{document_reference(document_id, generation)}"
    key = f"settlement:{tenant.name}/{whole}"

    async def claimed(raw: Raw) -> None:
        await settlements.claim(raw, tenant.name, draft.external_id, effect_key=key)

    async def entered(raw: Raw, entry: SettlementEntry) -> None:
        await settlements.entered(
            raw, tenant.name, draft.external_id, entry=entry, document_id=document_id
        )

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=change_id,
        step=f"{SETTLEMENT}/{draft.external_id}",
        system="erp",
        operation=f"enter {draft.kind.value.replace('_', ' ')}",
        request=draft,
        result=SettlementEntry,
        # Entering finds what is there, and settles what is not settled yet.
        probe=written_again,
        write=lambda: tenant.erp.settle(draft),
        named=lambda entry: (entry.number or entry.entry_id, entry.url),
        claimed=claimed,
        confirmed=entered,
    )


def unbilled_effect(
    tenant: Tenant, change_id: str, subscription_id: str, draft: UnbilledDraft
) -> Effect[UnbilledShown]:
    """What the ERP shows as not billed yet: the next plan replaces it."""

    async def shown(raw: Raw, made: UnbilledShown) -> None:
        await unbilled.put(
            raw,
            tenant.name,
            subscription_id,
            draft,
            digest=digest_of(draft),
            document_id=made.document_id,
        )

    return Effect(
        key=effect_key(change_id, f"{UNBILLED}/{draft.legal_entity}"),
        tenant=tenant.name,
        change_id=change_id,
        step=UNBILLED,
        system="erp",
        operation="show what is not billed yet",
        request=draft,
        result=UnbilledShown,
        probe=written_again,
        write=lambda: tenant.erp.show_unbilled(draft),
        named=lambda made: (made.document_id or "nothing", made.url),
        confirmed=shown,
        replaces=True,
    )


def grants_effect(
    tenant: Tenant, plan: AmendmentPlan, *, before: tuple[Grant, ...] | None = None
) -> Effect[GrantsHeld]:
    """Ours to write, so it is written in the very transaction that confirms it. `before` is what an
    undo goes back to."""
    back = plan.access.grants_before if before is None else before

    async def absent() -> None:
        return None

    async def intended() -> GrantsHeld:
        return GrantsHeld(grants=plan.access.grants)

    async def give(raw: Raw, held: tuple[Grant, ...]) -> None:
        await grants.replace(raw, tenant.name, plan.subject, held, change_id=plan.change_id)
        if tenant.targets:
            await processes.news(raw, [entitlement_process(tenant, plan.amendment.customer_id)])

    return Effect(
        key=effect_key(plan.change_id, GRANTS),
        tenant=tenant.name,
        change_id=plan.change_id,
        step=GRANTS,
        system="entitlements",
        operation="grant and withdraw",
        request=GrantsHeld(grants=plan.access.grants),
        result=GrantsHeld,
        probe=absent,
        write=intended,
        named=lambda held: (f"{len(held.grants)} grants", None),
        local=True,
        replaces=True,
        confirmed=lambda raw, held: give(raw, held.grants),
        reversed=lambda raw, _: give(raw, back),
    )


def entitlement_process(tenant: Tenant, customer_id: str) -> Process:
    """Tells every target what the customer may use now."""
    return Process(
        kind=ProcessKind.ENTITLEMENT,
        tenant=tenant.name,
        key=customer_id,
        customer_id=customer_id,
    )


class SupportEffect:
    """The organisation in the support platform: the merge of its subscriptions' shares."""

    def __init__(
        self, tenant: Tenant, database: Database, plan: AmendmentPlan, organization: str
    ) -> None:
        self._tenant, self._database, self._plan = tenant, database, plan
        self._organization = organization

    def effect(self) -> Effect[SupportOrganization]:
        return Effect(
            key=effect_key(self._plan.change_id, SUPPORT),
            tenant=self._tenant.name,
            change_id=self._plan.change_id,
            step=SUPPORT,
            system="support",
            operation="publish entitlement",
            request=self._plan.access.share,
            result=SupportOrganization,
            # A set may be repeated, so it is simply written again.
            probe=written_again,
            write=lambda: self._publish(self._plan.access.share),
            named=lambda organization: (organization.organization_id, organization.url),
            replaces=True,
        )

    async def publish_before(self, share: SubscriptionSupport) -> SupportOrganization:
        return await self._publish(share)

    async def left(self) -> SupportOrganization | None:
        """Something to take back, unless the organisation is gone."""
        return await self._tenant.support.organization(self._organization)

    async def _publish(self, share: SubscriptionSupport) -> SupportOrganization:
        return await publish_share(
            self._tenant, self._database, self._plan.subject, self._organization, share
        )


async def publish_share(
    tenant: Tenant,
    database: Database,
    of: str,
    organization: str,
    share: SubscriptionSupport,
) -> SupportOrganization:
    """The organisation as it should be with this `share` of `of`, beside the shares of others."""
    async with database.work() as raw:
        asked = await shares.asked_with(raw, tenant.name, of, organization, share)
        return await tenant.support.publish(
            merged_support(organization, asked, tenant.policy.tiers)
        )


def mark_effect(
    tenant: Tenant,
    plan: AmendmentPlan,
    step: str,
    mark: SyncMark,
    *,
    confirmed: Callable[[Raw, SyncMark], Awaitable[None]] | None = None,
) -> Effect[SyncMark]:
    """What people see on the subscription in billing; the last write of a change.

    `confirmed` is what must be true together with it.
    """
    key = effect_key(plan.change_id, step)

    async def shown() -> SyncMark | None:
        found = (await tenant.billing.snapshot(plan.subject)).mark
        return found if found == mark else None

    async def write() -> SyncMark:
        await tenant.billing.record_sync(plan.subject, mark, key=key)
        return mark

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=plan.change_id,
        step=step,
        system="billing",
        operation="write back",
        request=mark,
        result=SyncMark,
        probe=shown,
        write=write,
        named=lambda written: (written.state, None),
        confirmed=confirmed,
    )


async def _found(
    tenant: Tenant, external_id: str, legal_entity: str, states: tuple[DocumentState, ...]
) -> ErpDocument | None:
    found = await tenant.erp.find(external_id, legal_entity)
    return next((document for document in found if document.state in states), None)


def _named(made: ErpDocument) -> tuple[str | None, str | None]:
    return made.number or made.document_id, made.url
