"""What targets hold is read, not remembered: laid beside what they should hold, and told again
where it differs, with a revision above what they hold."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.contracts.targets import (
    TargetActivities,
    TargetDifference,
    TargetsCompared,
    TargetsInput,
    TargetsNamed,
    TargetsPart,
)
from activities.error_mapping import mapped_failures
from activities.gather import each_of
from activities.tenants import Tenant, Tenants
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Failure, Rejection, TransientFailure
from canonical_models.process import SUPPORT_TARGET, entitlement_process
from canonical_models.states import TargetState
from persistence import grants, mappings, processes, support_contributions, targets
from persistence.database import Database
from planning.entitlements import target_differences, told
from planning.support import merged_support, support_differences

#: Customers a part, and how many of them are asked about at once.
_PART = 40
_AT_ONCE = 4


class Comparing(TargetActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="targets.named")
    async def named(self, given: TargetsInput) -> TargetsNamed:
        known = (*self._tenants[given.tenant].targets, SUPPORT_TARGET)
        return TargetsNamed(names=tuple(name for name in known if given.target in (None, name)))

    @activity.defn(name="targets.compare")
    async def compare(self, part: TargetsPart) -> TargetsCompared:
        with mapped_failures():
            given, tenant, name = part.given, self._tenants[part.given.tenant], part.target
            async with self._database.statement() as conn:
                customers = await targets.customers(
                    conn, tenant.name, name, after=part.after, only=given.customer_id, limit=_PART
                )
            differing, problems, away = await self._compare_all(tenant, name, customers, given)
            more = len(customers) == _PART and not away
            return TargetsCompared(
                looked_at=0 if away else len(customers),
                differing=differing,
                problems=problems,
                after=customers[-1] if more else None,
            )

    async def _compare_all(
        self, tenant: Tenant, name: str, customers: tuple[str, ...], given: TargetsInput
    ) -> tuple[tuple[TargetDifference, ...], tuple[str, ...], bool]:
        """(what differs, what could not be read, whether the target is away altogether). Where all
        is to be set right, it is waited for instead: raises TransientFailure."""
        away = asyncio.Event()
        problems: list[str] = []
        passing: list[TransientFailure] = []

        async def compared(customer: str) -> TargetDifference | None:
            if away.is_set():
                return None
            try:
                return await self._compare(tenant, name, customer, given)
            except Rejection as refused:
                problems.append(f"{name}, {customer}: {refused.message}")
            except Failure as failure:
                # Not of this customer alone: the others would fare alike.
                away.set()
                if isinstance(failure, TransientFailure):
                    passing.append(failure)
                problems.append(f"{name} could not be read: {failure.message}")
            return None

        found = await each_of(customers, compared, at_once=_AT_ONCE)
        if passing and given.set_right:
            raise passing[0]
        differing = tuple(one for one in found if one is not None)
        return differing, tuple(problems), away.is_set()

    async def _compare(
        self, tenant: Tenant, name: str, customer: str, given: TargetsInput
    ) -> TargetDifference | None:
        """None where it holds what it should, and where it is just being told."""
        process = entitlement_process(tenant.name, customer, name)
        async with self._database.statement() as conn:
            revision = await processes.revision(conn, process.workflow_id)
        held, found = await self.differing(tenant, name, customer)
        if not found:
            return None
        async with self._database.transaction() as conn:
            if await processes.revision(conn, process.workflow_id) != revision:
                return None
            view = await targets.get(conn, tenant.name, name, customer)
            given_up = view is not None and view.state is TargetState.REFUSED
            again = given.set_right and not given_up
            if again:
                await processes.news(conn, [process], above=held)
        return TargetDifference(
            target=name,
            customer_id=customer,
            revision=revision,
            held=held,
            differences=found,
            told=again,
        )

    async def differing(
        self, tenant: Tenant, name: str, customer: str
    ) -> tuple[int, tuple[str, ...]]:
        """(revision that it says it holds, where it differs)."""
        if name == SUPPORT_TARGET:
            return 0, await self._support(tenant, customer)
        return await self._target(tenant, name, customer)

    async def _target(
        self, tenant: Tenant, name: str, customer: str
    ) -> tuple[int, tuple[str, ...]]:
        there = await tenant.targets[name].held(customer)
        async with self._database.statement() as conn:
            given = await grants.of_customer(conn, tenant.name, customer)
        now = datetime.now(UTC)
        return there.revision, target_differences(told(given, now), there.features, now)

    async def _support(self, tenant: Tenant, customer: str) -> tuple[str, ...]:
        async with self._database.statement() as conn:
            mapped = await mappings.accounts_now(conn, tenant.name, [customer])
            left = await support_contributions.left(conn, tenant.name, customer)
        if (account := mapped.get(customer)) is None:
            return ()
        organization = account.support_organization
        shown = await tenant.support.organization(organization)
        async with self._database.transaction() as conn:
            asked = await support_contributions.asked_for(conn, tenant.name, organization)
        wanted: SupportEntitlement = merged_support(organization, asked, tenant.policy.tiers)
        found = support_differences(wanted, shown.entitlement if shown else None)
        return (*found, *(f"{one} still shows what has moved away" for one in left))
