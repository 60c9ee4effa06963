"""Sagas that were lost, reset, or that wait while newer changes come."""

from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from canonical_models.exceptions import SAGA_LOST
from canonical_models.states import ExceptionState
from canonical_models.views import ChangeView
from dispatch.gate import Gate
from dispatch.watching import MOST_TIMES, SagaWatch
from persistence import changes, exceptions, outbox
from persistence.change_queue import change_id
from tests.dispatch.conftest import Scene
from tests.harness.flow import states, write
from tests.harness.probe_saga import Probe, ProbeSaga
from tests.harness.waiting import until
from tests.harness.webhooks import CONNECTION
from workflows.names import change_workflow_id


def watch(scene: Scene) -> SagaWatch:
    return SagaWatch(scene.database, scene.client, settled_within=timedelta(0))


async def row(scene: Scene, event_id: str) -> ChangeView:
    async with scene.database.transaction() as conn:
        found = await changes.get(conn, scene.tenant, change_id(scene.tenant, CONNECTION, event_id))
    assert found is not None
    return found


async def told(scene: Scene, kind: str) -> list[dict[str, Any]]:
    async with scene.database.transaction() as conn:
        feed = await outbox.feed(conn, scene.tenant, after=0, limit=100)
    return [event.data for _, event in feed if event.type == f"io.trueup.{kind}"]


async def test_terminating_a_saga_means_again_and_says_by_whom(scene: Scene) -> None:
    """The change is carried out anew before what came after it, with an event and a name."""
    async with scene.probing() as probe, scene.dispatching():
        await scene.receive(("evt_1", "sub-hold"), ("evt_2", "sub-hold"))
        await scene.reached({"evt_1": "running"})
        watching = watch(scene)
        assert await watching.requeue_lost() == 0
        first = (await row(scene, "evt_1")).run_id
        handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-hold"))
        await handle.terminate(reason="in the Web UI")

        assert await watching.requeue_lost() == 1

        await until(lambda: _runs_anew(scene, first), "it runs anew")
        again = await row(scene, "evt_1")
        assert again.requeued == 1
        (happened,) = again.happened
        assert happened.what == "requeued"
        assert '("in the Web UI")' in happened.note
        assert scene.client.identity in happened.note
        assert [each["times"] for each in await told(scene, "sync.requeued.v1")] == [1]
        probe.release.set()
        await scene.reached({"evt_1": "completed", "evt_2": "completed"})
        ids = [change_id(scene.tenant, CONNECTION, event) for event in ("evt_1", "evt_1", "evt_2")]
        assert probe.order["sub-hold"] == ids
        assert await watching.requeue_lost() == 0


async def _runs_anew(scene: Scene, first: str | None) -> bool:
    now = await row(scene, "evt_1")
    return now.state == "running" and now.run_id not in (None, first)


async def test_what_loses_its_saga_again_and_again_is_asked_of_operations(scene: Scene) -> None:
    async with scene.probing() as probe, scene.dispatching():
        await scene.receive(("evt_1", "sub-die"))
        for times in range(MOST_TIMES + 1):
            await until(lambda: _closed(scene, times + 1, probe), "its saga has failed")  # noqa: B023 - waited for in this turn
            assert await watch(scene).requeue_lost() == 1
        async with scene.database.transaction() as conn:
            (asked,) = await exceptions.page(conn, scene.tenant, state=ExceptionState.OPEN)
        assert (asked.code, asked.owner) == (SAGA_LOST, "operations")
        assert "as told" in asked.message
        assert (await row(scene, "evt_1")).state == "waiting"
        # There is no saga to look for: it stays asked.
        assert await watch(scene).requeue_lost() == 0
        assert len(await told(scene, "sync.requeued.v1")) == MOST_TIMES


async def _closed(scene: Scene, times: int, probe: Probe) -> bool:
    if len(probe.order.get("sub-die", ())) < times:
        return False
    if (await row(scene, "evt_1")).run_id is None:
        return False
    handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-die"))
    return (await handle.describe()).status is WorkflowExecutionStatus.FAILED


async def test_a_saga_that_is_not_there_any_more_is_begun_anew(scene: Scene) -> None:
    """As with a store that was lost."""
    await write(
        scene.database,
        "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, "
        "state, started_at) values ('chg_1', %(tenant)s, 'billing', 'sub_1', 'sub_1', 'evt_1', "
        "'other', 'waiting', now())",
        tenant=scene.tenant,
    )
    assert await watch(scene).requeue_lost() == 1
    assert await states(scene.database) == {"evt_1": "pending"}
    async with scene.probing(), scene.dispatching():
        await scene.reached({"evt_1": "completed"})


async def test_a_run_that_nobody_wrote_down_is_found(scene: Scene) -> None:
    """The dispatcher died between the start and writing it down, and the saga waits."""
    async with scene.probing(), scene.dispatching():
        await scene.receive(("evt_1", "sub-wait"))
        await scene.reached({"evt_1": "waiting"})
        run_id = (await row(scene, "evt_1")).run_id
        await write(scene.database, "update changes set run_id = null, started_at = null")
        assert await watch(scene).requeue_lost() == 0
        assert (await row(scene, "evt_1")).run_id == run_id


async def test_a_saga_that_was_reset_is_followed(scene: Scene) -> None:
    async with scene.probing(), scene.dispatching():
        await scene.receive(("evt_1", "sub-wait"))
        await scene.reached({"evt_1": "waiting"})
        workflow_id = change_workflow_id(scene.tenant, "sub-wait")
        first = (await scene.client.get_workflow_handle(workflow_id).describe()).run_id
        reset = await scene.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace="default",
                workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=first),
                reason="by an operator",
                request_id="reset",
                workflow_task_finish_event_id=4,
            )
        )
        assert reset.run_id != first
        assert await watch(scene).requeue_lost() == 0
        async with scene.database.transaction() as conn:
            (view,) = await changes.page(conn, scene.tenant)
    assert view.run_id == reset.run_id


async def test_a_look_goes_through_all_of_them(scene: Scene) -> None:
    await write(
        scene.database,
        "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, "
        "state, started_at) select 'chg_' || n, %(tenant)s, 'billing', 'sub_' || n, 'sub_' || n, "
        "'evt_' || n, 'other', 'running', now() from generate_series(1, 70) as n",
        tenant=scene.tenant,
    )
    watching = watch(scene)
    assert [await watching.requeue_lost() for _ in range(4)] == [32, 32, 6, 0]


async def test_a_waiting_saga_is_told_of_newer_changes_once(scene: Scene) -> None:
    async with scene.probing(), scene.dispatching():
        await scene.receive(("evt_1", "sub-wait"))
        await scene.reached({"evt_1": "waiting"})
        handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-wait"))
        watching = watch(scene)
        told = []
        for events in ([], ["evt_2", "evt_3"], [], ["evt_4"]):
            await scene.receive(*((event, "sub-wait") for event in events))
            await scene.reached(dict.fromkeys(events, "pending"))
            await watching.tell_of_newer()
            told.append(await handle.query(ProbeSaga.newer))
    assert told == [0, 1, 1, 2]


def test_the_gate_lets_one_through_after_each_pause() -> None:
    now = 0.0
    gate = Gate(lambda: now)
    assert gate.most(32) == 32
    # All of a burst fail: one pause.
    assert [gate.close() for _ in range(32)] == [0.25] * 32
    assert gate.most(32) == 0
    pauses = []
    for _ in range(8):
        now += 10
        assert (gate.most(32), gate.most(32)) == (1, 0)
        pauses.append(gate.close())
    assert pauses == [0.5, 1, 2, 4, 5, 5, 5, 5]
    assert gate.open() is True
    assert (gate.most(32), gate.open()) == (32, False)
