"""Adoptions page by page: what was found of each customer is kept as soon as it is done."""

import asyncio
from collections.abc import Sequence

from temporalio import activity

from activities.adoption_customer import Adopting
from activities.contracts.adoption import (
    AdoptionActivities,
    AdoptionPart,
    AdoptionStopped,
    PageAdopted,
)
from activities.error_mapping import mapped_failures
from activities.tenants import Tenant, Tenants
from canonical_models.adoption import AdoptedCustomer, Adoption, AdoptionCause, Finding
from canonical_models.base import isoformat
from canonical_models.commerce import BilledCustomer
from canonical_models.failures import (
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from persistence import adoptions
from persistence.database import Database

#: Customers of a page, and of those at work at a time: live changes need the vendors as well.
PAGE = 100
_AT_ONCE = 8
#: Attempts at a page, some minutes in all, after which a customer that still cannot be reached is
#: left to people, where others of the page could.
_PATIENCE = 12


class Adoptions(AdoptionActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._adopting = Adopting(database)

    @activity.defn(name="adoption.adopt_page")
    async def adopt_page(self, part: AdoptionPart) -> PageAdopted:
        with mapped_failures():
            tenant, name = self._tenants[part.tenant], part.adoption_id
            async with self._database.statement() as conn:
                adoption = await adoptions.get(conn, tenant.name, name)
                cursor, runs = await adoptions.cursor(conn, tenant.name, name)
            if adoption is None or not runs:
                return PageAdopted(customers=0, over=True)
            _require_same_cutover(tenant, adoption)
            page = await tenant.billing.customer_page(
                after=cursor, limit=PAGE, only=adoption.customer
            )
            async with self._database.statement() as conn:
                named = [customer.customer_id for customer in page.customers]
                done = await adoptions.done(conn, tenant.name, name, named)
            left = [customer for customer in page.customers if customer.customer_id not in done]
            await self._adopt(tenant, adoption, left, some_are_done=bool(done))
            async with self._database.statement() as conn:
                await adoptions.advance(conn, tenant.name, name, cursor=cursor, following=page.next)
            return PageAdopted(customers=len(page.customers), over=page.next is None)

    @activity.defn(name="adoption.stop")
    async def stop(self, stopped: AdoptionStopped) -> None:
        with mapped_failures():
            part = stopped.part
            async with self._database.statement() as conn:
                await adoptions.stop(conn, part.tenant, part.adoption_id, error=stopped.error)

    async def _adopt(
        self,
        tenant: Tenant,
        adoption: Adoption,
        customers: Sequence[BilledCustomer],
        *,
        some_are_done: bool,
    ) -> None:
        """All that can be reached. Raises the failure of one that could not, so that it is tried
        again: an outage ends by itself, and nobody is asked about every single customer."""
        gate = asyncio.Semaphore(_AT_ONCE)
        failed: dict[str, Failure] = {}

        async def one(customer: BilledCustomer) -> None:
            async with gate:
                try:
                    found = await self._adopting.adopt_customer(
                        tenant, customer, rehearse=adoption.rehearsal
                    )
                except (TransientFailure, UncertainWrite) as failure:
                    failed[customer.customer_id] = failure
                    return
            await self._record(tenant, adoption, found)

        try:
            async with asyncio.TaskGroup() as group:
                for customer in customers:
                    group.create_task(one(customer))
        except ExceptionGroup as group_of:
            raise group_of.exceptions[0] from None
        if not failed:
            return
        others = some_are_done or len(failed) < len(customers)
        if activity.info().attempt < _PATIENCE or not others:
            raise next(iter(failed.values()))
        for customer_id, failure in failed.items():
            await self._record(tenant, adoption, _unreachable(customer_id, failure))

    async def _record(self, tenant: Tenant, adoption: Adoption, found: AdoptedCustomer) -> None:
        async with self._database.statement() as conn:
            await adoptions.record(conn, tenant.name, adoption.adoption_id, found)


def _require_same_cutover(tenant: Tenant, adoption: Adoption) -> None:
    """Who began it and who carries it out must mean the same day."""
    if adoption.cutover != tenant.books_from:
        raise Rejection(
            RejectionCode.BEFORE_CUTOVER,
            f"adoption {adoption.adoption_id} is of the cutover {isoformat(adoption.cutover)}, and "
            f"this worker was started with {isoformat(tenant.books_from)}: start it with the "
            "configuration of today, or begin anew",
            system="trueup",
            subject=adoption.adoption_id,
        )


def _unreachable(customer_id: str, failure: Failure) -> AdoptedCustomer:
    return AdoptedCustomer(
        customer_id=customer_id,
        findings=(
            Finding(
                cause=AdoptionCause.UNREACHABLE,
                subject=customer_id,
                message=f"{failure.message[:1800]} - when it is mended: "
                f"`trueup adopt --apply --customer {customer_id}`",
                blocks=True,
            ),
        ),
    )
