"""Whoever is killed in between, each on the list is brought about once, and counts add up."""

import random

import pytest
from temporalio.service import RPCError

from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.process import ProcessKind
from operations import backfills, batches
from operations.errors import Conflict
from tests.batches.backfilled import HISTORY, unheard, written
from tests.batches.bulk import Bulk

MANY = 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
async def test_none_twice_and_none_lost(bulk: Bulk, seed: int) -> None:
    """Its run is ended at any moment, as when Temporal loses it, and begun anew from the rows; it
    is paused and resumed. Each look holds the counts against the rows."""
    chance = random.Random(seed)
    await unheard(bulk, *range(MANY))
    asked = HISTORY.model_copy(update={"apply": True, "confirmed": True, "rate": 1200})
    made = await backfills.begin(bulk.context, "acme", asked, by="anna")
    key = made.batch.batch_id
    run = bulk.sagas.client.get_workflow_handle(f"{ProcessKind.BATCH.value}/acme/{key}")
    for _ in range(14):
        found = await bulk.look(key)
        if found.state is BatchState.ENDED:
            break
        if chance.random() < 0.4:
            try:
                await batches.pause(bulk.context, "acme", key, by="anna")
                paused = await bulk.look(key)
                assert paused.state is BatchState.PAUSED
                await batches.resume(bulk.context, "acme", key)
            except Conflict:
                assert (await bulk.look(key)).state is BatchState.ENDED
        else:
            try:
                await run.terminate("killed")
            except RPCError:
                continue
            async with bulk.sagas.database.statement() as conn:
                await conn.execute("update processes set acknowledged = 0, changed_at = now()")
                await conn.execute("notify trueup_changes")
        through = found.count(ItemOutcome.DONE) + chance.randrange(1, 12)
        await bulk.at_least(key, ItemOutcome.DONE, through)
    ended = await bulk.came_to(key, BatchState.ENDED)
    # A subscription and an account each.
    assert ended.counts == {ItemOutcome.DONE: 2 * MANY}
    async with bulk.sagas.database.statement() as conn:
        asked_for = await conn.execute(
            "select count(*), count(distinct subject) from changes where event_id like 'backfill/%'"
        )
        assert await asked_for.fetchone() == (2 * MANY, 2 * MANY)
    # By the other systems' own books.
    posted = [each.external_id for each in bulk.sagas.systems.erp.documents]
    assert sorted(posted) == sorted(f"in_{number}" for number in range(MANY))
    assert written(bulk)["erp.post"] == MANY


async def test_what_was_stopped_leaves_the_rest_as_it_is(bulk: Bulk) -> None:
    await unheard(bulk, *range(6))
    asked = HISTORY.model_copy(update={"apply": True, "confirmed": True, "trial": True})
    made = await backfills.begin(bulk.context, "acme", asked, by="anna")
    await bulk.came_to(made.batch.batch_id, BatchState.PAUSED)
    await batches.stop(bulk.context, "acme", made.batch.batch_id, by="anna")
    stopped = await bulk.look(made.batch.batch_id)
    assert stopped.counts == {ItemOutcome.DONE: 1, ItemOutcome.NOT_BEGUN: 11}
    assert len(bulk.sagas.systems.erp.documents) == 1
