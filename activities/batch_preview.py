"""A batch of what-ifs: each open case of a cause, of several causes with a mend for each, or each
subscription that a mapping is about, with a mend laid over. The list, and what is found of each,
are what a release is held against."""

from collections.abc import Sequence

from activities.gather import each_of
from activities.preview import Foreseeing
from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.preview import Comes, Foreseen, Overlay, mend_of
from persistence import batches
from persistence.batches import ToDo
from persistence.database import Database

_AT_ONCE = 4


class PreviewingMany:
    at_once = 20
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._foreseeing = Foreseeing(database)

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        raise AssertionError(f"the list of {batch.batch_id} of {tenant.name} was frozen whole")

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        async def one(item: ToDo) -> None:
            overlay = mend_of(batch.given, item.given).overlay
            found = await self._of(tenant, item, overlay)
            untold = found.comes is Comes.UNTOLD
            async with self._database.statement() as conn:
                await batches.stands(
                    conn,
                    tenant.name,
                    batch.batch_id,
                    item.number,
                    ItemOutcome.FAILED if untold else ItemOutcome.DONE,
                    reason=found.why,
                    found=found.model_dump(mode="json"),
                )

        await each_of(items, one, at_once=_AT_ONCE)

    async def _of(self, tenant: Tenant, item: ToDo, overlay: Overlay) -> Foreseen:
        """Of a case, or of a subscription that a mapping is about."""
        if (subject := item.given.get("subject")) is not None:
            return await self._foreseeing.of_subject(tenant, subject, (), overlay)
        return await self._foreseeing.of_exception(tenant, item.key, overlay)
