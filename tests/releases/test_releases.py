"""A cause is mended once: foreseen, tried on one case, released to the others as they were looked
at; whoever is killed, and whatever moves in between."""

import random

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.exceptions import Action, Resolution
from canonical_models.mapping import ItemMapping
from canonical_models.preview import Mend
from canonical_models.process import ProcessKind
from canonical_models.states import ChangeState
from operations import batches, preview, releases
from operations.errors import Conflict, Invalid
from operations.preview import CausePreview
from operations.releases import MoreAsked, Release, ReleaseAsked
from persistence import mappings
from tests.api.stuck import Stuck, stuck
from tests.batches.bulk import Bulk
from tests.harness.deciding import taken
from tests.harness.subscriptions import invoice, line, snapshot
from tests.harness.waiting import until

NEW = ItemMapping(item="new", erp_item="NEW")
MEND = Mend(item=NEW)


async def several(bulk: Bulk, count: int) -> list[Stuck]:
    return [await stuck(bulk.sagas) for _ in range(count)]


async def looked_at(bulk: Bulk, of: Stuck, mend: Mend = MEND) -> CausePreview:
    made = await preview.of_cause(bulk.context, "acme", of.exception.cause_id, mend, by="fay")
    await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    return await preview.show(bulk.context, "acme", made.batch.batch_id)


async def released(bulk: Bulk, seen: CausePreview, **more: object) -> Release:
    asked = ReleaseAsked.model_validate(
        {"preview": seen.batch.batch_id, "reason": "it has an article", "rate": 6000, **more}
    )
    cause = str(seen.cause_id)
    return await releases.begin(bulk.context, "acme", cause, asked, by="fay")


async def in_force(bulk: Bulk) -> bool:
    async with bulk.sagas.database.transaction() as conn:
        return await mappings.get(conn, "acme", "item", "new") is not None


def posted(bulk: Bulk, of: Stuck) -> int:
    return sum(of.document_id in each.external_id for each in bulk.sagas.systems.erp.documents)


async def test_one_is_tried_alone_and_then_all_are_released(bulk: Bulk) -> None:
    waiting = await several(bulk, 6)
    seen = await looked_at(bulk, waiting[0])
    made = await released(bulk, seen, first=waiting[3].exception.exception_id)
    key = made.batch.batch_id
    paused = await bulk.came_to(key, BatchState.PAUSED)
    assert paused.counts == {ItemOutcome.DONE: 1, ItemOutcome.NOT_BEGUN: 5}
    # The correction was for this case alone.
    assert [posted(bulk, each) for each in waiting] == [0, 0, 0, 1, 0, 0]
    assert not await in_force(bulk)

    await batches.resume(bulk.context, "acme", key)
    ended = await bulk.came_to(key, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 6}
    assert [posted(bulk, each) for each in waiting] == [1] * 6
    assert await in_force(bulk)
    for each in waiting:
        assert (await bulk.sagas.change(each.change_id)).state is ChangeState.SETTLED
    async with bulk.sagas.database.statement() as conn:
        found = await conn.execute(
            "select scope, count(*) from decisions where action = 'retry' group by 1 order by 1"
        )
        assert await found.fetchall() == [("case", 1), ("cause", 5)]
        told = await conn.execute("select decided_by, after from decisions where action='release'")
        ((by, after),) = await told.fetchall()
    assert (by, after["item"]["erp_item"]) == ("fay", "NEW")


async def test_a_single_case_goes_at_once(bulk: Bulk) -> None:
    (one,) = await several(bulk, 1)
    made = await released(bulk, await looked_at(bulk, one))
    ended = await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 1}
    assert await in_force(bulk)


async def test_what_is_no_longer_what_was_looked_at_is_set_aside(bulk: Bulk) -> None:
    waiting = await several(bulk, 4)
    seen = await looked_at(bulk, waiting[0])
    first, _, moved, decided = waiting
    made = await released(bulk, seen, first=first.exception.exception_id)
    await bulk.came_to(made.batch.batch_id, BatchState.PAUSED)

    shown = bulk.sagas.systems.billing.snapshots[moved.subscription_id]
    dearer = invoice(
        line("il_dearer", 9900, "new", of=moved.subscription_id), key=moved.document_id
    )
    bulk.sagas.systems.billing.snapshots[moved.subscription_id] = snapshot(
        shown.subscription, dearer
    )
    aborted = Resolution(exception_id=decided.exception.exception_id, action=Action.ABORT, by="sam")
    await taken(bulk.sagas.database, "acme", aborted, seconds=60)
    await decided.handle.result()

    await batches.resume(bulk.context, "acme", made.batch.batch_id)
    ended = await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 2, ItemOutcome.SET_ASIDE: 2}
    aside = await batches.items(
        bulk.context, "acme", made.batch.batch_id, outcome=ItemOutcome.SET_ASIDE
    )
    reasons = {item.key: item.reason or "" for item in aside.items}
    assert "no longer what was looked at" in reasons[moved.exception.exception_id]
    assert "99.00 EUR" in reasons[moved.exception.exception_id]
    assert "it was closed by" in reasons[decided.exception.exception_id]
    assert (posted(bulk, moved), posted(bulk, decided)) == (0, 0)


@pytest.mark.slow
async def test_a_trial_that_differs_closes_the_release(bulk: Bulk) -> None:
    waiting = await several(bulk, 3)
    seen = await looked_at(bulk, waiting[0])
    moved = waiting[1]
    shown = bulk.sagas.systems.billing.snapshots[moved.subscription_id]
    bulk.sagas.systems.billing.snapshots[moved.subscription_id] = snapshot(
        shown.subscription,
        invoice(line("il_dearer", 9900, "new", of=moved.subscription_id), key=moved.document_id),
    )
    made = await released(bulk, seen, first=moved.exception.exception_id)
    stopped = await bulk.came_to(made.batch.batch_id, BatchState.STOPPED)
    assert "foresee the cause anew" in (stopped.why or "")
    assert stopped.counts == {ItemOutcome.SET_ASIDE: 1, ItemOutcome.NOT_BEGUN: 2}
    assert not await in_force(bulk)
    with pytest.raises(Conflict):
        await batches.resume(bulk.context, "acme", made.batch.batch_id)


@pytest.mark.slow
async def test_one_release_of_a_cause_is_open(bulk: Bulk) -> None:
    waiting = await several(bulk, 3)
    seen = await looked_at(bulk, waiting[0])
    made = await released(bulk, seen)
    with pytest.raises(Conflict, match=f"batch {made.batch.batch_id} is about the same"):
        await released(bulk, seen)
    await bulk.came_to(made.batch.batch_id, BatchState.PAUSED)
    with pytest.raises(Conflict, match="is about the same"):
        await released(bulk, seen)
    await batches.stop(bulk.context, "acme", made.batch.batch_id, by="fay")
    again = await released(bulk, await looked_at(bulk, waiting[1]))
    assert again.batch.total == 2


@pytest.mark.slow
async def test_what_was_not_looked_at_lately_is_not_released(bulk: Bulk) -> None:
    waiting = await several(bulk, 2)
    seen = await looked_at(bulk, waiting[0])
    with pytest.raises(Invalid, match="is none of those"):
        await released(bulk, seen, first="exc_other")
    nothing = await looked_at(bulk, waiting[0], Mend())
    with pytest.raises(Invalid, match="none of preview"):
        await released(bulk, nothing)
    async with bulk.sagas.database.statement() as conn:
        await conn.execute("update batches set begun_at = begun_at - interval '31 minutes'")
    with pytest.raises(Conflict, match="is older than 30 minutes"):
        await released(bulk, seen)


@pytest.mark.slow
async def test_who_joins_is_added_after_a_look(bulk: Bulk) -> None:
    waiting = await several(bulk, 2)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    await bulk.came_to(key, BatchState.PAUSED)
    assert (await releases.show(bulk.context, "acme", key)).joined == 0
    later = await several(bulk, 2)
    assert (await releases.show(bulk.context, "acme", key)).joined == 2

    seen = await releases.look_at_joined(bulk.context, "acme", key, by="fay")
    await bulk.came_to(seen.batch.batch_id, BatchState.ENDED)
    items = (await batches.items(bulk.context, "acme", seen.batch.batch_id)).items
    assert {item.key for item in items} == {each.exception.exception_id for each in later}
    more = MoreAsked(preview=seen.batch.batch_id)
    assert (await releases.add(bulk.context, "acme", key, more)).batch.total == 4
    assert (await releases.add(bulk.context, "acme", key, more)).batch.total == 4

    await batches.resume(bulk.context, "acme", key)
    ended = await bulk.came_to(key, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 4}
    with pytest.raises(Conflict, match="has come to its end"):
        await releases.add(bulk.context, "acme", key, more)


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
async def test_whoever_is_killed_each_case_is_decided_once(bulk: Bulk, seed: int) -> None:
    chance = random.Random(seed)
    waiting = await several(bulk, 6)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    handle = bulk.sagas.client.get_workflow_handle(f"{ProcessKind.BATCH.value}/acme/{key}")

    async def begun_anew() -> None:
        """As the look for lost processes does; a telling that was under way at the kill may call
        itself heard."""
        if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
            async with bulk.sagas.database.statement() as conn:
                await conn.execute("update processes set acknowledged = 0, changed_at = now()")
                await conn.execute("notify trueup_changes")

    for _ in range(4):
        found = await bulk.look(key)
        if found.state is BatchState.ENDED:
            break
        if found.state is BatchState.PAUSED:
            await batches.resume(bulk.context, "acme", key)
        try:
            await handle.terminate("killed")
        except RPCError:
            continue
        before, moved = found.count(ItemOutcome.DONE), chance.randrange(1, 3)

        async def further(before: int = before, moved: int = moved) -> bool:
            await begun_anew()
            now = await bulk.look(key)
            return (
                now.state is not BatchState.RUNNING or now.count(ItemOutcome.DONE) >= before + moved
            )

        await until(further, "it goes on", seconds=100, every=0.2)

    async def over() -> bool:
        # The one that is tried first may be done only now.
        await begun_anew()
        now = await bulk.look(key)
        if now.state is BatchState.PAUSED:
            await batches.resume(bulk.context, "acme", key)
        return now.state is BatchState.ENDED

    await until(over, "all are released", seconds=100, every=0.2)
    ended = await bulk.look(key)
    assert ended.counts == {ItemOutcome.DONE: 6}
    assert [posted(bulk, each) for each in waiting] == [1] * 6
    async with bulk.sagas.database.statement() as conn:
        found_ = await conn.execute(
            "select count(*), count(distinct target_id) from decisions where action = 'retry'"
        )
        assert await found_.fetchone() == (6, 6)
