"""What becomes true with an agreement, in one transaction: the state of the subscription, its
term, its invoices, and news for the processes that wait for them."""

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import BillingSnapshot
from persistence import (
    change_queue,
    contracts,
    dunning,
    invoices,
    lines,
    shares,
    subscriptions,
)
from persistence.raw import Raw


async def agree(raw: Raw, tenant: str, plan: AmendmentPlan, snapshot: BillingSnapshot) -> None:
    """All of it may be repeated. What the plan left for later is asked for by a change that
    follows."""
    subscription, of = snapshot.subscription, plan.subscription_id
    customer = subscription.customer.customer_id
    await shares.put(raw, tenant, of, plan.organization, plan.share)
    await subscriptions.save(raw, tenant, subscription, plan.change_id)
    await lines.invoiced(raw, tenant, of, snapshot.lines)
    await invoices.seen(raw, tenant, of, customer, snapshot.invoices)
    await dunning.open_(raw, tenant, of, customer, snapshot.invoices)
    if plan.contract is None:
        await contracts.over(raw, tenant, of, change_id=plan.change_id)
    else:
        runs_on = plan.contract.ends_at is None
        await contracts.put(
            raw,
            tenant,
            plan.contract,
            renews_at=subscription.period_end if runs_on else None,
            change_id=plan.change_id,
        )
    if plan.more:
        await change_queue.follow(
            raw,
            tenant,
            of,
            why=f"{plan.change_id}/next-period",
            kind=ChangeKind.RENEWAL,
            customer_id=customer,
            lane=change_queue.RENEWAL,
        )
