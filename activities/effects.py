"""The effects of an amendment: what each writes, how it is found again, how it is taken back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from activities.ledger import Effect, effect_key, written_again
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan
from canonical_models.base import Canonical
from canonical_models.commerce import SyncMark
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import Document, DocumentState
from canonical_models.process import Process, ProcessKind
from persistence import grants, lines, processes, shares
from persistence.database import Database
from persistence.raw import Raw
from planning.support import merged_support
from planning.term import local_day

DOCUMENT = "erp.document"
GRANTS = "entitlements.grants"
SUPPORT = "support.entitlement"
MARK = "billing.mark"
UNDONE_MARK = "billing.mark_undone"


class GrantsHeld(Canonical):
    """What a subscription gives, as it was written."""

    grants: tuple[Grant, ...]


class DocumentEffect:
    """The ERP document of a plan. Its lines are claimed with it and reversed with it."""

    def __init__(self, tenant: Tenant, plan: AmendmentPlan) -> None:
        if plan.document is None:
            raise ValueError(f"the plan of change {plan.change_id} posts nothing")
        self._tenant, self._plan, self._draft = tenant, plan, plan.document
        self._key = effect_key(plan.change_id, DOCUMENT)

    def effect(self) -> Effect[Document]:
        return Effect(
            tenant=self._tenant.name,
            change_id=self._plan.change_id,
            step=DOCUMENT,
            system="erp",
            operation=f"post {self._draft.kind.value.replace('_', ' ')}",
            request=self._draft,
            result=Document,
            probe=self.made,
            write=lambda: self._tenant.erp.post(self._draft),
            named=lambda document: (document.number or document.document_id, document.url),
            claimed=self._claimed,
            refused=self._refused,
            confirmed=self._confirmed,
            reversed=self._reversed,
        )

    async def made(self) -> Document | None:
        """A document of this reference that is posted; a draft is for `post` to finish."""
        return await self._found((DocumentState.POSTED, DocumentState.PAID))

    async def left(self) -> Document | None:
        """Whatever an undo must take back: posted documents and drafts alike."""
        return await self._found((DocumentState.POSTED, DocumentState.PAID, DocumentState.DRAFT))

    async def take_back(self, document: Document) -> Document:
        contract = self._plan.contract
        zone = self._tenant.policy.time_zone if contract is None else contract.time_zone
        return await self._tenant.erp.reverse(
            document,
            reference=f"{self._draft.reference}/undo",
            # Never before the document itself, whose period is open.
            posting_date=max(self._draft.posting_date, local_day(datetime.now(UTC), zone)),
        )

    async def _found(self, states: tuple[DocumentState, ...]) -> Document | None:
        documents = await self._tenant.erp.find(self._draft.reference, self._draft.legal_entity)
        return next((document for document in documents if document.state in states), None)

    async def _claimed(self, raw: Raw) -> None:
        taken = await lines.claim(
            raw,
            self._tenant.name,
            self._plan.subscription_id,
            self._key,
            self._draft.lines,
        )
        if taken:
            raise Rejection(
                RejectionCode.DOCUMENT_CONFLICT,
                f"billing lines {', '.join(sorted(taken))} are on another document already: "
                "retry, and the plan is made without them",
                system="trueup",
                subject=min(taken),
            )

    async def _refused(self, raw: Raw) -> None:
        await lines.release(raw, self._tenant.name, self._key)

    async def _confirmed(self, raw: Raw, document: Document) -> None:
        await lines.settle(
            raw,
            self._tenant.name,
            self._key,
            state="posted",
            document_id=document.document_id,
        )
        await lines.taken_back(raw, self._tenant.name, self._key)

    async def _reversed(self, raw: Raw, reversal: Document) -> None:
        await lines.settle(
            raw,
            self._tenant.name,
            self._key,
            state="reversed",
            document_id=reversal.document_id,
        )


def grants_effect(tenant: Tenant, plan: AmendmentPlan) -> Effect[GrantsHeld]:
    """Ours to write, so it is written in the very transaction that confirms it."""

    async def absent() -> None:
        return None

    async def intended() -> GrantsHeld:
        return GrantsHeld(grants=plan.grants)

    async def give(raw: Raw, held: tuple[Grant, ...]) -> None:
        await grants.replace(raw, tenant.name, plan.subscription_id, held, change_id=plan.change_id)
        if tenant.targets:
            await processes.news(raw, [entitlement_process(tenant, plan.amendment.customer_id)])

    return Effect(
        tenant=tenant.name,
        change_id=plan.change_id,
        step=GRANTS,
        system="entitlements",
        operation="grant and withdraw",
        request=GrantsHeld(grants=plan.grants),
        result=GrantsHeld,
        probe=absent,
        write=intended,
        named=lambda held: (f"{len(held.grants)} grants", None),
        local=True,
        confirmed=lambda raw, held: give(raw, held.grants),
        reversed=lambda raw, _: give(raw, plan.grants_before),
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

    def __init__(self, tenant: Tenant, database: Database, plan: AmendmentPlan) -> None:
        self._tenant, self._database, self._plan = tenant, database, plan

    def effect(self) -> Effect[SupportOrganization]:
        return Effect(
            tenant=self._tenant.name,
            change_id=self._plan.change_id,
            step=SUPPORT,
            system="support",
            operation="publish entitlement",
            request=self._plan.share,
            result=SupportOrganization,
            # A set may be repeated, so it is simply written again.
            probe=written_again,
            write=lambda: self._publish(self._plan.share),
            named=lambda organization: (organization.organization_id, organization.url),
        )

    async def take_back(self, organization: SupportOrganization) -> SupportOrganization:
        del organization
        return await self._publish(self._plan.share_before)

    async def left(self) -> SupportOrganization | None:
        """Something to take back, unless the organisation is gone."""
        return await self._tenant.support.organization(self._plan.organization)

    async def _publish(self, share: SubscriptionSupport) -> SupportOrganization:
        plan = self._plan
        return await publish_share(
            self._tenant, self._database, plan.subscription_id, plan.organization, share
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
        since = datetime.now(UTC)
        found = (await tenant.billing.snapshot(plan.subscription_id, since=since)).mark
        return found if found == mark else None

    async def write() -> SyncMark:
        await tenant.billing.record_sync(plan.subscription_id, mark, key=key)
        return mark

    return Effect(
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
