"""Going live: customers that billing had before us are taken over, after it has been rehearsed."""

import secrets

from canonical_models.adoption import (
    AdoptedCustomer,
    Adoption,
    AdoptionResult,
    AdoptionState,
    AdoptionTotals,
    CauseCount,
    ItemCount,
)
from canonical_models.base import Canonical
from operations.context import AppContext
from operations.errors import Conflict, NotDone, NotFound
from persistence import adoption_reports, adoptions
from persistence.adoptions import AlreadyRuns
from persistence.change_queue import BULK
from workflows.names import ADOPTION, adoption_workflow_id


class AdoptionReport(Canonical):
    """`causes` are what is left for people, `items` the keys that nobody has mapped."""

    adoption: Adoption
    totals: AdoptionTotals
    causes: tuple[CauseCount, ...]
    items: tuple[ItemCount, ...]


async def begin(
    context: AppContext,
    tenant: str,
    *,
    by: str,
    rehearsal: bool,
    customer: str | None = None,
    confirmed: bool = False,
) -> Adoption:
    """Of all customers, or of one. `confirmed` is needed for what was not rehearsed. Raises
    Conflict, Unavailable."""
    cutover = context.cutover(tenant)
    made = f"ado_{secrets.token_hex(6)}"
    async with context.database.transaction() as conn:
        if not (rehearsal or confirmed):
            known = await adoptions.rehearsed(conn, tenant, cutover=cutover, customer=customer)
            if known is None:
                raise _not_rehearsed(cutover.isoformat(), customer)
        try:
            await adoptions.begin(
                conn,
                tenant,
                made,
                rehearsal=rehearsal,
                cutover=cutover,
                customer=customer,
                by=by,
            )
        except AlreadyRuns as fault:
            raise _already_runs(tenant) from fault
    return await _started(context, tenant, made)


async def resume(context: AppContext, tenant: str, named: str | None = None) -> Adoption:
    """The one named, or the newest that has not come to its end, goes on from where it was; one
    that runs is left running. Raises NotFound, Conflict, Unavailable."""
    async with context.database.transaction() as conn:
        if named is not None:
            found = await adoptions.get(conn, tenant, named)
        else:
            found = await adoptions.newest(conn, tenant, unfinished=True)
        if found is None:
            raise _unknown(named) if named else _nothing_to_resume()
        if found.state is AdoptionState.ENDED:
            raise Conflict(
                f"adoption {found.adoption_id} has come to its end",
                remedy=f"see it with `trueup adopt --report {found.adoption_id}`",
            )
        if found.cutover != context.cutover(tenant):
            raise Conflict(
                f"adoption {found.adoption_id} is of the cutover {found.cutover.isoformat()}, and "
                f"the configuration now says {context.cutover(tenant).isoformat()}",
                remedy="begin anew with `trueup adopt --rehearse`",
            )
        try:
            await adoptions.resume(conn, tenant, found.adoption_id)
        except AlreadyRuns as fault:
            raise _already_runs(tenant) from fault
    return await _started(context, tenant, found.adoption_id)


async def keep_going(context: AppContext, tenant: str, adoption_id: str) -> None:
    """Nothing where it runs; one whose run was lost goes on. Raises Unavailable."""
    await context.engine.start(
        ADOPTION,
        {"tenant": tenant, "adoption_id": adoption_id},
        workflow_id=adoption_workflow_id(tenant),
        tenant=tenant,
        summary=f"Customers that billing had before us: {adoption_id}",
        priority=BULK,
    )


async def progress(context: AppContext, tenant: str, adoption_id: str) -> Adoption:
    """As far as the last customer that is done. Raises NotFound."""
    async with context.database.statement() as conn:
        found = await adoptions.get(conn, tenant, adoption_id)
        if found is None:
            raise _unknown(adoption_id)
        if found.state is not AdoptionState.RUNNING:
            return found
        counts = await adoptions.counted(conn, tenant, adoption_id)
    return found.model_copy(update={"counts": counts})


async def expected(context: AppContext, tenant: str, adoption: Adoption) -> int | None:
    """How many customers there will be: as many as were rehearsed; None where nobody knows."""
    if adoption.customer is not None:
        return 1
    if adoption.rehearsal:
        return None
    async with context.database.statement() as conn:
        known = await adoptions.rehearsed(conn, tenant, cutover=adoption.cutover, customer=None)
    return known.customers if known else None


async def report(context: AppContext, tenant: str, named: str | None = None) -> AdoptionReport:
    """Of the newest where none is named. Raises NotFound."""
    async with context.database.statement() as conn:
        if named is not None:
            found = await adoptions.get(conn, tenant, named)
        else:
            found = await adoptions.newest(conn, tenant)
        if found is None:
            raise _unknown(named)
        key = found.adoption_id
        counts = await adoptions.counted(conn, tenant, key)
        return AdoptionReport(
            adoption=found.model_copy(update={"counts": counts}),
            totals=await adoption_reports.totals(conn, tenant, key),
            causes=await adoption_reports.causes(conn, tenant, key),
            items=await adoption_reports.items(conn, tenant, key),
        )


async def customers(
    context: AppContext,
    tenant: str,
    adoption_id: str,
    *,
    left_only: bool = False,
    after: str = "",
    limit: int = 200,
) -> tuple[AdoptedCustomer, ...]:
    """By customer; `after` is the last one seen."""
    async with context.database.statement() as conn:
        return await adoption_reports.customers(
            conn,
            tenant,
            adoption_id,
            result=AdoptionResult.LEFT if left_only else None,
            after=after,
            limit=limit,
        )


async def _started(context: AppContext, tenant: str, adoption_id: str) -> Adoption:
    try:
        await keep_going(context, tenant, adoption_id)
    except NotDone as fault:
        async with context.database.statement() as conn:
            await adoptions.stop(conn, tenant, adoption_id, error=f"not started: {fault.detail}")
        raise
    return await progress(context, tenant, adoption_id)


def _not_rehearsed(cutover: str, customer: str | None) -> Conflict:
    one = f" --customer {customer}" if customer else ""
    return Conflict(
        f"the cutover of {cutover} was never rehearsed{' for this customer' if customer else ''}",
        remedy=f"rehearse it with `trueup adopt{one}` and read the report, or add --yes",
    )


def _already_runs(tenant: str) -> Conflict:
    return Conflict(
        f"an adoption of tenant {tenant} runs already",
        remedy="follow it with `trueup adopt --resume`, and begin another when it has ended",
    )


def _unknown(named: str | None) -> NotFound:
    if named is None:
        return NotFound("nothing was adopted or rehearsed yet", remedy="begin with `trueup adopt`")
    return NotFound(
        f"there is no adoption {named}", remedy="see the newest with `trueup adopt --report last`"
    )


def _nothing_to_resume() -> NotFound:
    return NotFound(
        "no adoption waits to be resumed", remedy="begin one with `trueup adopt --rehearse`"
    )
