"""The support platform as a target: what people grant a customer beside subscriptions, and its
organisation as it should be when that is not what a subscription's own change has shown."""

from datetime import UTC, datetime

from activities.ledger import EffectLedger
from activities.support import organization_effect
from activities.tenants import Tenant
from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.process import SUPPORT_TARGET, Process
from persistence import grants, mappings, processes, support_contributions, targets
from persistence.database import Database
from planning.entitlements import entitlements


class SupportTarget:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = EffectLedger(database)

    async def tell(self, tenant: Tenant, process: Process) -> int:
        """The organisation that the customer is mapped to shows all that is asked for it, and one
        that it was mapped to before no longer does. The revision that is confirmed."""
        customer = process.key
        async with self._database.transaction() as conn:
            revision = await processes.revision(conn, process.workflow_id)
            held = await grants.of_customer(conn, tenant.name, customer)
            mapped = await mappings.accounts_now(conn, tenant.name, [customer])
            if (account := mapped.get(customer)) is not None:
                here = account.support_organization
                await support_contributions.move(conn, tenant.name, customer, to=here)
                contribution, of = _contribution(held), f"given:{customer}"
                await support_contributions.put(
                    conn, tenant.name, of, here, contribution, customer_id=customer, tell=False
                )
                left = await support_contributions.left(conn, tenant.name, customer)
        if account is None:
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"billing customer {customer} has no support organisation: map it, then retry",
                system="trueup",
                subject=customer,
            )
        for organization in (account.support_organization, *left):
            await self._show(
                tenant, process, revision, organization, needed=organization not in left
            )
        async with self._database.transaction() as conn:
            for organization in left:
                await support_contributions.taken_back(conn, tenant.name, customer, organization)
            await targets.put(
                conn,
                tenant.name,
                SUPPORT_TARGET,
                customer,
                revision=revision,
                confirmed=revision,
            )
        return revision

    async def _show(
        self, tenant: Tenant, process: Process, revision: int, organization: str, *, needed: bool
    ) -> None:
        """The organisation shows the merge of what is asked of it. One that is `needed` by nobody
        any more may be gone."""
        try:
            await self._ledger.perform(
                organization_effect(
                    tenant,
                    process.workflow_id,
                    f"target.{SUPPORT_TARGET}/{organization}",
                    organization,
                    lambda conn: support_contributions.asked_for(conn, tenant.name, organization),
                    revision=revision,
                )
            )
        except Rejection as refused:
            if needed or refused.code != RejectionCode.ORGANIZATION_UNKNOWN.value:
                raise


def _contribution(held: tuple[Grant, ...]) -> SubscriptionSupport:
    """Of the grants that no subscription stands behind."""
    given = [grant for grant in held if grant.subscription_id is None]
    live = entitlements(given, datetime.now(UTC))
    return SubscriptionSupport(
        tier=None, contract_end=None, features=tuple(sorted(e.feature for e in live))
    )
