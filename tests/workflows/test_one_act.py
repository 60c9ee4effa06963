"""One act, one run: from events in the queue to sagas, through the dispatcher."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.exceptions import SAGA_LOST, Action, Raised, Resolution, Track
from canonical_models.failures import RejectionCode
from canonical_models.views import ChangeView
from dispatch.dispatcher import Dispatcher
from operations import exceptions, holding
from operations.context import AppContext
from operations.engine import Engine
from persistence import change_queue, change_watch
from persistence import exceptions as queue
from persistence.change_queue import change_id
from persistence.inbox import Arrival
from runtime.settings import DispatchSettings
from tests.harness.sagas import Sagas, end_runs
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import refused
from tests.harness.waiting import until

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_2", 7500), key="in_2")
STARTER = subscription(item("starter", 5, 1000))


def bought(sagas: Sagas) -> None:
    now = datetime.now(UTC)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("pro", 5), as_of=now), FIRST, SECOND
    )


@asynccontextmanager
async def dispatching(sagas: Sagas, *, settling: float = 0.3) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        DispatchSettings(poll_seconds=0.5),
        sagas.database,
        sagas.client,
        {},
        task_queue=sagas.task_queue,
        settling={"acme": settling},
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # Processes that wait on time go on for ever.
        await end_runs(sagas.client, sagas.task_queue)


async def told(sagas: Sagas, event_id: str, *, document: str | None = None, ago: float = 0) -> str:
    """Billing's event of something that happened so many seconds ago."""
    now = datetime.now(UTC)
    trigger = ChangeTrigger(
        event_id=event_id,
        subscription_id="sub_1",
        customer_id="cus_1",
        kind=ChangeKind.BILLED,
        occurred_at=now - timedelta(seconds=ago),
        document_id=document,
    )
    arrival = Arrival(
        inbox_id=1,
        tenant="acme",
        connection="stripe",
        event_id=event_id,
        event_type="any",
        body=b"",
        received_at=now,
        replays=0,
    )
    async with sagas.database.transaction() as conn:
        (made,) = await change_queue.add(conn, [(arrival, trigger)])
        await conn.execute("notify trueup_changes")
    assert made == change_id("acme", "stripe", event_id)
    return made


async def settled(sagas: Sagas, *ids: str) -> list[ChangeView]:
    async def all_settled() -> bool:
        return {(await sagas.change(each)).state for each in ids} == {"settled"}

    await until(all_settled, f"{ids} are settled")
    return [await sagas.change(each) for each in ids]


def working(sagas: Sagas) -> AppContext:
    async def connected() -> object:
        return sagas.client

    return AppContext(sagas.database, Engine(connected, namespace="default"))  # type: ignore[arg-type] # the one client


async def test_three_events_of_one_act_are_one_run(sagas: Sagas) -> None:
    """An add-on that is invoiced at once: updated, finalised, paid."""
    bought(sagas)
    # As long as a slow machine may need to bring all three in.
    async with dispatching(sagas, settling=3):
        ids = [
            await told(sagas, "evt_updated"),
            await told(sagas, "evt_finalised", document="in_2"),
            await told(sagas, "evt_paid", document="in_2"),
        ]
        first, *others = await settled(sagas, *ids)

    assert (first.outcome, first.taken_in_by) == ("completed", None)
    assert [(each.outcome, each.taken_in_by) for each in others] == [("completed", ids[0])] * 2
    assert [each.run_id for each in others] == [None, None]
    assert first.kind is ChangeKind.ACTIVATION


async def test_an_event_that_tells_what_is_agreed_needs_no_run(sagas: Sagas) -> None:
    bought(sagas)
    async with dispatching(sagas, settling=0):
        (first,) = await settled(sagas, await told(sagas, "evt_1", document="in_2"))
        # It happened before that was read, and was delivered late.
        (late,) = await settled(sagas, await told(sagas, "evt_2", document="in_2", ago=60))
        # Of this document nothing was read, and of the other moment nothing is known.
        others = await settled(
            sagas,
            await told(sagas, "evt_3", document="in_9", ago=60),
            await told(sagas, "evt_4", document="in_2"),
        )

    assert (late.outcome, late.run_id, late.taken_in_by) == ("no_change", None, first.change_id)
    assert "told already" in (late.summary or "")
    # Each by a run, of its own or of a change that had come before it.
    looked_at = [each.run_id or each.taken_in_by for each in others]
    assert None not in looked_at
    assert first.change_id not in looked_at


async def test_a_change_that_is_held_is_not_begun_and_goes_on_once_released(sagas: Sagas) -> None:
    bought(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    context = working(sagas)
    async with dispatching(sagas, settling=0):
        waiting = await told(sagas, "evt_1")
        asked = await sagas.exception(waiting)
        run_id = (await sagas.change(waiting)).run_id

        held = await holding.hold(context, "acme", waiting, by="ops", reason="books are moved")
        assert (held.held, held.already) == (True, False)
        again = await holding.hold(context, "acme", waiting, by="ops", reason="once more")
        assert again.already
        behind = await told(sagas, "evt_2")

        change = await sagas.change(waiting)
        assert (change.state, change.held, change.run_id) == ("pending", True, None)
        assert change.happened[-1].note == "by ops: books are moved"
        assert (await sagas.change(behind)).state == "pending"

        await holding.release(context, "acme", waiting, by="ops")
        done, newer = await settled(sagas, waiting, behind)

    assert done.outcome == "completed"
    assert done.run_id != run_id
    assert newer.outcome in ("completed", "no_change")
    assert (await sagas.exception_of(asked.exception_id)).state == "resolved"


async def test_what_was_lost_too_often_is_decided_without_a_run(sagas: Sagas) -> None:
    """Both ways out: carried out anew, or undone."""
    bought(sagas)
    context = working(sagas)
    for action, outcome in ((Action.RETRY, "completed"), (Action.ABORT, "cancelled")):
        change = f"chg_{action.value}"
        subject = f"sub_{action.value}"
        sagas.systems.billing.snapshots[subject] = snapshot(
            subscription(item("pro", 5), subscription_id=subject)
        )
        await sagas.intend(change, subject, state="waiting")
        async with sagas.database.transaction() as conn:
            asked = await queue.open_(
                conn,
                Raised(
                    tenant="acme",
                    change_id=change,
                    track=Track.PROCESS,
                    step="saga",
                    system="temporal",
                    failure_class="transient",
                    code=SAGA_LOST,
                    owner="operations",
                    message="lost",
                ),
                due=timedelta(hours=1),
            )
            await change_watch.stop(conn, change)
        async with dispatching(sagas):
            decided = await exceptions.resolve(
                context,
                "acme",
                Resolution(exception_id=asked.exception_id, action=action, by="ops"),
            )
            assert decided.exception.state == "resolved"
            (done,) = await settled(sagas, change)
        assert done.outcome == outcome


@pytest.mark.slow
async def test_a_saga_that_is_terminated_is_carried_out_anew_by_itself(sagas: Sagas) -> None:
    """With what it had taken in, and its question keeps its id and its clock."""
    bought(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 6
    async with dispatching(sagas, settling=0):
        change = await told(sagas, "evt_1")
        asked = await sagas.exception(change)
        newer = await told(sagas, "evt_2")
        run_id = (await sagas.change(change)).run_id

        async def taken_in() -> bool:
            return (await sagas.change(newer)).taken_in_by == change

        await until(taken_in, "the newer change is part of the saga that waits")
        await sagas.client.get_workflow_handle("subscription/acme/sub_1", run_id=run_id).terminate(
            reason="by mistake"
        )

        async def waits_anew() -> bool:
            now = await sagas.change(change)
            return now.state == "waiting" and now.run_id not in (None, run_id)

        await until(waits_anew, "the next run asks", seconds=40)
        still = await sagas.exception(change)
        assert (still.exception_id, still.due_at) == (asked.exception_id, asked.due_at)
        sagas.systems.script.faults.clear()
        await exceptions.resolve(
            working(sagas),
            "acme",
            Resolution(exception_id=still.exception_id, action=Action.RETRY, by="ops"),
        )
        done, behind = await settled(sagas, change, newer)

    assert (done.outcome, done.requeued) == ("completed", 1)
    assert '"by mistake"' in done.happened[0].note
    assert (behind.outcome, behind.taken_in_by) == ("completed", change)
