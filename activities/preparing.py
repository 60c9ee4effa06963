"""From a change to its plan: read, check everything in parallel, decide, keep the decision."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg

from activities.agreed_state import commit_agreed_state
from activities.answered import answers_of, shown_by_support
from activities.as_if import as_if
from activities.contracts.amendment import Prepared, StepInput
from activities.gather import gather
from activities.gone_organizations import without
from activities.hypothesis import Hypothesis, Hypothetical, as_if_approved
from activities.kept_plans import owner_of, remember
from activities.planned import (
    brief,
    since_it_began,
    unmapped,
    with_master_data,
    without_refused,
)
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan, ChangeKind, Refusal, customer_of
from canonical_models.commerce import AccountSnapshot, BillingSnapshot, Subscription
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import NO_SUPPORT
from canonical_models.mapping import AccountMapping, keys_of
from canonical_models.occasion import DocumentSeen
from canonical_models.preview import Overlay
from canonical_models.proposal import ProposedChange
from canonical_models.records import DocumentRecord, sold_of, subject_of
from canonical_models.states import ChangeOutcome
from persistence import (
    access_holds,
    account_places,
    accounts,
    approvals,
    change_queue,
    changes,
    documents,
    lanes,
    ownership,
    planning_context,
    settlements,
)
from persistence.connection import Connection
from persistence.database import Database
from persistence.overlaying import overlaid
from persistence.ownership import Owner
from persistence.planning_context import PlanningContext
from planning.access import AccessInput
from planning.amendment import plan_account, plan_amendment
from planning.books import BooksInput
from planning.term import local_day


class Preparation:
    def __init__(self, database: Database) -> None:
        self._database = database
        #: By tenant and legal entity; those that workers have been told of.
        self._lanes: set[tuple[str, str]] = set()

    async def of_subscription(self, tenant: Tenant, step: StepInput, run_id: str) -> Prepared:
        """The plan of a subscription's change in brief. What a person must mend first is part of
        the plan: each half of it may be refused by itself. Raises Overtaken."""
        begun = datetime.now(UTC)
        known = await self._known(step, run_id)
        if known is None or not _is_to_be_planned(known):
            return _without_plan(known)
        plan, read = await self._subscription(tenant, step.change_id, known, begun, owner_of(step))
        return await self._decided(tenant, step, known, plan, read)

    async def of_account(self, tenant: Tenant, step: StepInput, run_id: str) -> Prepared:
        """The plan of an account's change in brief. Raises Overtaken."""
        begun = datetime.now(UTC)
        known = await self._known(step, run_id)
        if known is None or not _is_to_be_planned(known):
            return _without_plan(known)
        plan, read = await self._account(tenant, step.change_id, known, begun, owner_of(step))
        return await self._decided(tenant, step, known, plan, read)

    async def what_if(
        self,
        tenant: Tenant,
        change_id: str,
        known: PlanningContext,
        overlay: Overlay,
        proposed: ProposedChange | None = None,
        *,
        anew: datetime | None = None,
    ) -> Hypothesis:
        """The plan that such a change would make now, with the overlay laid over what holds, and
        what its saga would be told. With what is proposed it is billing's own preview that is
        planned; `anew` has what was issued from then on count as not posted. By the very code that
        plans for the saga, of which nothing that it writes is committed. Raises Rejection."""
        begun = datetime.now(UTC)
        hypothetical = Hypothetical(overlay, proposed, change_id, anew)
        if overlay != Overlay():
            known = replace(known, mend=None)
        planned = self._subscription if known.subscription_id is not None else self._account
        plan, read = await planned(tenant, change_id, known, begun, hypothetical)
        told = brief(plan, account=read.account, policy=tenant.policy)
        return Hypothesis(plan, told, read.asked, read.snapshot)

    async def _subscription(
        self,
        tenant: Tenant,
        change_id: str,
        known: PlanningContext,
        begun: datetime,
        acting: "_Acting",
    ) -> "tuple[AmendmentPlan, _Read]":
        if isinstance(acting, Hypothetical) and acting.proposed is not None:
            snapshot = await tenant.billing.preview(known.subject, acting.proposed)
        else:
            snapshot = await tenant.billing.snapshot(
                known.subject, documents=known.documents, since=_since(tenant, known)
            )
        subscription = snapshot.subscription
        customer = subscription.customer.customer_id
        entitled = await self._held_back(tenant, acting, known, subscription)
        corrected = await self._with_corrected(tenant, snapshot.documents)
        async with self._transaction(tenant, acting, customer) as conn:
            await self._keep(conn, tenant, acting, known, customer, corrected)
            found, books, covering = await self._books(
                conn,
                tenant,
                known,
                customer,
                item_keys(snapshot, entitled, known.agreed),
                snapshot,
            )
        answers, shown = await gather(
            answers_of(tenant, books), shown_by_support(tenant, found.account)
        )
        access = AccessInput(
            subscription=entitled,
            account=found.account,
            items=found.items,
            tiers=tenant.policy.tiers,
            records=covering,
            unpaid=known.unpaid,
            grants=known.held,
            contribution=known.contribution or NO_SUPPORT,
            others=found.others,
            support=None if known.set_in_doubt else shown,
            time_zone=tenant.zone(found.account),
        )

        def planned(books: BooksInput) -> AmendmentPlan:
            return plan_amendment(change_id, previous=known.agreed, books=books, access=access)

        answered = replace(books, answers=answers)
        plan, asked = _planned(acting, planned, answered)
        plan = without_refused(since_it_began(plan, known), snapshot.refused)
        if found.account is not None and shown is None:
            plan = await without(self._database, tenant, plan, found.account)
        return plan, _Read(snapshot, begun, found.account, found.told, asked)

    async def _account(
        self,
        tenant: Tenant,
        change_id: str,
        known: PlanningContext,
        begun: datetime,
        acting: "_Acting",
    ) -> "tuple[AmendmentPlan, _Read]":
        customer = customer_of(known.subject) or known.subject
        snapshot = await tenant.billing.account_snapshot(
            customer, documents=known.documents, since=_since(tenant, known)
        )
        corrected = await self._with_corrected(tenant, snapshot.documents)
        keys = {
            key for found in snapshot.documents for line in found.lines for key in keys_of(line)
        }
        async with self._transaction(tenant, acting, customer) as conn:
            await self._keep(conn, tenant, acting, known, customer, corrected)
            await settlements.seen(conn, tenant.name, customer, known.subject, snapshot.movements)
            found, books, _ = await self._books(conn, tenant, known, customer, keys, snapshot)
        changed = await self._master_data_changed(tenant, snapshot, found.account)

        def planned(books: BooksInput) -> AmendmentPlan:
            return plan_account(change_id, books=books, at=snapshot.as_of)

        answered = replace(books, answers=await answers_of(tenant, books))
        plan, asked = _planned(acting, planned, answered)
        plan = since_it_began(with_master_data(plan) if changed else plan, known)
        plan = without_refused(plan, snapshot.refused)
        return plan, _Read(snapshot, begun, found.account, found.told, asked)

    @asynccontextmanager
    async def _transaction(
        self, tenant: Tenant, acting: "_Acting", customer: str = ""
    ) -> AsyncIterator[Connection]:
        """In which billing's word is kept and all is read that a plan needs. It is taken back where
        nothing is to come of it, and then gives way to whoever means it."""
        async with self._database.transaction() as conn:
            if isinstance(acting, Owner):
                yield conn
                return
            # Before the database looks for a deadlock: the saga of the same subject goes first.
            await conn.execute("set local lock_timeout = '500ms'")
            async with overlaid(conn, tenant.name, acting.overlay):
                await as_if(conn, tenant, acting, customer)
                yield conn
            raise psycopg.Rollback

    async def _known(self, step: StepInput, run_id: str) -> PlanningContext | None:
        """What is pending of the subject is taken in first: what is read then tells of it."""
        async with self._database.statement() as conn:
            return await planning_context.begin(conn, owner_of(step), run_id=run_id)

    async def _keep(
        self,
        conn: Connection,
        tenant: Tenant,
        acting: "_Acting",
        known: PlanningContext,
        customer: str,
        found: tuple[BillingDocument, ...],
    ) -> None:
        """What billing showed just now. Documents of somebody else are asked for by a change of
        theirs: each is posted by the one that it belongs to."""
        if not found:
            return
        await documents.seen(
            conn,
            tenant.name,
            tenant.connection,
            found,
            books_from=tenant.books_from,
            owner=acting if isinstance(acting, Owner) else None,
        )
        for document in found:
            subject = subject_of(document)
            await settlements.seen(
                conn, tenant.name, document.customer_id, subject, document.settlements
            )
            if subject != known.subject:
                await change_queue.follow(
                    conn,
                    tenant.name,
                    subject,
                    why=DocumentSeen(
                        document.content, str(document.remaining.minor), document.document_id
                    ),
                    kind=ChangeKind.BILLED,
                    customer_id=customer,
                    documents=(document.document_id,),
                )

    async def _with_corrected(
        self, tenant: Tenant, found: tuple[BillingDocument, ...]
    ) -> tuple[BillingDocument, ...]:
        """And what credit notes among them correct, as it is now: it may be settled by them."""
        unread = _corrected(found) - {document.document_id for document in found}
        return (*found, *await tenant.billing.documents(sorted(unread))) if unread else found

    async def _held_back(
        self,
        tenant: Tenant,
        acting: "_Acting",
        known: PlanningContext,
        subscription: Subscription,
    ) -> Subscription:
        """As far as access goes: what a person took back is not given again while billing sells the
        same; what billing has ended since is ended."""
        hold = known.access_hold
        if hold is None:
            return subscription
        if hold.sold != sold_of(subscription):
            async with self._transaction(tenant, acting) as conn:
                if isinstance(acting, Owner):
                    await ownership.require(conn, acting)
                await access_holds.lift(conn, tenant.name, subscription.subscription_id)
            return subscription
        return subscription.model_copy(update={"items": hold.items})

    async def _books(
        self,
        conn: Connection,
        tenant: Tenant,
        known: PlanningContext,
        customer: str,
        keys: set[str],
        snapshot: BillingSnapshot | AccountSnapshot,
    ) -> tuple[planning_context.MasterData, BooksInput, tuple[DocumentRecord, ...]]:
        """And the documents that pay for the subscription. `keys` are of items that the plan needs
        beside those of the documents. What was decided for this change alone holds meanwhile."""
        if (mend := known.mend) is not None:
            async with overlaid(conn, tenant.name, mend):
                alone = replace(known, mend=None)
                return await self._books(conn, tenant, alone, customer, keys, snapshot)
        subscription = None if isinstance(snapshot, AccountSnapshot) else snapshot.subscription
        kept = await planning_context.books(
            conn,
            tenant.name,
            subject=known.subject,
            customer_id=customer,
            named=_named(known, snapshot.documents),
            covering=subscription.as_of if subscription else None,
        )
        of_lines = {
            key
            for record in kept.records
            for line in record.document.lines
            for key in keys_of(line)
        }
        found = await planning_context.master_data(
            conn,
            tenant.name,
            customer_id=customer,
            keys=keys | of_lines,
            subscription_id=known.subscription_id,
        )
        account = found.account
        zone = (
            tenant.zone_of_books(account.legal_entity, account)
            if account is not None
            else tenant.policy.books.time_zone or tenant.policy.time_zone
        )
        if isinstance(snapshot, AccountSnapshot):
            as_of, movements, pending = snapshot.as_of, snapshot.movements, None
        else:
            as_of, movements, pending = snapshot.subscription.as_of, (), snapshot.unbilled
        books = BooksInput(
            subject=known.subject,
            subscription=subscription,
            agreed_currency=known.agreed.currency if known.agreed else None,
            account=found.account,
            account_wanted=isinstance(snapshot, AccountSnapshot)
            and not snapshot.deleted
            and account is None
            and await account_places.wanted(conn, tenant.name, customer),
            customer_id=customer,
            policy=tenant.policy,
            items=found.items,
            records=kept.records,
            others=kept.others,
            entered=kept.entered,
            movements=movements,
            unbilled=pending,
            shown=kept.unbilled,
            approvals=kept.approvals,
            books_from=tenant.books_from,
            today=local_day(max(as_of, datetime.now(UTC)), zone),
            metadata=subscription.metadata if subscription else {},
        )
        return found, books, kept.covering

    async def _master_data_changed(
        self, tenant: Tenant, snapshot: AccountSnapshot, account: AccountMapping | None
    ) -> bool:
        """Whether billing's name, address or tax ids are other than what was told."""
        if account is None or snapshot.deleted:
            return False
        async with self._database.statement() as conn:
            account_told = await accounts.get(conn, tenant.name, snapshot.customer_id)
        if account_told is None or not account_told.profile_digest:
            return False
        profile = await tenant.billing.account(snapshot.customer_id)
        return profile.billed.digest != account_told.profile_digest

    async def _decided(
        self,
        tenant: Tenant,
        step: StepInput,
        known: PlanningContext,
        plan: AmendmentPlan,
        read: "_Read",
    ) -> Prepared:
        """A change that has done something already goes on to its proof, whatever is left to do.
        Where the run has a plan already that this one should not replace, that one holds."""
        async with self._database.transaction() as conn:
            saved = await changes.save_plan(
                conn,
                owner_of(step),
                plan,
                read.snapshot,
                instead_of=step.digest,
                reading=known.reading,
                read_at=read.begun,
            )
            settled = saved and plan.empty and known.plan is None
            if settled:
                async with conn.pipeline():
                    await commit_agreed_state(conn, tenant.name, plan, read.snapshot)
                    await changes.settle(
                        conn, tenant.name, plan.change_id, outcome=ChangeOutcome.NO_CHANGE
                    )
            refused = plan.books.refused
            if saved and refused is not None and refused.asked is not None and refused.subject:
                await approvals.ask(conn, tenant.name, refused.subject, refused.asked)
            if not saved:
                await ownership.require(conn, owner_of(step))
                plan = await changes.plan(conn, tenant.name, plan.change_id) or plan
        # The plan that holds may have been made before the account was there: it is opened, and all
        # is planned anew, instead of asking people for what is there by now.
        account = None if unmapped(plan) else read.account
        lane = await self._lane(tenant, plan, account)
        told = brief(plan, account=account, policy=tenant.policy, lane=lane)
        remember(tenant.name, plan, told.digest, told=read.told)
        return told.model_copy(update={"settled": settled})

    async def _lane(
        self, tenant: Tenant, plan: AmendmentPlan, account: AccountMapping | None
    ) -> str | None:
        """Where its postings wait for their turn; workers are told of a lane that is new."""
        if account is None or not (plan.books.documents or plan.books.settlements):
            return None
        lane = tenant.lane(account.legal_entity)
        key = (tenant.name, account.legal_entity)
        if lane is not None and key not in self._lanes:
            async with self._database.statement() as conn:
                await lanes.needed(conn, *key)
            self._lanes.add(key)
        return lane


_Acting = Owner | Hypothetical


@dataclass(frozen=True, slots=True)
class _Read:
    """What a plan was made from: billing's word, read from `begun` on, and the account it found."""

    snapshot: BillingSnapshot | AccountSnapshot
    begun: datetime
    account: AccountMapping | None
    #: What had been told of the customer's master data, as a digest.
    told: str
    #: Of a what-if: whose yes it was planned as given.
    asked: tuple[Refusal, ...] = ()


def _planned(
    acting: "_Acting", planned: Callable[[BooksInput], AmendmentPlan], books: BooksInput
) -> tuple[AmendmentPlan, tuple[Refusal, ...]]:
    """The plan; of a what-if also whose yes it was planned as given."""
    if isinstance(acting, Owner):
        return planned(books), ()
    return as_if_approved(planned, books)


def _since(tenant: Tenant, known: PlanningContext) -> datetime | None:
    """Everything since the cutover is read the first time, and when it is asked for; else the
    documents that events name."""
    return tenant.books_from if known.whole or known.first_time else None


def item_keys(
    snapshot: BillingSnapshot, entitled: Subscription, before: Subscription | None
) -> set[str]:
    """The keys of item mappings that the change may need: `entitled` is what access is given to,
    which may be sold no more."""
    lines = [line for found in snapshot.documents for line in found.lines]
    keys = {key for line in (*lines, *snapshot.unbilled.lines) for key in keys_of(line)}
    for subscription in (snapshot.subscription, entitled, before):
        if subscription is not None:
            keys |= {item.plan.item for item in subscription.items}
            keys |= {item.plan.plan_id for item in subscription.items}
    return keys


def _is_to_be_planned(known: PlanningContext) -> bool:
    return known.outcome is None and known.aborted is None and not known.undoing


def _without_plan(known: PlanningContext | None) -> Prepared:
    """It is settled, also where the engine has lost that this very saga settled it; or it is to be
    undone, and nothing more is planned."""
    if known is not None and known.outcome is None:
        return Prepared(aborted=known.aborted, undoing=known.undoing)
    return Prepared(settled=True, outcome=(known and known.outcome) or ChangeOutcome.NO_CHANGE)


def _named(known: PlanningContext, found: tuple[BillingDocument, ...]) -> set[str]:
    return {*known.documents, *(document.document_id for document in found), *_corrected(found)}


def _corrected(found: tuple[BillingDocument, ...]) -> set[str]:
    return {document.corrects for document in found if document.corrects is not None}
