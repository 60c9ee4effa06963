"""Sagas that were lost, reset, or that wait while newer changes come."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError

from dispatch.gate import Gate
from dispatch.watching import SagaWatch
from persistence import changes, exceptions
from persistence.change_queue import change_id
from tests.dispatch.conftest import Scene
from tests.harness.flow import states, write
from tests.harness.probe_saga import ProbeSaga
from tests.harness.webhooks import CONNECTION
from workflows.names import change_workflow_id


def watch(scene: Scene) -> SagaWatch:
    return SagaWatch(scene.database, scene.client, settled_within=timedelta(0))


async def test_a_terminated_saga_is_settled_as_lost_and_the_next_change_goes_on(
    scene: Scene,
) -> None:
    async with scene.probing() as probe, scene.dispatching():
        await scene.receive(("evt_1", "sub-hold"), ("evt_2", "sub-hold"))
        await scene.reached({"evt_1": "running"})
        await write(
            scene.database,
            "insert into exceptions (id, tenant, change_id, belongs_to, track, step, system, "
            "failure_class, code, fingerprint, owner, message) select 'exc_1', tenant, id, "
            "subject, 'books', 'post', 'erp', 'rejected', 'x', 'x', 'finance', 'x' from changes "
            "where event_id = 'evt_1'",
        )
        watching = watch(scene)
        assert await watching.settle_lost() == 0
        handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-hold"))
        await handle.terminate("in the Web UI")
        assert await watching.settle_lost() == 1
        await scene.reached({"evt_1": "lost", "evt_2": "running"})
        async with scene.database.transaction() as session:
            first = await changes.get(
                session, scene.tenant, change_id(scene.tenant, CONNECTION, "evt_1")
            )
            assert await exceptions.page(session, scene.tenant, state="open") == ()
        assert first is not None
        assert "was terminated" in (first.summary or "")
        probe.release.set()
        await scene.reached({"evt_2": "completed"})
        assert await watching.settle_lost() == 0


async def test_a_failed_saga_is_settled_as_lost(scene: Scene) -> None:
    async with scene.probing(), scene.dispatching():
        await scene.receive(("evt_1", "sub-die"))
        await scene.reached({"evt_1": "running"})
        handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-die"))
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        await scene.reached({"evt_1": "running"})
        assert await watch(scene).settle_lost() == 1
    assert await states(scene.database) == {"evt_1": "lost"}


async def test_a_saga_that_is_not_there_any_more_is_lost(scene: Scene) -> None:
    await write(
        scene.database,
        "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, "
        "state, started_at) values ('chg_1', :tenant, 'billing', 'sub_1', 'sub_1', 'evt_1', "
        "'other', 'waiting', now())",
        tenant=scene.tenant,
    )
    assert await watch(scene).settle_lost() == 1
    assert await states(scene.database) == {"evt_1": "lost"}


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
        assert await watch(scene).settle_lost() == 0
        async with scene.database.transaction() as session:
            (view,) = await changes.page(session, scene.tenant)
    assert view.run_id == reset.run_id


async def test_a_look_goes_through_all_of_them(scene: Scene) -> None:
    await write(
        scene.database,
        "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, "
        "state, started_at) select 'chg_' || n, :tenant, 'billing', 'sub_' || n, 'sub_' || n, "
        "'evt_' || n, 'other', 'running', now() from generate_series(1, 70) as n",
        tenant=scene.tenant,
    )
    watching = watch(scene)
    assert [await watching.settle_lost() for _ in range(4)] == [32, 32, 6, 0]


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
