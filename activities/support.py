"""The organisation in the support platform: a set, the merge of all that is asked of it.

What it is to show is read in the transaction that begins the write, so whoever writes later says
the newer; one write of an organisation is under way at a time (activities/ledger.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from activities.effect import Effect, effect_key, not_looked_up
from activities.effects import SUPPORT
from activities.gone_organizations import proposed
from activities.ledger import EffectLedger
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan
from canonical_models.base import Canonical
from canonical_models.entitlement import (
    SubscriptionSupport,
    SupportEntitlement,
    SupportOrganization,
)
from canonical_models.failures import Rejection, RejectionCode
from connectors.attempts import Attempt
from persistence import effects, support_contributions
from persistence.connection import Connection
from persistence.ownership import Owner
from planning.support import merged_support

#: Reads what is asked of the organisation, and may put something in before.
Asking = Callable[[Connection], Awaitable[tuple[SubscriptionSupport, ...]]]


class OfRevision(Canonical):
    """The same is shown anew for each revision: the organisation may have lost it."""

    revision: int
    shown: SupportEntitlement


def organization_effect(
    tenant: Tenant,
    change_id: str,
    step: str,
    organization: str,
    asking: Asking,
    *,
    owner: Owner | None = None,
    revision: int | None = None,
) -> Effect[SupportOrganization]:
    """The organisation shows what is asked of it when the write begins."""
    nothing = merged_support(organization, (), tenant.policy.tiers)
    wanted: list[SupportEntitlement] = [nothing]
    known: list[str | None] = [None]
    of_set = effects.organization_set(tenant.name, organization)

    async def asked(conn: Connection) -> Canonical:
        shown = wanted[0] = merged_support(organization, await asking(conn), tenant.policy.tiers)
        known[0] = await effects.last_reference(conn, of_set)
        return shown if revision is None else OfRevision(revision=revision, shown=shown)

    async def write(_: Attempt) -> SupportOrganization:
        try:
            return await tenant.support.publish(wanted[0])
        except Rejection as refused:
            if refused.reason is not RejectionCode.ORGANIZATION_UNKNOWN:
                raise
            if wanted[0].is_nothing:
                return SupportOrganization(
                    organization_id=known[0] or organization, entitlement=wanted[0]
                )
            words = await proposed(tenant, organization, known[0])
            if words is None:
                raise
            raise Rejection(
                refused.reason, words, system=refused.system, subject=refused.subject
            ) from refused

    return Effect(
        key=effect_key(change_id, step),
        tenant=tenant.name,
        change_id=change_id,
        step=step,
        system="support",
        operation="publish entitlement",
        request=nothing,
        result=SupportOrganization,
        probe=not_looked_up,
        write=write,
        named=lambda shown: (shown.organization_id, shown.url),
        owner=owner,
        replaces=True,
        writes_set=of_set,
        asked=asked,
        lands_within=tenant.lands("support"),
    )


def contribution_effect(
    tenant: Tenant,
    change_id: str,
    step: str,
    of: str,
    organization: str,
    contribution: SubscriptionSupport,
    *,
    customer_id: str,
    owner: Owner | None = None,
) -> Effect[SupportOrganization]:
    """The organisation with this `contribution` of `of`, beside the contributions of others."""

    async def asking(conn: Connection) -> tuple[SubscriptionSupport, ...]:
        return await support_contributions.asked_with(
            conn, tenant.name, of, organization, contribution, customer_id=customer_id
        )

    return organization_effect(tenant, change_id, step, organization, asking, owner=owner)


class SupportEffect:
    """What a subscription's change has its organisation show."""

    def __init__(
        self,
        tenant: Tenant,
        plan: AmendmentPlan,
        organization: str,
        owner: Owner | None = None,
    ) -> None:
        self._tenant, self._plan = tenant, plan
        self._organization, self._owner = organization, owner

    def effect(self) -> Effect[SupportOrganization]:
        return self._showing(self._plan.access.contribution)

    async def take_back(self, ledger: EffectLedger, contribution: SubscriptionSupport) -> None:
        """A set is not undone but written once more: with this contribution, and what others ask
        now. Where the organisation was never written, or is gone, it is asked for all the same:
        whoever writes it next would show what was undone."""

        async def asked_again(conn: Connection) -> None:
            await support_contributions.put(
                conn,
                self._tenant.name,
                self._plan.subject,
                self._organization,
                contribution,
                customer_id=self._plan.amendment.customer_id,
            )

        before = replace(self._showing(contribution), refused=asked_again)

        async def write(_: SupportOrganization, attempt: Attempt) -> SupportOrganization:
            return await before.write(attempt)

        await ledger.undo(before, write, left=self._left)

    async def _left(self) -> tuple[SupportOrganization, ...]:
        """Something to take back, unless the organisation is gone."""
        found = await self._tenant.support.organization(self._organization)
        return () if found is None else (found,)

    def _showing(self, contribution: SubscriptionSupport) -> Effect[SupportOrganization]:
        plan = self._plan
        return contribution_effect(
            self._tenant,
            plan.change_id,
            SUPPORT,
            plan.subject,
            self._organization,
            contribution,
            customer_id=plan.amendment.customer_id,
            owner=self._owner,
        )
