"""Proof of an outcome: every system is read back and held against what billing and the plan say."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from activities.contracts.amendment import StepInput
from activities.gather import gather
from activities.kept_plans import owner_of
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan, DocumentStep
from canonical_models.base import Canonical, Instant
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import (
    Grant,
    SupportEntitlement,
    SupportOrganization,
)
from canonical_models.failures import MayStillLand, Rejection, RejectionCode, TransientFailure
from canonical_models.ledgering import DocumentDraft, ErpDocument
from canonical_models.records import DocumentRecord
from persistence import change_runs, documents, ownership, support_contributions
from persistence.change_runs import Done
from persistence.database import Database
from persistence.effects import organization_set
from persistence.ownership import planned_again
from planning.support import merged_support
from planning.verification import (
    Difference,
    access_differences,
    cancelled_differences,
    document_differences,
    link_differences,
    open_difference,
    reversal_differences,
)

#: How often an organisation is read back that changes meanwhile.
_LOOKS = 3


class Proof(Canonical):
    """What each system said when the change was settled."""

    read_at: Instant
    documents: tuple[ErpDocument, ...]
    grants: tuple[Grant, ...]
    support: SupportOrganization | None
    differences: tuple[Difference, ...]


def naming_what_it_corrects(
    draft: DocumentDraft, corrected: DocumentRecord | None
) -> DocumentDraft:
    """What a credit note corrects may have been posted by this very change, after the plan."""
    if draft.corrects is not None or corrected is None or not corrected.in_books:
        return draft
    posted = corrected.posted.document_id if corrected.posted else None
    return draft.model_copy(update={"corrects": posted})


async def done_of(database: Database, step: StepInput) -> Done:
    """Raises Rejection where the change has been planned again since the step was decided, and
    Overtaken where it is another run's."""
    async with database.statement() as conn:
        found = await change_runs.done(
            conn, step.tenant, step.change_id, sets=organization_set(step.tenant)
        )
        if found is not None and found.epoch != step.epoch:
            await ownership.require(conn, owner_of(step))
    if found is None or (step.digest and found.plan.digest != step.digest):
        raise planned_again(step.change_id)
    return found


async def prove(tenant: Tenant, database: Database, done: Done) -> Proof:
    """Reads back every document that the change is about, and access."""
    (read, taken_back), (expected, shown) = await gather(
        gather(_read_documents(tenant, done.records), _of_reversals(tenant, done)),
        _read_support(tenant, database, done),
    )
    kept = {record.document.document_id: record.posted for record in done.records}
    changed = {key: found for key, found in read.items() if found != kept.get(key)}
    if changed:
        async with database.transaction() as conn:
            for key, found in changed.items():
                await documents.read_back(conn, tenant.name, key, found)
    differences = (
        *_of_documents(done, read),
        *taken_back,
        *access_differences(
            done.plan.access, grants=done.held, expected_support=expected, support=shown
        ),
    )
    return Proof(
        read_at=datetime.now(UTC),
        documents=tuple(read.values()),
        grants=done.held,
        support=shown,
        differences=differences,
    )


def require_agreement(plan: AmendmentPlan, proof: Proof) -> None:
    """Raises Rejection(outcome_mismatch) with both sides of every difference."""
    found = proof.differences
    if found:
        raise Rejection(
            RejectionCode.OUTCOME_MISMATCH,
            f"change {plan.change_id} is done but not as planned - "
            + "; ".join(map(str, found))
            + ": mend the system that is wrong and retry, or abort to undo the change",
            system=found[0].system,
            subject=found[0].field,
        )


def _of_documents(done: Done, read: dict[str, ErpDocument]) -> Iterable[Difference]:
    steps = {step.document_id: step for step in done.plan.books.documents}
    known = {record.document.document_id: record for record in done.records}
    for record in done.records:
        document = record.document
        found = read.get(document.document_id)
        if found is None:
            continue
        step = steps.get(document.document_id)
        if step is not None and step.draft is not None:
            draft = naming_what_it_corrects(step.draft, known.get(step.corrects or ""))
            if record.linked_by is None:
                yield from document_differences(draft, found, terms=step.terms)
            else:
                yield from link_differences(draft, found)
        if record.hold is None:
            yield from _as_billing_has_it(document, found)


def _as_billing_has_it(document: BillingDocument, found: ErpDocument) -> Iterable[Difference]:
    """What was posted by an earlier plan, or an earlier change, is still what billing has issued,
    and as open as billing says."""
    name = document.number or document.document_id
    for field, ours, theirs in (
        ("tax", document.tax, found.tax),
        ("gross", document.gross, found.gross),
    ):
        if ours != theirs:
            yield Difference(
                system="erp", field=f"{field} of {name}", planned=str(ours), found=str(theirs)
            )
    if (still := open_difference(document, found.open)) is not None:
        yield still


async def _of_reversals(tenant: Tenant, done: Done) -> tuple[Difference, ...]:
    """What billing has made void is taken back by a document of its own, and whole."""
    known = {record.document.document_id: record for record in done.records}

    async def differences(step: DocumentStep) -> tuple[Difference, ...]:
        record = known.get(step.document_id)
        original = record.posted if record else None
        if original is None or step.on is None:
            return ()
        # The newest is the one that took it back; a document may also just be cancelled.
        credit = original.credits[-1] if original.credits else original.document_id
        found = await tenant.erp.read(credit, original.legal_entity)
        if found.document_id == original.document_id:
            return cancelled_differences(found)
        return reversal_differences(original, found, reference=step.external_id, on=step.on)

    voids = [step for step in done.plan.books.documents if step.void]
    found = await asyncio.gather(*map(differences, voids))
    return tuple(each for differing in found for each in differing)


async def _read_documents(
    tenant: Tenant, records: tuple[DocumentRecord, ...]
) -> dict[str, ErpDocument]:
    """By billing's id."""
    standing = [record for record in records if record.in_books and record.posted is not None]

    async def read(record: DocumentRecord) -> tuple[str, ErpDocument]:
        posted = record.posted
        if posted is None:
            raise AssertionError("only what is in the books is read back")
        return record.document.document_id, await tenant.erp.read(
            posted.document_id, posted.legal_entity
        )

    return dict(await asyncio.gather(*map(read, standing)))


async def _read_support(
    tenant: Tenant, database: Database, done: Done
) -> tuple[SupportEntitlement | None, SupportOrganization | None]:
    """(what the shares ask for now, what the platform shows); nothing when it was not touched. It
    is read again where it differs because it was changed meanwhile. Raises MayStillLand while
    another subscription of the customer is half way through its own change."""
    organization = done.plan.access.organization
    if done.plan.access.support is None or organization is None:
        return None, None
    writes_set = organization_set(tenant.name, organization)
    before = done.asked
    _require_rest(organization, done.lands_in)
    for _ in range(_LOOKS):
        shown = await tenant.support.organization(organization)
        expected = merged_support(organization, before, tenant.policy.tiers)
        if shown is not None and shown.entitlement == expected:
            return expected, shown
        async with database.statement() as conn:
            asked, lands_in = await support_contributions.at_rest(
                conn, tenant.name, organization, writes_set
            )
        _require_rest(organization, lands_in)
        if before == asked:
            return expected, shown
        before = asked
    raise TransientFailure(
        f"support organisation {organization} changes faster than it can be read back: it is tried "
        "again",
        system="support",
        retry_after=1,
    )


def _require_rest(organization: str, lands_in: float | None) -> None:
    if lands_in is not None:
        raise MayStillLand(
            f"support organisation {organization} is being written by another change: it is read "
            "back when that is done",
            system="support",
            retry_after=min(1, lands_in),
        )
