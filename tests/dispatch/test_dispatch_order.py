"""Every change is carried out, once, in the order of its subscription, within the bound."""

import random

import pytest
from temporalio.client import WorkflowExecutionStatus

from persistence.change_queue import change_id
from tests.dispatch.conftest import Scene
from tests.harness.webhooks import CONNECTION, customer_event
from workflows.names import CHANGE, CUSTOMER, STAGE, SUBSCRIPTION, TENANT, change_workflow_id


def burst(changes: int, subscriptions: int) -> list[tuple[str, str]]:
    chosen = random.Random(7)
    return [(f"evt_{n:03}", f"sub_{chosen.randrange(subscriptions)}") for n in range(changes)]


def expected(scene: Scene, events: list[tuple[str, str]]) -> dict[str, list[str]]:
    order: dict[str, list[str]] = {}
    for event, subscription in events:
        order.setdefault(subscription, []).append(change_id(scene.tenant, CONNECTION, event))
    return order


@pytest.mark.slow
@pytest.mark.parametrize("dispatchers", [1, 2])
async def test_200_changes_of_20_subscriptions(scene: Scene, dispatchers: int) -> None:
    events = burst(200, 20)
    async with scene.probing() as probe, scene.dispatching(in_flight=8):
        if dispatchers == 2:
            async with scene.dispatching(in_flight=8):
                await scene.receive(*events)
                await scene.all_settled(200)
        else:
            await scene.receive(*events)
            await scene.all_settled(200)
    assert probe.order == expected(scene, events)
    assert 1 < probe.most <= 8 * dispatchers


async def test_what_was_received_before_the_dispatcher_came_is_not_forgotten(
    scene: Scene,
) -> None:
    events = burst(30, 3)
    await scene.receive(*events)
    async with scene.probing() as probe, scene.dispatching():
        await scene.all_settled(30)
    assert probe.order == expected(scene, events)


async def test_the_next_saga_waits_for_the_close_of_the_last(scene: Scene) -> None:
    """The sagas settle 0.3 s before they close, so each start is refused at first."""
    events = [(f"evt_{n}", "sub-linger") for n in range(4)]
    async with scene.probing() as probe, scene.dispatching():
        await scene.receive(*events)
        await scene.all_settled(4)
    assert probe.order == expected(scene, events)


async def test_a_saga_that_waits_for_a_person_gives_up_its_place(scene: Scene) -> None:
    async with scene.probing(), scene.dispatching(in_flight=1):
        await scene.receive(("evt_1", "sub-wait"), ("evt_2", "sub_2"), ("evt_3", "sub-wait"))
        await scene.reached({"evt_1": "waiting", "evt_2": "completed", "evt_3": "pending"})


async def test_an_account_has_an_order_of_its_own(scene: Scene) -> None:
    """Its customer's subscription may wait for a person meanwhile."""
    async with scene.probing() as probe, scene.dispatching():
        await scene.receive(("evt_1", "sub-wait"))
        await scene.reached({"evt_1": "waiting"})
        events = [(f"evt_a{n}", customer_event(f"evt_a{n}", "cus_1")) for n in range(3)]
        await scene.receive_bodies(*events)
        await scene.all_settled(3)
        account = scene.client.get_workflow_handle(
            change_workflow_id(scene.tenant, "account:cus_1")
        )
        run = await account.describe()
    assert probe.order["account:cus_1"] == [
        change_id(scene.tenant, CONNECTION, event) for event, _ in events
    ]
    assert (run.workflow_type, run.id) == ("account", f"account/{scene.tenant}/cus_1")
    attributes = run.typed_search_attributes
    assert attributes[CUSTOMER] == "cus_1"
    assert attributes.get(SUBSCRIPTION) is None
    assert await run.static_summary() == "Account of customer cus_1"
    assert "the account of customer `cus_1`" in (await run.static_details() or "")


async def test_a_saga_says_what_it_is(scene: Scene) -> None:
    async with scene.probing(), scene.dispatching():
        await scene.receive(("evt_1", "sub_1"))
        await scene.all_settled(1)
        handle = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub_1"))
        await handle.result()
        run = await handle.describe()
    assert run.status is WorkflowExecutionStatus.COMPLETED
    attributes = run.typed_search_attributes
    assert attributes[CHANGE] == change_id(scene.tenant, CONNECTION, "evt_1")
    assert (attributes[TENANT], attributes[CUSTOMER]) == (scene.tenant, "cus_sub_1")
    assert attributes[STAGE] == "started"
    assert await run.static_summary() == "Subscription sub_1"
    assert "`evt_1`" in (await run.static_details() or "")
    priority = run.raw_info.priority
    assert (priority.priority_key, priority.fairness_key) == (0, f"1{scene.tenant}")
    config = run.raw_description.execution_config
    assert config.default_workflow_task_timeout.ToSeconds() == 3
    # A saga that times out would not compensate.
    assert config.workflow_run_timeout.ToSeconds() == 0
    assert config.workflow_execution_timeout.ToSeconds() == 0
