"""Going live: customers that billing had before us are taken over, after it has been rehearsed."""

from canonical_models.adoption import (
    AdoptedCustomer,
    Adoption,
    AdoptionState,
    AdoptionTotals,
    CauseCount,
    Going,
    ItemCount,
)
from canonical_models.base import Canonical
from canonical_models.batch import BatchKind
from operations import batches
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Conflict, NotFound
from persistence import adoption_reports, adoptions


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
    Conflict."""
    cutover, settings = context.cutover(tenant), context.tenants.get(tenant)
    if settings is not None and settings.shadow and not rehearsal:
        raise Conflict(
            f"{tenant} is in shadow, where nothing is taken over",
            remedy='set its `mode` to "live" and `books_from` to the day that is agreed on, and '
            "rehearse that one first",
            see=("rehearsal", ""),
        )
    going = Going(rehearsal=rehearsal, customer=customer, cutover=cutover)
    async with context.database.transaction() as conn:
        if not (rehearsal or confirmed):
            known = await adoptions.rehearsed(conn, tenant, cutover=cutover, customer=customer)
            if known is None:
                raise _not_rehearsed(cutover.isoformat(), customer)
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.ADOPT,
                # One at a time: what it reads of vendors is bounded for live changes' sake.
                subject="customers",
                given=going.model_dump(mode="json"),
                by=by,
                listed=False,
            ),
        )
    return await progress(context, tenant, made)


async def resume(context: AppContext, tenant: str) -> Adoption:
    """The newest that has not come to its end goes on from where it was; one that runs is left
    running. Raises NotFound, Conflict."""
    async with context.database.transaction() as conn:
        found = await adoptions.newest(conn, tenant, unfinished=True)
    if found is None:
        raise NotFound(
            "no adoption waits to be resumed", remedy="rehearse one", see=("rehearsal", "")
        )
    if found.cutover != context.cutover(tenant):
        raise Conflict(
            f"adoption {found.adoption_id} is of the cutover {found.cutover.isoformat()}, and "
            f"the configuration now says {context.cutover(tenant).isoformat()}",
            remedy="rehearse the new one, once this has been stopped",
            see=("stop", found.adoption_id),
        )
    if found.state is AdoptionState.STOPPED:
        await batches.resume(context, tenant, found.adoption_id)
    return await progress(context, tenant, found.adoption_id)


async def progress(context: AppContext, tenant: str, adoption_id: str) -> Adoption:
    """As far as the last customer that is done. Raises NotFound."""
    async with context.database.statement() as conn:
        found = await adoptions.get(conn, tenant, adoption_id)
    if found is None:
        raise _unknown(adoption_id)
    return found


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
        return AdoptionReport(
            adoption=found,
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
            conn, tenant, adoption_id, left_only=left_only, after=after, limit=limit
        )


def _not_rehearsed(cutover: str, customer: str | None) -> Conflict:
    return Conflict(
        f"the cutover of {cutover} was never rehearsed{' for this customer' if customer else ''}",
        remedy="rehearse it and read the report, or confirm that it goes without",
        see=("unrehearsed_of", customer) if customer else ("unrehearsed", ""),
    )


def _unknown(named: str | None) -> NotFound:
    if named is None:
        return NotFound(
            "nothing was adopted or rehearsed yet", remedy="rehearse it", see=("rehearsal", "")
        )
    return NotFound(
        f"there is no adoption {named}", remedy="see the newest", see=("adoption", "last")
    )
