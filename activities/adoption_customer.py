"""A customer that billing has had before us is taken over: mapped, agreed on as it is, its open
documents linked to the ERP's. Nothing is posted. May be repeated at any time: what was done stays
as it is, and what was left is looked at again."""

from datetime import UTC, datetime

import psycopg

from activities.account_opening import BY, open_account
from activities.adoption_accounts import refusal
from activities.adoption_planning import Given, TakeOver, planned
from activities.adoption_reading import Seen, of_subject, read_customer
from activities.agreed_state import commit_agreed_state
from activities.effects import SUPPORT
from activities.ledger import EffectLedger
from activities.support import contribution_effect
from activities.tenants import Tenant
from canonical_models.adoption import (
    AccountStep,
    AdoptedCustomer,
    AdoptionCause,
    AdoptionFigures,
    Finding,
)
from canonical_models.amendment import Amendment, AmendmentPlan, ChangeKind, account_subject
from canonical_models.commerce import BilledCustomer
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import ContractDrift, Rejection, TransientFailure
from canonical_models.ledgering import ErpDocument
from canonical_models.process import entitlement_processes
from canonical_models.records import subject_of
from persistence import (
    accounts,
    adoptable,
    change_queue,
    documents,
    grants,
    processes,
    settlements,
    support_contributions,
)
from persistence.connection import Connection
from persistence.database import Database
from planning.term import contract_of, serves

#: Looks at a customer of which changes begin meanwhile.
_LOOKS = 5

#: A change was quicker, and whatever was written of the customer here is to be given up for it.
_OVERTAKEN = (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation)


class _Overtaken(Exception):
    """A change has begun on what was about to be taken over: it goes first."""


class Adopting:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = EffectLedger(database)

    async def adopt_customer(
        self, tenant: Tenant, customer: BilledCustomer, *, rehearse: bool
    ) -> AdoptedCustomer:
        """What was found and done; in a rehearsal what would be, and nothing is written anywhere.

        What a system refuses of this customer is part of the answer. Raises the failures that are
        no customer's: TransientFailure, UncertainWrite, CredentialsRefused.
        """
        for _ in range(_LOOKS):
            seen = await read_customer(self._database, tenant, customer)
            if isinstance(seen, Finding):
                return AdoptedCustomer(
                    customer_id=customer.customer_id,
                    findings=(seen,),
                    figures=AdoptionFigures(subscriptions=len(customer.subscriptions)),
                )
            plan = await planned(tenant, seen)
            if rehearse:
                return plan.told
            try:
                return (await self._take_over(tenant, plan)).told
            except (_Overtaken, *_OVERTAKEN):
                continue
        raise TransientFailure(
            f"changes of customer {customer.customer_id} begin faster than it can be taken over: "
            "it is tried again",
            system="trueup",
        )

    async def _take_over(self, tenant: Tenant, plan: TakeOver) -> TakeOver:
        """What is seen from outside goes first, so that what our tables say was done was done."""
        try:
            await self._open_account(tenant, plan)
            if plan.publish is not None and not plan.blocked:
                await self._publish(tenant, plan, plan.publish)
        except (Rejection, ContractDrift) as refused:
            plan = plan.but(refusal(refused, plan.seen.customer_id))
        async with self._database.transaction() as conn:
            return await self._write(conn, tenant, plan)

    async def _open_account(self, tenant: Tenant, plan: TakeOver) -> None:
        """What is made by policy waits for all else that a person has to say of the customer."""
        if plan.seen.proposal.step is AccountStep.MADE and not plan.blocked:
            customer = plan.seen.customer_id
            await open_account(self._database, self._ledger, tenant, _change_id(customer), customer)

    async def _publish(self, tenant: Tenant, plan: TakeOver, wanted: SupportEntitlement) -> None:
        """The organisation shows the merge of all contributions: those of the customer are all
        there before it is told."""
        *first, last = plan.given
        organization, change = wanted.organization, _change_id(plan.seen.customer_id)
        async with self._database.transaction() as conn:
            for each in first:
                await support_contributions.put(
                    conn,
                    tenant.name,
                    each.of,
                    organization,
                    each.access.contribution,
                    customer_id=plan.seen.customer_id,
                )
        step = f"{SUPPORT}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        await self._ledger.perform(
            contribution_effect(
                tenant,
                change,
                step,
                last.of,
                organization,
                last.access.contribution,
                customer_id=plan.seen.customer_id,
            )
        )

    async def _write(self, conn: Connection, tenant: Tenant, plan: TakeOver) -> TakeOver:
        """All of it or nothing. Raises _Overtaken."""
        seen, name = plan.seen, tenant.name
        ids = [] if plan.blocked else [each.of for each in plan.given]
        async with conn.pipeline():
            await _see(conn, tenant, seen)
            agreed, changing = await adoptable.begun(conn, name, ids)
        if agreed or changing:
            raise _Overtaken
        missed = [
            missed
            for document_id, erp in plan.links.items()
            if (missed := await _missed(conn, tenant, plan, document_id, erp)) is not None
        ]
        mapping = seen.proposal.mapping
        async with conn.pipeline():
            if mapping is not None and seen.proposal.step is AccountStep.FOUND:
                await adoptable.map_account(conn, name, mapping, by=BY)
            if not plan.blocked:
                await _agree(conn, tenant, plan)
                # Once more at the end: what has begun since the first look waits for our rows.
                _, changing = await adoptable.begun(conn, name, ids)
                if changing:
                    raise _Overtaken
                await _ask(conn, tenant, plan)
        return plan.but(*missed)


async def _see(conn: Connection, tenant: Tenant, seen: Seen) -> None:
    await documents.seen(
        conn, tenant.name, tenant.connection, seen.documents, books_from=tenant.books_from
    )
    for document in seen.documents:
        await settlements.seen(
            conn, tenant.name, seen.customer_id, subject_of(document), document.settlements
        )
    await settlements.seen(
        conn,
        tenant.name,
        seen.customer_id,
        account_subject(seen.customer_id),
        seen.account.movements,
    )


async def _agree(conn: Connection, tenant: Tenant, plan: TakeOver) -> None:
    seen = plan.seen
    for each in plan.given:
        await _give(conn, tenant, plan, each)
    if any(each.access.changes_grants for each in plan.given):
        told = entitlement_processes(tenant.name, seen.customer_id, tenant.targets)
        await processes.news(conn, told)
    if seen.proposal.mapping is not None:
        await accounts.put(
            conn,
            tenant.name,
            seen.customer_id,
            profile_digest=seen.proposal.digest,
            deleted=seen.account.deleted,
            balance=seen.account.balance,
        )


async def _ask(conn: Connection, tenant: Tenant, plan: TakeOver) -> None:
    for asked in plan.asked:
        await change_queue.follow(
            conn,
            tenant.name,
            asked.subject,
            why=asked.why,
            kind=ChangeKind.BILLED,
            customer_id=plan.seen.customer_id,
            documents=asked.documents,
            whole=True,
            lane=change_queue.BULK,
        )


async def _missed(
    conn: Connection, tenant: Tenant, plan: TakeOver, document_id: str, erp: ErpDocument
) -> Finding | None:
    """Links the document; None where it is."""
    linked = await documents.link(
        conn, tenant.name, document_id, erp, party=erp.party, by=BY, change_id=None
    )
    if linked:
        return None
    record = await documents.get(conn, tenant.name, document_id)
    if record is not None and record.in_books:
        return None
    return Finding(
        cause=AdoptionCause.DOCUMENT_TAKEN,
        subject=document_id,
        message=f"document {erp.number or erp.document_id} of the ERP carries the number of "
        f"billing's {document_id}, and stands for another document of billing already: give one "
        f"of them its own number, then take customer {plan.seen.customer_id} over again",
        erp=erp.number or erp.document_id,
    )


async def _give(conn: Connection, tenant: Tenant, plan: TakeOver, each: Given) -> None:
    """As the first change of a subscription agrees on it, without its documents."""
    subscription, change = each.snapshot.subscription, _change_id(plan.seen.customer_id)
    zone = tenant.zone(plan.seen.proposal.mapping)
    over = subscription.ended_at is not None and not serves(subscription, zone)
    agreed = AmendmentPlan(
        change_id=change,
        subject=each.of,
        amendment=Amendment(
            kind=ChangeKind.ACTIVATION,
            summary="taken over at the cutover",
            customer_id=plan.seen.customer_id,
            effective_at=subscription.as_of,
        ),
        access=each.access,
        # Nothing is to come of a term that is over: it needs no process.
        contract=None if over else contract_of(subscription, zone),
    )
    if each.access.changes_grants:
        await grants.replace(conn, tenant.name, each.of, each.access.grants, change_id=change)
    issued = of_subject(plan.seen.documents, each.of)
    await commit_agreed_state(
        conn, tenant.name, agreed, each.snapshot.model_copy(update={"documents": issued})
    )


def _change_id(customer_id: str) -> str:
    """What is noted beside everything that taking the customer over has written."""
    return f"adoption/{customer_id}"
