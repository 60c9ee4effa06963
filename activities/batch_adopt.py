"""A batch of customers that billing had before us: taken over, or rehearsed, some at a time."""

from collections.abc import Mapping, Sequence

from activities.adoption_customer import Adopting
from activities.gather import each_of
from activities.tenants import Tenant
from canonical_models.adoption import AdoptedCustomer, AdoptionCause, Finding, Going
from canonical_models.base import isoformat
from canonical_models.batch import Batch
from canonical_models.commerce import BilledCustomer
from canonical_models.failures import (
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from persistence import batches
from persistence.batches import Listed, ToDo
from persistence.database import Database

#: Customers of a page and of a turn, and of those at work at a time: live changes need the vendors
#: as well.
PAGE = 100
_AT_ONCE = 8


class AdoptingMany:
    at_once = PAGE
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._adopting = Adopting(database)

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        """Raises Rejection where the worker means another cutover than who began it."""
        going = _going(tenant, batch)
        async with self._database.statement() as conn:
            at = await batches.position(conn, tenant.name, batch.batch_id)
        page = await tenant.billing.customer_page(after=at, limit=PAGE, only=going.customer)
        found = [Listed(each.customer_id, each.model_dump(mode="json")) for each in page.customers]
        async with self._database.transaction() as conn:
            # An attempt that was believed to be dead may come late.
            if await batches.position(conn, tenant.name, batch.batch_id) == at:
                await batches.add(conn, tenant.name, batch.batch_id, found)
                await batches.list_on(conn, tenant.name, batch.batch_id, page.next)

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        """All that can be reached. Raises the failure of one that could not, so that it is tried
        again: an outage ends by itself, and nobody is asked about every single customer."""
        rehearse = _going(tenant, batch).rehearsal
        failed: list[Failure] = []
        runs = True

        async def one(item: ToDo) -> None:
            nonlocal runs
            if not runs:
                return
            customer = BilledCustomer.model_validate(item.given, strict=False)
            try:
                found = await self._adopting.adopt_customer(tenant, customer, rehearse=rehearse)
            except (TransientFailure, UncertainWrite) as failure:
                async with self._database.statement() as conn:
                    again = await batches.tried(conn, tenant.name, batch.batch_id, item)
                if again:
                    failed.append(failure)
                    return
                found = _unreachable(item.key, failure)
            runs = await self._stands(tenant, batch, item, found)

        await each_of(items, one, at_once=_AT_ONCE)
        if failed:
            raise failed[0]

    async def _stands(
        self, tenant: Tenant, batch: Batch, item: ToDo, found: AdoptedCustomer
    ) -> bool:
        reason = found.findings[0].message if found.findings else None
        kept: Mapping[str, object] = found.model_dump(mode="json")
        async with self._database.statement() as conn:
            return await batches.stands(
                conn,
                tenant.name,
                batch.batch_id,
                item.number,
                found.outcome,
                reason=reason,
                found=kept,
            )


def _going(tenant: Tenant, batch: Batch) -> Going:
    """Who began it and who carries it out must mean the same day."""
    going = Going.model_validate(batch.given, strict=False)
    if going.cutover != tenant.books_from:
        raise Rejection(
            RejectionCode.BEFORE_CUTOVER,
            f"adoption {batch.batch_id} is of the cutover {isoformat(going.cutover)}, and "
            f"this worker was started with {isoformat(tenant.books_from)}: start it with the "
            "configuration of today, or begin anew",
            system="trueup",
            subject=batch.batch_id,
        )
    return going


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
