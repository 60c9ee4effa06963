"""The comparison: the amendment as eight activities one after the other, as one would first write
it. The same work on the same tables by the same functions: what the saga does in `prepare` is here
`load`, `preflight` and `plan`; what it does in `entitle` is `grants` and `support`, and in `settle`
`verify` and `write_back`; posting is the very activity of the saga. No step does more than there.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from temporalio import activity

from activities import effects as amend
from activities.agreed_state import commit_agreed_state
from activities.amendment import Amendment
from activities.answered import answers_of, shown_by_support
from activities.contracts.amendment import DocumentInput, Settled, StepInput
from activities.events import completed
from activities.gather import gather
from activities.kept_plans import owner_of, plan_of
from activities.planned import since_it_began
from activities.preparing import Preparation, item_keys
from activities.tenants import Tenant, Tenants
from activities.verification import Proof, done_of, prove
from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import BillingSnapshot, SyncMetadata
from canonical_models.entitlement import NO_SUPPORT, SupportEntitlement
from canonical_models.records import DocumentRecord
from canonical_models.states import ChangeOutcome
from persistence import changes, outbox
from persistence.database import Database
from persistence.planning_context import MasterData, PlanningContext
from planning.access import AccessInput
from planning.amendment import plan_amendment
from planning.books import BooksInput


@dataclass(frozen=True)
class Loaded:
    """What is known of the subscription: in billing, and by ourselves."""

    step: StepInput
    known: PlanningContext
    snapshot: BillingSnapshot


@dataclass(frozen=True)
class Checked:
    """What the other systems and the master data say about it."""

    books: BooksInput
    master: MasterData
    shown: SupportEntitlement | None
    covering: tuple[DocumentRecord, ...]


class Preparing(Preparation):
    """The saga's preparation, cut in three."""

    async def load(self, tenant: Tenant, step: StepInput) -> Loaded:
        known = await self._known(step, activity.info().workflow_run_id or "")
        if known is None:
            raise RuntimeError(f"change {step.change_id} is unknown")
        snapshot = await tenant.billing.snapshot(known.subject, documents=known.documents)
        customer = snapshot.subscription.customer.customer_id
        async with self._database.transaction() as conn:
            await self._keep(conn, tenant, owner_of(step), known, customer, snapshot.documents)
        return Loaded(step=step, known=known, snapshot=snapshot)

    async def check(self, tenant: Tenant, given: Loaded) -> Checked:
        known, snapshot = given.known, given.snapshot
        subscription = snapshot.subscription
        customer = subscription.customer.customer_id
        keys = item_keys(snapshot, subscription, known.agreed)
        async with self._database.transaction() as conn:
            found, books, covering = await self._books(
                conn, tenant, known, customer, keys, snapshot
            )
        answers, shown = await gather(
            answers_of(tenant, books), shown_by_support(tenant, found.account)
        )
        return Checked(
            books=replace(books, answers=answers), master=found, shown=shown, covering=covering
        )

    @staticmethod
    def decide(tenant: Tenant, given: Loaded, checked: Checked) -> AmendmentPlan:
        known, master = given.known, checked.master
        plan = plan_amendment(
            given.step.change_id,
            books=checked.books,
            access=AccessInput(
                subscription=given.snapshot.subscription,
                account=master.account,
                items=master.items,
                tiers=tenant.policy.tiers,
                records=checked.covering,
                unpaid=known.unpaid,
                grants=known.held,
                contribution=known.contribution or NO_SUPPORT,
                others=master.others,
                support=checked.shown,
                time_zone=tenant.zone(master.account),
            ),
            previous=known.agreed,
        )
        return since_it_began(plan, known)


class InARowSteps(Amendment):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        super().__init__(database, tenants)
        self._preparing = Preparing(database)

    @activity.defn(name="row.load")
    async def load(self, step: StepInput) -> Loaded:
        return await self._preparing.load(self._tenants[step.tenant], step)

    @activity.defn(name="row.preflight")
    async def preflight(self, given: Loaded) -> Checked:
        return await self._preparing.check(self._tenants[given.step.tenant], given)

    @activity.defn(name="row.plan")
    async def plan(self, given: Loaded, checked: Checked) -> DocumentInput:
        step = given.step
        plan = self._preparing.decide(self._tenants[step.tenant], given, checked)
        if plan.refused or len(plan.books.documents) != 1:
            raise RuntimeError(f"not planned as meant: {plan.books.refused} {plan.access.refused}")
        async with self._database.statement() as conn:
            await changes.save_plan(
                conn,
                owner_of(step),
                plan,
                given.snapshot,
                instead_of=step.digest,
                reading=1,
                read_at=datetime.now(UTC),
            )
        return DocumentInput(
            step=step.model_copy(update={"digest": plan.digest}),
            document_id=plan.books.documents[0].document_id,
        )

    @activity.defn(name="row.grants")
    async def grants(self, step: StepInput) -> None:
        plan = await plan_of(self._database, step)
        await self._give(self._tenants[step.tenant], plan, owner_of(step))

    @activity.defn(name="row.support")
    async def support(self, step: StepInput) -> None:
        plan = await plan_of(self._database, step)
        await self._publish(self._tenants[step.tenant], plan, owner_of(step))

    @activity.defn(name="row.verify")
    async def verify(self, step: StepInput) -> Proof:
        tenant, done = self._tenants[step.tenant], await done_of(self._database, step)
        return await prove(tenant, self._database, done)

    @activity.defn(name="row.write_back")
    async def write_back(self, step: StepInput, proof: Proof) -> Settled:
        tenant, done = self._tenants[step.tenant], await done_of(self._database, step)
        plan = done.plan
        sync = SyncMetadata(
            change_id=plan.change_id, state="synchronised", erp_document=done.newest_number
        )
        await self._ledger.perform(amend.sync_effect(tenant, plan, amend.SYNC, sync))
        async with self._database.transaction() as conn, conn.pipeline():
            await commit_agreed_state(conn, tenant.name, plan, done.snapshot)
            await outbox.publish(conn, tenant.name, completed(tenant.name, done))
            await changes.settle(
                conn,
                tenant.name,
                plan.change_id,
                outcome=ChangeOutcome.COMPLETED,
                proof=proof.model_dump_json(),
            )
        return Settled(outcome="completed", summary=plan.amendment.summary)
