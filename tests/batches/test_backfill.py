"""History and mappings brought about in bulk: rehearsed, then done by the same sagas."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.backfill import BackfillSubject
from canonical_models.batch import BatchItem, BatchState, ItemOutcome
from canonical_models.preview import Comes
from operations import backfills, batches
from operations.backfills import BackfillAsked
from operations.errors import Conflict, Invalid, NotFound
from persistence import mappings
from persistence.turns import BULK
from tests.batches.backfilled import HISTORY, applied, everything, rehearsed, unheard, written
from tests.batches.bulk import Bulk
from tests.harness.subscriptions import ITEMS
from workflows.names import bulk_queue, change_workflow_id


async def test_a_rehearsal_writes_nothing_and_says_what_is_then_done(bulk: Bulk) -> None:
    await unheard(bulk, 1, 2)
    await bulk.received([("evt_1", "sub_1")])
    await unheard(bulk, 3)
    held, did = await everything(bulk), written(bulk)
    found = await rehearsed(bulk, HISTORY)
    assert await everything(bulk) == held
    assert written(bulk) == did

    # Three subscriptions and three accounts; one subscription is agreed on already.
    assert (found.batch.total, found.agree) == (6, 4)
    assert found.comes == {Comes.GOES_THROUGH: 6}
    (total,) = found.totals
    assert (total.legal_entity, total.documents, str(total.gross)) == ("LE-DE", 2, "100.00 EUR")
    said = {(each.system, each.effect): each.count for each in found.writes}
    assert said.pop(("trueup", "grant and withdraw")) == 2

    posted = len(bulk.sagas.systems.erp.documents)
    done = await applied(bulk, HISTORY)
    assert done.batch.counts == {ItemOutcome.DONE: 2}
    # By what the other systems were asked for, and what they hold.
    assert written(bulk) - did == Counter(
        {
            "erp.post": said.pop(("erp", "post document")),
            "support.publish": said.pop(("support", "publish entitlement")),
            "billing.record_sync": said.pop(("billing", "write back")),
        }
    )
    assert said == {}
    new = bulk.sagas.systems.erp.documents[posted:]
    assert sorted(str(each.gross) for each in new) == ["50.00 EUR", "50.00 EUR"]

    again = await rehearsed(bulk, HISTORY)
    assert (again.agree, again.writes, again.totals) == (6, (), ())
    with pytest.raises(Invalid, match="has found nothing that differs"):
        await applied(bulk, HISTORY)


async def test_it_goes_in_the_lane_of_bulk_all_the_way(bulk: Bulk) -> None:
    await unheard(bulk, 1)
    asked = HISTORY.model_copy(update={"confirmed": True})
    done = await applied(bulk, asked)
    assert done.batch.counts == {ItemOutcome.DONE: 2}
    queue = bulk_queue(bulk.sagas.task_queue)
    async with bulk.sagas.database.statement() as conn:
        lanes = await conn.execute("select distinct lane, whole from changes")
        assert await lanes.fetchall() == [(BULK, True)]
    for of in (change_workflow_id("acme", "sub_1"), f"batch/acme/{done.batch.batch_id}"):
        run = await bulk.sagas.client.get_workflow_handle(of).describe()
        assert run.task_queue == queue
        assert run.raw_description.workflow_execution_info.priority.fairness_key == "4acme"


async def test_it_is_of_whom_and_when_it_was_asked_for(bulk: Bulk) -> None:
    await unheard(bulk, 1, 2, 3)
    some = HISTORY.model_copy(update={"customers": ("cus_1", "cus_3", "cus_none")})
    found = await rehearsed(bulk, some)
    keys = {item.key for item in await _items(bulk, found.batch.batch_id)}
    assert keys == {"sub_1", "account:cus_1", "sub_3", "account:cus_3"}

    await bulk.received([("evt_2", "sub_2")])
    now = datetime.now(UTC)
    moved = HISTORY.model_copy(update={"since": now - timedelta(minutes=5)})
    found = await rehearsed(bulk, moved)
    assert [item.key for item in await _items(bulk, found.batch.batch_id)] == ["sub_2"]
    before = moved.model_copy(update={"until": now - timedelta(minutes=5), "since": None})
    with pytest.raises(Invalid, match="nothing has moved in that time"):
        await rehearsed(bulk, before.model_copy(update={"until": datetime(2020, 1, 1, tzinfo=UTC)}))


async def test_what_changes_by_a_mapping_is_brought_about(bulk: Bulk) -> None:
    await unheard(bulk, 1, 2)
    await unheard(bulk, 3, product="starter")
    await bulk.received([(f"evt_{number}", f"sub_{number}") for number in (1, 2, 3)])
    async with bulk.sagas.database.transaction() as conn:
        other = ITEMS["pro"].model_copy(update={"included": ("sso", "audit")})
        await mappings.put(conn, "acme", other, by="tester")
    asked = BackfillAsked(subject=BackfillSubject.MAPPING, item=ITEMS["pro"].item)
    held = await everything(bulk)
    found = await rehearsed(bulk, asked)
    assert await everything(bulk) == held
    assert (found.batch.total, found.agree, found.totals) == (2, 0, ())
    done = await applied(bulk, asked)
    assert done.batch.counts == {ItemOutcome.DONE: 2}
    given = {
        of: {grant.feature for grant in await bulk.sagas.grants(of)}
        for of in ("sub_1", "sub_2", "sub_3")
    }
    assert "audit" in given["sub_1"] & given["sub_2"]
    assert "audit" not in given["sub_3"]
    assert (await rehearsed(bulk, asked)).agree == 2


async def test_what_is_wrong_with_all_asks_a_few_and_then_waits(bulk: Bulk) -> None:
    await unheard(bulk, *range(1, 31), product="nobody_mapped")
    done = await backfills.begin(
        bulk.context,
        "acme",
        HISTORY.model_copy(update={"apply": True, "confirmed": True}),
        by="anna",
    )
    paused = await bulk.came_to(done.batch.batch_id, BatchState.PAUSED)
    assert "wait for people" in (paused.why or "")
    assert paused.count(ItemOutcome.NOT_BEGUN)
    async with bulk.sagas.database.statement() as conn:
        asked = await conn.execute("select count(*) from exceptions where state = 'open'")
        row = await asked.fetchone()
    # Each asks for its books and its access; those of the first waves and no more.
    assert row is not None
    assert row[0] <= 2 * 26
    stopped = await batches.stop(bulk.context, "acme", done.batch.batch_id, by="anna")
    assert stopped.state is BatchState.STOPPED


async def test_what_was_foreseen_to_wait_pauses_nothing(bulk: Bulk) -> None:
    await unheard(bulk, *range(1, 6), product="nobody_mapped")
    found = await rehearsed(bulk, HISTORY)
    assert found.comes == {Comes.GOES_THROUGH: 5, Comes.THEN_WAITS: 5}
    made = await backfills.begin(
        bulk.context, "acme", HISTORY.model_copy(update={"apply": True}), by="anna"
    )
    ended = await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.WAITS: 5}


async def test_the_first_one_is_tried(bulk: Bulk) -> None:
    await unheard(bulk, 1, 2)
    asked = HISTORY.model_copy(update={"trial": True, "apply": True, "confirmed": True})
    made = await backfills.begin(bulk.context, "acme", asked, by="anna")
    paused = await bulk.came_to(made.batch.batch_id, BatchState.PAUSED)
    assert paused.counts == {ItemOutcome.DONE: 1, ItemOutcome.NOT_BEGUN: 3}
    with pytest.raises(Conflict, match="is about the same"):
        await backfills.begin(bulk.context, "acme", asked, by="bert")
    await batches.resume(bulk.context, "acme", made.batch.batch_id)
    ended = await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 4}


async def test_it_is_refused_where_it_would_not_be_what_was_meant(bulk: Bulk) -> None:
    async def refused(asked: BackfillAsked, kind: type[Exception], words: str) -> None:
        with pytest.raises(kind, match=words):
            await backfills.begin(bulk.context, "acme", asked, by="anna")

    mapping, publish = BackfillSubject.MAPPING, BackfillSubject.PUBLISH
    await refused(HISTORY.model_copy(update={"apply": True}), Conflict, "exactly this selection")
    await refused(HISTORY.model_copy(update={"item": "prod_x"}), Invalid, "does not go by item")
    await refused(BackfillAsked(subject=mapping), Invalid, "not said which mapping")
    await refused(BackfillAsked(subject=mapping, item="none"), Invalid, "no subscription is known")
    await refused(BackfillAsked(subject=publish, target="x"), NotFound, "no entitlement target")
    await refused(BackfillAsked(subject=publish), Invalid, "nothing that could be told")
    assert (await batches.list_(bulk.context, "acme")).items == ()


async def test_it_is_nobody_elses(bulk: Bulk) -> None:
    await unheard(bulk, 1)
    await bulk.received([("evt_1", "sub_1")])
    found = await rehearsed(bulk, HISTORY)
    with pytest.raises(NotFound):
        await backfills.show(bulk.context, "globex", found.batch.batch_id)
    mapped = BackfillAsked(subject=BackfillSubject.MAPPING, item=ITEMS["pro"].item)
    with pytest.raises(Invalid, match="no subscription is known"):
        await backfills.begin(bulk.context, "globex", mapped, by="gina")
    applies = HISTORY.model_copy(update={"apply": True, "rehearsal": found.batch.batch_id})
    with pytest.raises(Conflict, match="is no whole rehearsal"):
        await backfills.begin(bulk.context, "globex", applies, by="gina")


async def _items(bulk: Bulk, batch_id: str) -> list[BatchItem]:
    page = await batches.items(bulk.context, "acme", batch_id)
    return list(page.items)
