"""A batch of subscriptions and accounts that are synchronised again, or it is rehearsed: the same
sagas as ever bring about what is missing, in the lane of bulk."""

from collections.abc import Mapping, Sequence

from activities.batch_publish import Publishing, untold
from activities.gather import each_of
from activities.preview import Foreseeing
from activities.tenants import Tenant
from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.backfill import Backfilling, BackfillSubject
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.failures import Failure, TransientFailure
from canonical_models.occasion import Backfilled
from canonical_models.preview import Comes, Foreseen, Overlay
from connectors.governor import Caller, counting
from persistence import batches, change_queue
from persistence.batches import Listed, ToDo
from persistence.change_queue import BULK
from persistence.database import Database

#: Customers of a page of billing's, and of those that are looked up one by one in a turn.
_PAGE, _SOME = 100, 20
_AT_ONCE = 4


class BackfillingMany:
    at_once = 20
    #: So many are under way at a time: those behind them are not in anybody's way, and a pause or a
    #: stop leaves them as they are.
    together: int | None = 16

    def __init__(self, database: Database) -> None:
        self._database = database
        self._foreseeing = Foreseeing(database)
        self._publishing = Publishing(database)

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        """All customers of billing's, page by page, or those of the selection."""
        customers = _of(batch).selection.customers
        async with self._database.statement() as conn:
            at = await batches.position(conn, tenant.name, batch.batch_id)
        if customers:
            place = int(at or 0)
            pages = await each_of(
                customers[place : place + _SOME],
                lambda each: tenant.billing.customer_page(limit=1, only=each),
                at_once=_AT_ONCE,
            )
            billed = [each for page in pages for each in page.customers]
            following = str(place + _SOME) if place + _SOME < len(customers) else None
        else:
            page = await tenant.billing.customer_page(after=at, limit=_PAGE)
            billed, following = list(page.customers), page.next
        # Accounts behind: most have nothing to do, and hide that all before them fail in a row.
        subjects = [
            *((of, each) for each in billed for of in each.subscriptions),
            *((account_subject(each.customer_id), each) for each in billed),
        ]
        found = [Listed(of, {"customer": each.customer_id}) for of, each in subjects]
        async with self._database.transaction() as conn:
            # An attempt that was believed to be dead may come late.
            if await batches.position(conn, tenant.name, batch.batch_id) == at:
                await batches.add(conn, tenant.name, batch.batch_id, found)
                await batches.list_on(conn, tenant.name, batch.batch_id, following)

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        given = _of(batch)
        tells = given.selection.subject is BackfillSubject.PUBLISH
        if given.rehearsal:
            await self._rehearse(tenant, batch, items, tells=tells)
        elif tells:
            await self._publishing.carry_out(tenant, batch, items)
        else:
            await self._hand_over(tenant, batch, items)

    async def _hand_over(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        """The change is made with where the item stands: whoever is killed, it is one."""
        whole = _of(batch).selection.subject is BackfillSubject.HISTORY
        for item in items:
            async with self._database.transaction() as conn:
                if not await batches.untouched(conn, tenant.name, batch.batch_id, item.number):
                    continue
                made = await change_queue.follow(
                    conn,
                    tenant.name,
                    item.key,
                    why=Backfilled(batch.batch_id, item.key),
                    kind=ChangeKind.OTHER,
                    customer_id=item.given.get("customer"),
                    whole=whole,
                    lane=BULK,
                )
                runs = await batches.stands(
                    conn,
                    tenant.name,
                    batch.batch_id,
                    item.number,
                    ItemOutcome.HANDED_OVER,
                    change_id=made,
                )
            if not runs:
                return

    async def _rehearse(
        self, tenant: Tenant, batch: Batch, items: Sequence[ToDo], *, tells: bool
    ) -> None:
        whole = _of(batch).selection.subject is BackfillSubject.HISTORY
        failed: list[Failure] = []
        runs = True

        async def one(item: ToDo) -> None:
            nonlocal runs
            if not runs:
                return
            with counting() as asked:
                try:
                    if tells:
                        found = await self._publishing.foresee(tenant, item)
                    else:
                        found = await self._foreseeing.of_subject(
                            tenant, item.key, (), Overlay(), whole=whole, patient=True
                        )
                except TransientFailure as failure:
                    async with self._database.statement() as conn:
                        again = await batches.tried(conn, tenant.name, batch.batch_id, item)
                    if again:
                        failed.append(failure)
                        return
                    found = untold(item.key, failure)
            runs = await self._stands(tenant, batch, item, found, asked)

        await each_of(items, one, at_once=_AT_ONCE)
        if failed:
            raise failed[0]

    async def _stands(
        self, tenant: Tenant, batch: Batch, item: ToDo, found: Foreseen, asked: Caller
    ) -> bool:
        untold = found.comes is Comes.UNTOLD
        requests: Mapping[str, int] = {each.name: many for each, many in asked.called.items()}
        async with self._database.statement() as conn:
            return await batches.stands(
                conn,
                tenant.name,
                batch.batch_id,
                item.number,
                ItemOutcome.FAILED if untold else ItemOutcome.DONE,
                reason=found.why,
                found={**found.model_dump(mode="json"), "requests": requests},
            )


def _of(batch: Batch) -> Backfilling:
    return Backfilling.model_validate(batch.given, strict=False)
