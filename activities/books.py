"""The books' steps: documents, what settles them, what is not billed yet; the same for the sagas of
subscriptions and accounts."""

from collections.abc import Collection

from temporalio import activity

from activities import document_effects, effects
from activities.account_opening import open_account
from activities.contracts.amendment import (
    AccountInput,
    Begun,
    BooksActivities,
    DocumentInput,
    Posted,
    StepInput,
    UndoDocumentInput,
)
from activities.error_mapping import mapped_failures
from activities.kept_plans import owner_of, owner_of_plan, plan_of, told_of
from activities.ledger import EffectLedger
from activities.master_data import before_posting
from activities.tenants import Tenant, Tenants
from activities.verification import naming_what_it_corrects
from canonical_models.amendment import AmendmentPlan, DocumentStep, SettlementStep, document_of
from canonical_models.documents import BilledParty, SettlementKind
from canonical_models.failures import Rejection, RejectionCode, TransientFailure
from canonical_models.ledgering import DocumentDraft, ErpDocument, SettlementDraft, UnbilledDraft
from canonical_models.records import DocumentRecord
from persistence import change_runs, documents, ownership, planning_context, unbilled
from persistence.database import Database
from persistence.ownership import Owner
from planning.verification import (
    Difference,
    document_differences,
    link_differences,
    settlement_differences,
    taken_over_differences,
    unbilled_differences,
)


class Books(BooksActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="books.post_document")
    async def post_document(self, given: DocumentInput) -> Posted:
        with mapped_failures():
            tenant, plan = await self._writing(given.step)
            step = _step(plan, given.document_id)
            if step.void:
                made = await self._void(tenant, owner_of_plan(given.step), step)
            else:
                made = await self._post(tenant, plan, step, owner_of_plan(given.step))
            return Posted(document_id=made.document_id, number=made.number)

    @activity.defn(name="books.settle")
    async def settle_documents(self, step: StepInput) -> None:
        with mapped_failures():
            tenant, plan = await self._writing(step)
            known = await self._records(tenant, plan)
            for movement in plan.books.settlements:
                await self._settle(tenant, owner_of_plan(step), movement, known)

    @activity.defn(name="books.end_settling")
    async def end_settling(self, step: StepInput) -> None:
        with mapped_failures():
            tenant, plan = await self._writing(step)
            known = await self._records(tenant, plan)
            async with self._database.statement() as conn:
                begun = await change_runs.in_doubt(
                    conn, tenant.name, step.change_id, effects.SETTLEMENT
                )
            for movement in plan.books.settlements:
                await self._settle(tenant, owner_of(step), movement, known, only=begun)

    @activity.defn(name="books.show_unbilled")
    async def show_unbilled(self, step: StepInput) -> None:
        with mapped_failures():
            tenant, plan = await self._writing(step)
            for draft in (plan.books.unbilled_gone, plan.books.unbilled):
                if draft is not None:
                    await self._show(tenant, plan, draft, owner_of_plan(step))

    @activity.defn(name="books.begun")
    async def begun(self, step: StepInput) -> Begun:
        with mapped_failures():
            async with self._database.statement() as conn:
                steps = await change_runs.begun(conn, step.tenant, step.change_id)
                money = await change_runs.in_doubt(
                    conn, step.tenant, step.change_id, effects.SETTLEMENT
                )
            named = (name.partition("/") for name in steps)
            documents = (
                document_of(ref) for what, _, ref in named if what == document_effects.DOCUMENT
            )
            return Begun(
                documents=tuple(dict.fromkeys(documents)),
                access=not {effects.GRANTS, effects.SUPPORT}.isdisjoint(steps),
                money=bool(money),
            )

    @activity.defn(name="books.reverse_document")
    async def reverse_document(self, given: UndoDocumentInput) -> None:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            taken = await self._taken(tenant, given)
            if taken is not None:
                await self._ledger.undo(taken.effect(), taken.take_back, left=taken.left)

    @activity.defn(name="books.closed_by_hand")
    async def closed_by_hand(self, given: UndoDocumentInput) -> None:
        with mapped_failures():
            taken = await self._taken(self._tenants[given.tenant], given)
            if taken is not None:
                await self._ledger.close_by_hand(
                    taken.effect(), by=given.by, reference=given.reason[:255]
                )

    @activity.defn(name="books.drop_draft")
    async def drop_draft(self, given: UndoDocumentInput) -> None:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            taken = await self._taken(tenant, given)
            if taken is not None:
                await taken.drop_drafts()
                await self._end_doubt(tenant, given)

    @activity.defn(name="books.open_account")
    async def open_account(self, given: AccountInput) -> None:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            await open_account(
                self._database,
                self._ledger,
                tenant,
                given.change_id,
                given.customer_id,
                owner=owner_of(given),
            )

    async def _end_doubt(self, tenant: Tenant, given: UndoDocumentInput) -> None:
        """What has no answer when its change is cancelled is looked for: it stands, or it never
        was. Nobody else would ask before something happens to its subject."""
        step = StepInput(tenant=given.tenant, change_id=given.change_id, epoch=given.epoch)
        plan = await plan_of(self._database, step)
        planned = [each for each in plan.books.documents if each.document_id == given.document_id]
        for each in planned:
            if each.draft is not None and not each.void:
                await self._ledger.end_doubt(
                    document_effects.document_effect(
                        tenant, owner_of(given), each, each.draft, None
                    )
                )

    async def _writing(self, step: StepInput) -> tuple[Tenant, AmendmentPlan]:
        tenant = self._tenants[step.tenant]
        tenant.write_at_hand("erp")
        return tenant, await plan_of(self._database, step)

    async def _taken(
        self, tenant: Tenant, given: UndoDocumentInput
    ) -> document_effects.TakenBack | None:
        """In the legal entity where it was posted, or was to be."""
        async with self._database.statement() as conn:
            record = await documents.get(conn, given.tenant, given.document_id)
        if record is None:
            return None
        entity = record.legal_entity
        if entity is None:
            step = StepInput(tenant=given.tenant, change_id=given.change_id, epoch=given.epoch)
            entity = _step(await plan_of(self._database, step), given.document_id).legal_entity
        async with self._database.statement() as conn:
            known = await planning_context.master_data(
                conn,
                tenant.name,
                customer_id=record.document.customer_id,
                keys=(),
                subscription_id=None,
            )
        return document_effects.TakenBack(
            tenant,
            given,
            record,
            entity=entity,
            zone=tenant.zone_of_books(entity, known.account),
        )

    async def _post(
        self, tenant: Tenant, plan: AmendmentPlan, step: DocumentStep, owner: Owner
    ) -> ErpDocument:
        """Read again at the last moment: whom it names is kept nowhere, and what has changed since
        it was planned is not posted."""
        draft = step.draft
        if draft is None:
            return await self._take_over(tenant, owner, step)
        if step.corrects is not None:
            async with self._database.statement() as conn:
                corrected = await documents.get(conn, tenant.name, step.corrects)
            draft = naming_what_it_corrects(draft, corrected)
        if step.posted is not None:
            made = await _by_name(tenant, step, step.posted)
            _require_agreement(step, made, link_differences(draft, made))
            return await self._link(tenant, owner, step, made, draft.party)
        _require_corrected(step, draft)
        bill_to = await self._bill_to(tenant, step)
        if bill_to is not None and told_of(owner) != bill_to.digest:
            await before_posting(self._database, tenant, plan.amendment.customer_id, bill_to)
        made = await self._ledger.perform(
            document_effects.document_effect(tenant, owner, step, draft, bill_to)
        )
        _require_agreement(step, made, document_differences(draft, made, terms=step.terms))
        return made

    async def _take_over(self, tenant: Tenant, owner: Owner, step: DocumentStep) -> ErpDocument:
        """What the process before us has posted, and a person has found: its sums are compared."""
        if step.posted is None or step.party is None:
            raise AssertionError(f"document {step.document_id} is to be linked with nothing")
        made = await _by_name(tenant, step, step.posted)
        async with self._database.statement() as conn:
            record = await documents.get(conn, tenant.name, step.document_id)
        if record is None:
            raise AssertionError(f"document {step.document_id} was planned and is not known")
        found = taken_over_differences(
            record.document, made, legal_entity=step.legal_entity, party=step.party
        )
        _require_agreement(step, made, found)
        return await self._link(tenant, owner, step, made, step.party)

    async def _link(
        self,
        tenant: Tenant,
        owner: Owner,
        step: DocumentStep,
        made: ErpDocument,
        party: str,
    ) -> ErpDocument:
        """A document that people made for it, and that says the same, is adopted."""
        async with self._database.transaction() as conn:
            await ownership.require(conn, owner)
            record = await documents.get(conn, tenant.name, step.document_id)
            said = record.correction.by if record and record.correction else None
            adopted = await documents.link(
                conn,
                tenant.name,
                step.document_id,
                made,
                party=party,
                by=said or "finance",
                change_id=owner.change_id,
            )
        if adopted or (record is not None and _erp_id(record) == made.document_id):
            return made
        raise Rejection(
            RejectionCode.DOCUMENT_CONFLICT,
            f"document {made.number or made.document_id} of the ERP stands for another document of "
            f"billing than {step.number or step.document_id}: link one that stands for none",
            system="erp",
            subject=step.document_id,
        )

    async def _bill_to(self, tenant: Tenant, step: DocumentStep) -> BilledParty | None:
        found = await tenant.billing.documents([step.document_id])
        if not found or found[0].content != step.content:
            raise Rejection(
                RejectionCode.DOCUMENT_CHANGED,
                f"document {step.number or step.document_id} has changed in billing since it was "
                "planned: retry, and it is planned from what billing says now",
                system="billing",
                subject=step.document_id,
            )
        return found[0].bill_to

    async def _void(self, tenant: Tenant, owner: Owner, step: DocumentStep) -> ErpDocument:
        if step.posted is None or step.on is None:
            raise AssertionError(f"void document {step.document_id} has nothing to reverse")
        async with self._database.statement() as conn:
            record = await documents.get(conn, tenant.name, step.document_id)
        known = record.posted if record else None
        posted = known or await self._take_over(tenant, owner, step)
        return await self._ledger.perform(
            document_effects.void_effect(tenant, owner, step, posted.document_id, step.on)
        )

    async def _settle(
        self,
        tenant: Tenant,
        owner: Owner,
        step: SettlementStep,
        known: dict[str, DocumentRecord],
        *,
        only: Collection[str] | None = None,
    ) -> None:
        """`only` are the keys of the effects that may be carried out; None for any."""
        movement = step.settlement
        if movement.kind is SettlementKind.CREDIT_NOTE and movement.amount.minor < 0:
            # The other side of a set-off: it is entered with the invoice's.
            return
        of = known.get(movement.document_id or "")
        about = known.get(movement.document_id or movement.about or "")
        draft = SettlementDraft(
            external_id=movement.settlement_id,
            kind=movement.kind,
            legal_entity=step.legal_entity,
            party=step.party,
            amount=movement.amount,
            value_date=step.value_date,
            posting_date=step.posting_date,
            document=_settled_by(of),
            against=_erp_id(known.get(movement.against or "")),
            about=about.document.number if about else None,
            recovered=step.recovered,
        )
        settled = of.document.document_id if of is not None and of.in_books else None
        effect = effects.settlement_effect(
            tenant, owner, draft, settled, generation=of.generation if of else 1
        )
        if only is not None and effect.key not in only:
            return
        entry = await self._ledger.perform(effect)
        if found := settlement_differences(draft, entry):
            raise Rejection(
                RejectionCode.OUTCOME_MISMATCH,
                f"movement {draft.external_id} stands in the ERP as "
                f"{entry.number or entry.entry_id}, but not as billing has it - "
                f"{'; '.join(map(str, found))}: mend it there, or take it back, then retry",
                system="erp",
                subject=draft.external_id,
            )

    async def _show(
        self, tenant: Tenant, plan: AmendmentPlan, draft: UnbilledDraft, owner: Owner
    ) -> None:
        """What refuses it goes to the forecast; that somebody has posted it is a question."""
        problem = None
        try:
            shown = await self._ledger.perform(
                effects.unbilled_effect(tenant, owner, plan.subject, draft)
            )
        except Rejection as refused:
            if refused.reason is RejectionCode.UNBILLED_POSTED:
                raise
            problem = refused.message
        else:
            if found := unbilled_differences(draft, shown):
                problem = (
                    "the ERP does not show what is not billed yet as it was asked to - "
                    f"{'; '.join(map(str, found))}: look for what changes drafts there"
                )
        if problem is not None:
            async with self._database.statement() as conn:
                await unbilled.problem(conn, tenant.name, plan.subject, problem)

    async def _records(self, tenant: Tenant, plan: AmendmentPlan) -> dict[str, DocumentRecord]:
        named = {
            key
            for step in plan.books.settlements
            for key in (
                step.settlement.document_id,
                step.settlement.about,
                step.settlement.against,
            )
            if key is not None
        }
        async with self._database.statement() as conn:
            return await documents.named(conn, tenant.name, named)


def _step(plan: AmendmentPlan, document_id: str) -> DocumentStep:
    for step in plan.books.documents:
        if step.document_id == document_id:
            return step
    raise Rejection(
        RejectionCode.DOCUMENT_CONFLICT,
        f"document {document_id} is not in the plan of change {plan.change_id} any more: retry",
        system="trueup",
        subject=document_id,
    )


def _require_corrected(step: DocumentStep, draft: DocumentDraft) -> None:
    """What a credit note corrects may be another change's to post, which is about to."""
    if step.corrects is not None and draft.corrects is None:
        raise TransientFailure(
            f"credit note {step.number or step.document_id} corrects {step.corrects}, which is not "
            "posted yet: it is tried again; look for what holds the other document up",
            system="trueup",
            retry_after=5,
        )


def _erp_id(record: DocumentRecord | None) -> str | None:
    if record is None or not record.in_books or record.posted is None:
        return None
    return record.posted.document_id


def _settled_by(record: DocumentRecord | None) -> str | None:
    """The ERP's document that a movement settles: of what became void also the one that has been
    taken back, as what gave it up or was set off against it is taken back with it."""
    if record is not None and record.document.void and record.posted is not None:
        return record.posted.document_id
    return _erp_id(record)


async def _by_name(tenant: Tenant, step: DocumentStep, name: str) -> ErpDocument:
    """Numbers go first: they are what people read. Raises Rejection where none or several are
    called so."""
    found = await tenant.erp.find_number(name, step.legal_entity)
    if len(found) > 1:
        raise Rejection(
            RejectionCode.DOCUMENT_CONFLICT,
            f"{len(found)} documents of the ERP are called {name}: link one by its id, which is "
            f"one of {', '.join(each.document_id for each in found[:5])}",
            system="erp",
            subject=step.document_id,
        )
    return found[0] if found else await tenant.erp.read(name, step.legal_entity)


def _require_agreement(
    step: DocumentStep, made: ErpDocument, found: tuple[Difference, ...]
) -> None:
    """What was posted before us under the same reference, or by people, may say something else."""
    if found:
        raise Rejection(
            RejectionCode.OUTCOME_MISMATCH,
            f"document {step.number or step.document_id} stands in the ERP as "
            f"{made.number or made.document_id}, but not as billing has it - "
            + "; ".join(map(str, found))
            + ": correct it in the ERP and retry, link another document, or abort to take it back",
            system="erp",
            subject=step.document_id,
        )
