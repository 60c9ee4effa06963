"""Whether a release, or its undo, may hand over more than the one that is tried."""

from activities.tenants import Tenant
from canonical_models.approvals import ApprovalAsked
from canonical_models.batch import Batch
from persistence import batches, release_approvals
from persistence.connection import Connection
from planning.releasing import needs_of


async def may_go_on(conn: Connection, tenant: Tenant, batch: Batch) -> bool:
    """Whether those have said yes whose yes it needs, to all that is on its list now; else it is
    paused. What has joined it since is asked about with all of it."""
    rules = tenant.policy.releases.approvals
    if not rules:
        return True
    listed = await release_approvals.listed(conn, tenant.name, batch)
    asked = ApprovalAsked(content=listed.content, needs=needs_of(rules, listed))
    if not asked.open(await release_approvals.said(conn, tenant.name, batch)):
        return True
    why = "; ".join(dict.fromkeys(need.why for need in asked.needs))
    await batches.pause(conn, tenant.name, batch.batch_id, f"it {why}: it waits for a yes"[:2000])
    return False
