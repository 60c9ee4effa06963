"""What becomes true with an agreement, in one transaction: the state of the subscription, its
term, its unpaid invoices, and news for the processes that wait for them."""

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from persistence import accounts, contracts, dunning, subscriptions, support_contributions
from persistence.connection import Connection


async def commit_agreed_state(
    conn: Connection,
    tenant: str,
    plan: AmendmentPlan,
    snapshot: BillingSnapshot | AccountSnapshot,
    *,
    shared: bool = False,
    dunned: bool = True,
) -> None:
    """All of it may be repeated. What support is asked for was `shared` where it was published;
    without `dunned` the subscription is known to have had no case of an unpaid invoice."""
    if isinstance(snapshot, AccountSnapshot):
        await accounts.put(
            conn,
            tenant,
            snapshot.customer_id,
            deleted=snapshot.deleted,
            balance=snapshot.balance,
        )
        return
    subscription, of = snapshot.subscription, plan.subject
    customer = subscription.customer.customer_id
    organization, contribution = plan.access.organization, plan.access.contribution
    if organization is not None and not shared:
        await support_contributions.put(
            conn, tenant, of, organization, contribution, customer_id=customer
        )
    await subscriptions.save(conn, tenant, subscription, plan.change_id)
    await dunning.open_(
        conn,
        tenant,
        of,
        customer,
        snapshot.documents,
        known=dunned,
        change_id=plan.change_id,
    )
    if plan.contract is None:
        await contracts.over(conn, tenant, of, change_id=plan.change_id)
        return
    runs_on = plan.contract.ends_at is None
    await contracts.put(
        conn,
        tenant,
        plan.contract,
        renews_at=subscription.period_end if runs_on else None,
        change_id=plan.change_id,
    )
