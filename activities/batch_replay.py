"""A batch of webhooks that are read again. They are on the list in the order in which they came,
and the dispatcher reads them in that order."""

from collections.abc import Sequence

from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.states import ChangeState
from persistence import batches, changes, inbox
from persistence.batches import ToDo
from persistence.database import Database


class ReplayingMany:
    at_once = 100
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        raise AssertionError(f"the list of {batch.batch_id} of {tenant.name} was frozen whole")

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        """All of the wave with one commit, so that the dispatcher meets them in their order."""
        async with self._database.transaction() as conn:
            for item in items:
                if not await batches.untouched(conn, tenant.name, batch.batch_id, item.number):
                    continue
                outcome, reason = ItemOutcome.HANDED_OVER, None
                found = await inbox.find(conn, tenant.name, item.key)
                if found is None or found.size == 0:
                    outcome, reason = ItemOutcome.SET_ASIDE, "its body is kept no longer"
                elif found.change_id is not None:
                    change = await changes.get(conn, tenant.name, found.change_id)
                    if change is not None and change.state is not ChangeState.SETTLED:
                        outcome = ItemOutcome.SET_ASIDE
                        reason = f"its change {change.change_id} is {change.state.value} still"
                if found is not None and outcome is ItemOutcome.HANDED_OVER:
                    await inbox.replay(conn, tenant.name, [found.inbox_id])
                await batches.stands(
                    conn, tenant.name, batch.batch_id, item.number, outcome, reason=reason
                )
