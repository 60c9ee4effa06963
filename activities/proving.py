"""Proof of an outcome: every system is read back and held against the plan."""

from datetime import UTC, datetime

from activities.tenants import Tenant
from activities.together import both
from canonical_models.amendment import AmendmentPlan
from canonical_models.base import Canonical, Instant
from canonical_models.entitlement import Grant, SupportEntitlement, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import Document
from persistence import shares
from persistence.database import Database
from planning.support import merged_support
from planning.verification import differences


class Proof(Canonical):
    """What each system said when the change was settled."""

    read_at: Instant
    document: Document | None
    grants: tuple[Grant, ...]
    support: SupportOrganization | None


async def prove(
    tenant: Tenant,
    database: Database,
    plan: AmendmentPlan,
    document: Document | None,
    held: tuple[Grant, ...],
) -> Proof:
    """Raises Rejection(outcome_mismatch) with both sides of every difference.

    `document` is the one that was posted, `held` the grants that the subscription gives.
    """
    read, (expected, shown) = await both(
        _read_document(tenant, document), _read_support(tenant, database, plan)
    )
    found = differences(plan, document=read, grants=held, expected_support=expected, support=shown)
    if found:
        raise Rejection(
            RejectionCode.OUTCOME_MISMATCH,
            f"change {plan.change_id} is done but not as planned - "
            + "; ".join(map(str, found))
            + ": mend the system that is wrong and retry, or abort to undo the change",
            system=found[0].system,
            subject=found[0].field,
        )
    return Proof(read_at=datetime.now(UTC), document=read, grants=held, support=shown)


async def _read_document(tenant: Tenant, document: Document | None) -> Document | None:
    if document is None:
        return None
    return await tenant.erp.read(document.document_id, document.legal_entity)


async def _read_support(
    tenant: Tenant, database: Database, plan: AmendmentPlan
) -> tuple[SupportEntitlement | None, SupportOrganization | None]:
    """(what the shares ask for now, what the platform shows); nothing when it was not touched."""
    if plan.support is None:
        return None, None
    async with database.work() as raw:
        # Under the lock no other subscription of the customer is half way through its own change.
        asked = await shares.asked_for(raw, tenant.name, plan.organization)
        expected = merged_support(plan.organization, asked, tenant.policy.tiers)
        return expected, await tenant.support.organization(plan.organization)
