"""A document of billing as an effect in the ERP: posted, made void, taken back."""

from datetime import UTC, date, datetime

from activities.contracts.amendment import UndoDocumentInput
from activities.effect import Effect, not_looked_up
from activities.tenants import Tenant
from canonical_models.amendment import DocumentStep, document_reference
from canonical_models.documents import BilledParty
from canonical_models.ledgering import DocumentDraft, DocumentState, ErpDocument
from canonical_models.records import DocumentRecord, Hold, HoldKind
from connectors.attempts import Attempt
from connectors.failpoints import reached
from persistence import documents, settlements
from persistence.connection import Connection
from persistence.ownership import Owner
from planning.term import local_day

DOCUMENT = "erp.document"
VOID = "erp.void"

_POSTED = (DocumentState.POSTED, DocumentState.PAID)


def document_key(tenant: str, external_id: str) -> str:
    return f"document:{tenant}/{external_id}"


def document_effect(
    tenant: Tenant,
    owner: Owner,
    step: DocumentStep,
    draft: DocumentDraft,
    bill_to: BilledParty | None,
) -> Effect[ErpDocument]:
    """A document of billing in the ERP. The draft is kept without whom it names."""
    key, change_id = document_key(tenant.name, draft.external_id), owner.change_id

    async def stray(made: ErpDocument) -> None:
        await take_back_twin(tenant, made)

    async def posted(conn: Connection, made: ErpDocument) -> None:
        await documents.posted(
            conn,
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
        write=lambda attempt: tenant.erp.post(draft.to(bill_to), attempt=attempt),
        named=_named,
        owner=owner,
        confirmed=posted,
        stray=stray,
        place=draft.legal_entity,
        lands_within=tenant.lands("erp", lines=len(draft.lines)),
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
        #: The document whose reversal is called the undo; further ones are twins of it.
        self._first: str | None = record.posted.document_id if record.posted else None

    def effect(self) -> Effect[ErpDocument]:
        key = document_key(self._tenant.name, self._reference)
        hold = Hold(
            kind=HoldKind.ABORTED,
            reason=self._given.reason,
            by=self._given.by,
            at=datetime.now(UTC),
        )

        async def reversed_(conn: Connection, reversal: ErpDocument | None) -> None:
            undone = self._record.document.document_id
            await settlements.freed(conn, self._tenant.name, undone)
            await documents.reversed_(conn, self._tenant.name, undone, erp=reversal, hold=hold)

        async def never(conn: Connection) -> None:
            await reversed_(conn, None)

        async def written(_: Attempt) -> ErpDocument:
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
            probe=not_looked_up,
            write=written,
            named=_named,
            owner=Owner(self._given.tenant, self._given.change_id, self._given.epoch),
            refused=never,
            reversed=reversed_,
            place=self._entity,
            lands_within=self._tenant.lands("erp"),
        )

    async def left(self) -> tuple[ErpDocument, ...]:
        """All that we have made under the reference: documents and drafts alike."""
        states = (*_POSTED, DocumentState.DRAFT)
        found = await self._tenant.erp.find(self._reference, self._entity)
        return tuple(each for each in found if each.ours and each.state in states)

    async def drop_drafts(self) -> None:
        """Those that an attempt without an answer, or one that was refused half way, has left."""
        about = self._record.document.kept().model_dump_json
        await reached("drop drafts", "before", about)
        await self._tenant.erp.drop_drafts(self._reference, self._entity)
        await reached("drop drafts", "answered", about)

    async def take_back(self, made: ErpDocument, attempt: Attempt) -> ErpDocument | None:
        """In the books of the original, on its day or today there, whichever is later. What is not
        ours stays there, and only stands for the document no longer."""
        if not made.ours:
            return None
        today = local_day(datetime.now(UTC), self._zone)
        first = self._first is None or self._first == made.document_id
        self._first = self._first or made.document_id
        return await self._tenant.erp.reverse(
            made.document_id,
            made.legal_entity,
            reference=f"{self._reference}/undo" + ("" if first else f"-{made.document_id}"),
            on=max(made.posting_date or today, today),
            attempt=attempt,
        )


async def take_back_twin(tenant: Tenant, made: ErpDocument) -> None:
    """A document of ours beside the one that stands for its reference, or of an effect that was
    undone: a draft is cancelled, what was posted is credited."""
    if not made.ours:
        return
    today = local_day(datetime.now(UTC), tenant.zone_of_books(made.legal_entity))
    await tenant.erp.reverse(
        made.document_id,
        made.legal_entity,
        reference=f"{made.external_id}/twin-{made.document_id}",
        on=max(made.posting_date or today, today),
    )


def void_effect(
    tenant: Tenant, owner: Owner, step: DocumentStep, posted: str, on: date
) -> Effect[ErpDocument]:
    """What billing has made void: the reversal is a document of its own."""

    async def reversed_(conn: Connection, reversal: ErpDocument) -> None:
        await documents.reversed_(conn, tenant.name, step.document_id, erp=reversal, hold=None)

    return Effect(
        key=document_key(tenant.name, step.external_id),
        tenant=tenant.name,
        change_id=owner.change_id,
        step=f"{VOID}/{step.external_id}",
        system="erp",
        operation="reverse void document",
        request=step,
        result=ErpDocument,
        probe=not_looked_up,
        write=lambda attempt: tenant.erp.reverse(
            posted, step.legal_entity, reference=step.external_id, on=on, attempt=attempt
        ),
        named=_named,
        owner=owner,
        confirmed=reversed_,
        place=step.legal_entity,
        lands_within=tenant.lands("erp"),
    )


async def _found(
    tenant: Tenant, external_id: str, legal_entity: str, states: tuple[DocumentState, ...]
) -> ErpDocument | None:
    found = await tenant.erp.find(external_id, legal_entity)
    return next((document for document in found if document.state in states), None)


def _named(made: ErpDocument) -> tuple[str | None, str | None]:
    return made.number or made.document_id, made.url
