"""Another policy or mapping is planned beside what holds, over what has happened and what comes."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState, batch_process
from canonical_models.shadow import ShadowKind
from operations import batches, trials
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from operations.trials import Trial, TrialAsked
from persistence import processes
from persistence.database import Database
from tests.batches.bulk import Bulk
from tests.harness.subscriptions import ITEMS
from tests.harness.waiting import until
from tests.shadow.lived import LIFE, bills, company, working, written

SINCE = date(2026, 11, 1)
#: Another ERP item, and another tier.
OTHER = ITEMS["pro"].model_copy(update={"erp_item": "STARTER", "support_tier": "enterprise"})
YES = {"books": {"approvals": [{"on": "charge", "above": {"EUR": "100"}}]}}
#: What a trial writes of itself.
OWN = {"batches", "batch_items", "processes"}


async def came_to(context: AppContext, batch_id: str, there: Callable[[Trial], bool]) -> Trial:
    found: list[Trial] = []

    async def so() -> bool:
        found[:] = [await trials.show(context, "acme", batch_id)]
        return there(found[0])

    await until(so, f"{batch_id} has come so far", seconds=60, every=0.2)
    return found[0]


async def everything(database: Database) -> dict[str, list[str]]:
    async with database.statement() as conn:
        names = await conn.execute("select tablename from pg_tables where schemaname = 'public'")
        held = {}
        for (name,) in await names.fetchall():
            if name not in OWN:
                rows = await conn.execute(f"select t::text from {name} t order by 1".encode())
                held[name] = [row[0] for row in await rows.fetchall()]
        return held


async def lived(bulk: Bulk, upto: int) -> None:
    for number, (change, subject, documents) in enumerate(LIFE[:upto], 1):
        bills(bulk.sagas.systems, number)
        await bulk.sagas.finish(change, subject, documents=documents)


async def resting(database: Database) -> dict[str, list[str]]:
    seen: list[dict[str, list[str]]] = [{}]

    async def rests() -> bool:
        seen.append(await everything(database))
        return len(seen) > 5 and seen[-1] == seen[-5]

    await until(rests, "all rests", seconds=60, every=0.3)
    return seen[-1]


@pytest.mark.parametrize("shadow", [False, True])
async def test_what_has_happened_is_planned_twice_and_nothing_is_done(
    temporal: WorkflowEnvironment, database: Database, shadow: bool
) -> None:
    async with working(temporal.client, database, company(shadow=shadow)) as bulk:
        await lived(bulk, 3)
        held, did = await resting(database), written(bulk.sagas.systems)
        asked: dict[str, Any] = {"items": (OTHER,), "since": SINCE}
        begun = await trials.begin(bulk.context, "acme", TrialAsked(**asked), by="fay")
        found = await came_to(
            bulk.context, begun.batch.batch_id, lambda one: one.batch.state is BatchState.ENDED
        )
        assert (found.alike, found.differ, found.untold) == (0, 1, 0)
        (one,) = found.differing.items
        assert (one.change_id, one.subject) == ("chg_3", "sub_1")
        assert {each.kind for each in one.differences} == {ShadowKind.ACCOUNT, ShadowKind.TIER}
        sides = {each.what: (each.planned, each.found) for each in one.differences}
        assert sides["tier"] == ("premium", "enterprise")
        # Both documents of the time, though a live tenant has posted them.
        assert sides["N-in_1 item PRO"] == ("200.00 EUR", "none")
        assert sides["N-in_2 item STARTER"] == ("none", "40.00 EUR")
        assert await everything(database) == held
        assert written(bulk.sagas.systems) == did


async def test_a_policy_is_tried_and_what_is_alike_is_counted(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    async with working(temporal.client, database, company()) as bulk:
        await lived(bulk, 1)
        asked = TrialAsked(policy=YES, since=SINCE)
        begun = await trials.begin(bulk.context, "acme", asked, by="fay")
        found = await came_to(
            bulk.context, begun.batch.batch_id, lambda one: one.batch.state is BatchState.ENDED
        )
        ((one,),) = [each.differences for each in found.differing.items]
        assert (one.kind, one.planned) == (ShadowKind.QUESTION, "nobody")
        assert "238.00 EUR" in one.found
        less = TrialAsked(policy={"settling_seconds": 2.0}, since=SINCE)
        begun = await trials.begin(bulk.context, "acme", less, by="fay")
        found = await came_to(
            bulk.context, begun.batch.batch_id, lambda one: one.batch.state is BatchState.ENDED
        )
        assert (found.alike, found.differ) == (1, 0)


async def test_one_that_keeps_on_plans_each_change_to_come(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    async with working(temporal.client, database, company()) as bulk:
        await lived(bulk, 1)
        asked = TrialAsked(items=(OTHER,), since=SINCE, keep_on=True)
        begun = await trials.begin(bulk.context, "acme", asked, by="fay")
        key = begun.batch.batch_id
        await came_to(bulk.context, key, lambda one: one.differ == 1)
        bills(bulk.sagas.systems, 2)
        await bulk.sagas.finish("chg_2", documents=("in_1",))
        bills(bulk.sagas.systems, 3)
        await bulk.sagas.finish("chg_3", documents=("in_2",))
        async with database.transaction() as conn:
            # Its half a minute is over.
            await processes.news(conn, [batch_process("acme", key)])
        found = await came_to(bulk.context, key, lambda one: one.differ == 3)
        assert [each.change_id for each in found.differing.items] == ["chg_1", "chg_2", "chg_3"]
        assert found.batch.state is BatchState.RUNNING
        stopped = await batches.stop(bulk.context, "acme", key, by="fay")
        assert stopped.state is BatchState.STOPPED


async def test_what_is_no_trial_is_refused(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    async with working(temporal.client, database, company()) as bulk:
        work = (
            (TrialAsked(since=SINCE), "nothing is to be tried"),
            (TrialAsked(policy={"boks": {}}, since=SINCE), r"policy\.boks"),
            (TrialAsked(policy={"access": "never"}, since=SINCE), r"policy\.access"),
        )
        for asked, words in work:
            with pytest.raises(Invalid, match=words):
                await trials.begin(bulk.context, "acme", asked, by="fay")
        with pytest.raises(NotFound):
            await trials.show(bulk.context, "acme", "tri_none")
