"""The change of a tenant in shadow: planned by the saga's own planner, kept, and nothing done."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.adoption_accounts import NEW_PARTY, proposed
from activities.contracts.amendment import Prepared, StepInput
from activities.hypothesis import Hypothesis
from activities.kept_plans import owner_of
from activities.preparing import Preparation
from activities.preview import foreseen_of
from activities.tenants import Tenant
from canonical_models.amendment import ChangeKind
from canonical_models.commerce import BillingSnapshot, Subscription
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.mapping import AccountMapping
from canonical_models.occasion import DocumentSeen
from canonical_models.preview import Comes, Foreseen, Overlay
from canonical_models.records import subject_of
from canonical_models.shadow import (
    Expected,
    ExpectedDocument,
    ExpectedFeatures,
    ShadowAccess,
)
from canonical_models.states import ChangeOutcome
from persistence import change_queue, changes, ownership, planning_context, shadow_items, shadows
from persistence.connection import Connection
from persistence.database import Database
from persistence.planning_context import PlanningContext
from persistence.shadows import Shadowed
from planning.shadowing import features_of, remaining_of
from planning.support import merged_support


class Shadowing:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._preparation = Preparation(database)

    async def of_change(self, tenant: Tenant, step: StepInput, run_id: str) -> Prepared:
        """Plan it, keep what it would do, and settle it. What would be a question is kept as one.
        Raises Rejection for a change that was begun before the tenant was in shadow, and Overtaken;
        and what passes, so that it is tried again."""
        async with self._database.statement() as conn:
            known = await planning_context.begin(conn, owner_of(step), run_id=run_id)
        if known is None or known.outcome is not None:
            outcome = (known and known.outcome) or ChangeOutcome.NO_CHANGE
            return Prepared(settled=True, outcome=outcome)
        if known.plan is not None or known.aborted is not None or known.undoing:
            raise Rejection(
                RejectionCode.SHADOWED,
                f"change {step.change_id} was begun while the tenant was live, and may be half "
                'done: it goes on once `mode` is "live" again',
                system="trueup",
                subject=step.change_id,
            )
        shadowed = await self._planned(tenant, step.change_id, known)
        async with self._database.transaction() as conn:
            await ownership.require(conn, owner_of(step), alone=True)
            await self._keep(conn, tenant, shadowed)
            await changes.settle(
                conn,
                tenant.name,
                step.change_id,
                outcome=ChangeOutcome.SHADOWED,
                summary=_summary(shadowed.foreseen),
                owner=owner_of(step),
            )
        return Prepared(
            settled=True, outcome=ChangeOutcome.SHADOWED, summary=_summary(shadowed.foreseen)
        )

    async def again(self, tenant: Tenant, change_id: str) -> None:
        """What would have been asked may have been mended since: it is planned anew, as the same
        change."""
        async with self._database.statement() as conn:
            known = await planning_context.of_change(conn, tenant.name, change_id)
        if known is None:
            return
        shadowed = await self._planned(tenant, change_id, known)
        async with self._database.transaction() as conn:
            await self._keep(conn, tenant, shadowed)

    async def _planned(self, tenant: Tenant, change_id: str, known: PlanningContext) -> Shadowed:
        async with self._database.statement() as conn:
            known = await shadows.known(conn, tenant.name, change_id, known)
        try:
            found, made = await self._hypothesis(tenant, change_id, known)
        except (Rejection, ContractDrift) as refused:
            return Shadowed(
                change_id, known.subject, known.customer_id, _refused(known.subject, refused)
            )
        foreseen = foreseen_of(found, targets=tuple(tenant.targets)).model_copy(update=made or {})
        through = foreseen.comes in (Comes.GOES_THROUGH, Comes.NEEDS_APPROVAL)
        return Shadowed(
            change_id,
            known.subject,
            found.plan.amendment.customer_id,
            foreseen,
            plan=found.plan,
            subscription=_subscription(found) if through else known.agreed,
            documents=found.snapshot.documents,
        )

    async def _hypothesis(
        self, tenant: Tenant, change_id: str, known: PlanningContext
    ) -> tuple[Hypothesis, dict[str, object] | None]:
        """The plan; and what is to be said of it where an account would be made first, since no
        document can be planned before its party is there."""
        found = await self._preparation.what_if(tenant, change_id, known, Overlay())
        if found.told.account_missing is None:
            return found, None
        proposal = await proposed(tenant, found.told.account_missing)
        if proposal.mapping is None:
            (finding, *_) = proposal.findings
            said = {"code": finding.cause, "about": finding.subject, "why": finding.message}
            return found, {"comes": Comes.THEN_WAITS, **said}
        if proposal.mapping.erp_party == NEW_PARTY:
            return found, _would_open(proposal.mapping)
        overlay = Overlay(accounts=(proposal.mapping,))
        return await self._preparation.what_if(tenant, change_id, known, overlay), None

    async def _keep(self, conn: Connection, tenant: Tenant, shadowed: Shadowed) -> None:
        await shadows.keep(conn, tenant.name, shadowed)
        await shadow_items.moved(conn, tenant.name, shadowed.documents)
        await _follow(conn, tenant, shadowed)
        customer = shadowed.customer_id
        if shadowed.plan is None or customer is None:
            return
        expected = Expected(documents=await _documents(conn, tenant, shadowed))
        if shadowed.subscription is not None:
            access = await shadows.access_of(conn, tenant.name, customer)
            expected = _with_access(tenant, customer, expected, shadowed, access)
        await shadow_items.expect(
            conn, tenant.name, shadowed.change_id, shadowed.subject, customer, expected
        )


async def _follow(conn: Connection, tenant: Tenant, shadowed: Shadowed) -> None:
    """Documents of somebody else are planned by a change of theirs, as when they are posted."""
    for document in shadowed.documents:
        if (subject := subject_of(document)) != shadowed.subject:
            await change_queue.follow(
                conn,
                tenant.name,
                subject,
                why=DocumentSeen(
                    document.content, str(document.remaining.minor), document.document_id
                ),
                kind=ChangeKind.BILLED,
                customer_id=document.customer_id,
                documents=(document.document_id,),
            )


async def _documents(
    conn: Connection, tenant: Tenant, shadowed: Shadowed
) -> tuple[ExpectedDocument, ...]:
    """What of billing's documents would stand in the ERP from now on, or would be taken back."""
    if shadowed.plan is None:
        return ()
    shown = {document.document_id: document for document in shadowed.documents}
    found: list[ExpectedDocument] = []
    for step in shadowed.plan.books.documents:
        before = await shadow_items.expected_document(conn, tenant.name, step.document_id)
        billed = shown.get(step.document_id)
        if step.void and before is not None:
            found.append(before.model_copy(update={"void": True}))
        elif step.draft is not None:
            found.append(
                ExpectedDocument(
                    document_id=step.document_id,
                    number=step.number,
                    legal_entity=step.legal_entity,
                    draft=step.draft.to(None),
                    accounts={item.item: item.account for item in step.terms},
                    remaining=remaining_of(billed) if billed else step.draft.gross,
                )
            )
    return tuple(found)


def _with_access(
    tenant: Tenant,
    customer: str,
    expected: Expected,
    shadowed: Shadowed,
    access: Sequence[ShadowAccess],
) -> Expected:
    organization = shadowed.plan.access.organization if shadowed.plan else None
    support = None
    if organization is not None:
        asked = [each.contribution for each in access if each.organization == organization]
        support = merged_support(organization, asked, tenant.policy.tiers)
    features = features_of(access)
    return expected.model_copy(
        update={
            "support": support,
            "targets": tuple(
                ExpectedFeatures(target=target, customer_id=customer, features=features)
                for target in tenant.targets
            ),
        }
    )


def _subscription(found: Hypothesis) -> Subscription | None:
    snapshot = found.snapshot
    return snapshot.subscription if isinstance(snapshot, BillingSnapshot) else None


def _refused(subject: str, refused: Rejection | ContractDrift) -> Foreseen:
    about = refused.subject if isinstance(refused, Rejection) else refused.payload_path
    return Foreseen(
        subject=subject,
        comes=Comes.THEN_WAITS,
        why=refused.message[:2000],
        code=refused.code,
        about=about,
        at=datetime.now(UTC),
    )


def _would_open(mapping: AccountMapping) -> dict[str, object]:
    return {
        "comes": Comes.UNTOLD,
        "code": RejectionCode.PARTY_UNKNOWN.value,
        "about": mapping.billing_customer,
        "why": f"the ERP has no party of billing customer {mapping.billing_customer} yet: one "
        f"would be made in {mapping.legal_entity}, and documents are planned once it is there",
    }


def _summary(foreseen: Foreseen) -> str:
    if foreseen.code is None or foreseen.comes is Comes.GOES_THROUGH:
        return foreseen.summary
    what = "needs a yes" if foreseen.comes is Comes.NEEDS_APPROVAL else f"would ask {foreseen.code}"
    return f"{foreseen.summary}; {what}" if foreseen.summary else what
