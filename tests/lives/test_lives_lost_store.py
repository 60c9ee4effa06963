"""Temporal's store is lost, and the server starts with an empty one: everything that waits for
time or for people is there again, and takes decisions."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from temporalio.client import (
    ScheduleHandle,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError

from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from dispatch import checking, dispatcher
from dispatch.recovery import recover
from persistence import exceptions
from persistence.database import Database
from tests.harness.deciding import taken
from tests.harness.lives import SUB, TENANT, Life, living
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Script, Systems, Target, refused
from tests.harness.temporal import free_port, temporal_server
from tests.harness.waiting import until
from tests.lives.conftest import POLICY
from tests.workflows.test_sweep_schedules import settings
from workflows.names import EXCEPTION, change_workflow_id, invoices_id, targets_id

PROCESSES = ("dunning/acme/in_1", "entitlement/acme/cus_1/app", "renewal/acme/sub_1")
SAGA = change_workflow_id(TENANT, SUB)


class Store:
    """A server on one port, whose store can be lost."""

    def __init__(self, outlives: AsyncExitStack) -> None:
        self._outlives, self._port = outlives, free_port()
        self._first = AsyncExitStack()

    async def life(self, stack: AsyncExitStack, database: Database) -> Life:
        script = Script()
        systems = Systems(script, POLICY, {"app": Target(script, "app")})
        environment = await self._first.enter_async_context(temporal_server(port=self._port))
        return await stack.enter_async_context(living(environment, database, systems))

    async def is_lost(self) -> None:
        await self._first.aclose()
        await self._outlives.enter_async_context(temporal_server(port=self._port))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with AsyncExitStack() as outlives:
        yield Store(outlives)


async def waits(life: Life) -> dict[str, str]:
    """An unpaid invoice, a term that will renew, a target that refuses, a change that asks: the
    ids of both questions, by code."""
    life.systems.script.faults["app.publish"] = [
        refused(RejectionCode.TARGET_REFUSED, "app") for _ in range(9)
    ]
    asked_for = invoice(line("il_1", 20000), overdue_since=subscription().as_of)
    life.billing = snapshot(subscription(item("pro", 5)), asked_for)
    await life.look()
    life.bill("in_2", line("il_2", 4000, "nobody"))
    await life.look()
    asked = await questions(life)
    assert await running(life, *PROCESSES, SAGA)
    return asked


async def questions(life: Life) -> dict[str, str]:
    return {
        code: (await life.exception(code)).exception_id
        for code in ("target_refused", "item_unmapped")
    }


async def running(life: Life, *workflow_ids: str) -> bool:
    for workflow_id in workflow_ids:
        try:
            found = await life.client.get_workflow_handle(workflow_id).describe()
        except (RPCError, RuntimeError):
            return False
        if found.status is not WorkflowExecutionStatus.RUNNING:
            return False
    return True


async def all_is_back(life: Life, before: dict[str, str]) -> None:
    async def alive() -> bool:
        return await running(life, *PROCESSES, SAGA)

    await until(alive, "every process and the open change run again", seconds=60)
    # The same questions are asked, and a decision on either is taken.
    assert await questions(life) == before
    # Else the target would take what it is told before the process asks about it.
    await asks(life, "entitlement/acme/cus_1/app", "target_refused")
    life.systems.script.faults.clear()
    await decided(life, before["target_refused"], Action.RETRY)
    await decided(life, before["item_unmapped"], Action.ABORT)
    await life.no_exception()


async def asks(life: Life, workflow_id: str, code: str) -> None:
    handle = life.client.get_workflow_handle(workflow_id)

    async def shown() -> bool:
        return (await handle.describe()).typed_search_attributes.get(EXCEPTION) == code

    await until(shown, f"{workflow_id} asks", seconds=60)


async def decided(life: Life, exception_id: str, action: Action) -> None:
    decision = Resolution(exception_id=exception_id, action=action, by="tester", note="so")
    await taken(life.database, TENANT, decision, seconds=30)


@pytest.mark.slow
async def test_a_lost_store_is_filled_again_by_itself(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "_CHECK_S", 0.5)
    monkeypatch.setattr(checking, "_EVERY", timedelta(0))
    async with AsyncExitStack() as stack:
        life = await store.life(stack, database)
        before = await waits(life)
        await store.is_lost()
        await all_is_back(life, before)


@pytest.mark.slow
async def test_a_lost_store_is_filled_again_by_a_command(database: Database, store: Store) -> None:
    async with AsyncExitStack() as stack:
        life = await store.life(stack, database)
        before = await waits(life)
        queue = (await life.client.get_workflow_handle(PROCESSES[0]).describe()).task_queue
        given = settings(queue, **{TENANT: 15})
        nothing = await recover(database, life.client, given)
        assert (nothing.processes, nothing.changes, nothing.schedules) == (0, 0, 4)

        await store.is_lost()
        done = await recover(database, life.client, given)
        assert (done.processes, done.schedules) == (len(PROCESSES), 4)
        for schedule in (invoices_id(TENANT), targets_id(TENANT)):
            handle: ScheduleHandle = life.client.get_schedule_handle(schedule)
            assert (await handle.describe()).id == schedule
        await all_is_back(life, before)


async def test_what_has_ended_is_not_started_again(database: Database, store: Store) -> None:
    """A process that came to its end is looked for no more, until there is news."""
    async with AsyncExitStack() as stack:
        life = await store.life(stack, database)
        life.billing = snapshot(subscription(item("pro", 5)), invoice(line("il_1", 20000)))
        await life.look()
        handle = life.client.get_workflow_handle("entitlement/acme/cus_1/app")
        await handle.result()
        watch = checking.ProcessWatch(database, life.client)
        assert await watch.look_at_all() == 0

        await store.is_lost()

        # The renewal waits for its time; the target was told all.
        async def lost() -> bool:
            try:
                return await watch.look_at_all() == 1
            except (RPCError, RuntimeError):
                return False

        await until(lost, "the renewal is missed", seconds=30)
        async with database.statement() as conn:
            found = await conn.execute("select kind from processes where news > ended_after")
            assert await found.fetchall() == [("renewal",)]


async def test_a_process_that_somebody_terminates_is_started_again(
    database: Database, store: Store
) -> None:
    async with AsyncExitStack() as stack:
        life = await store.life(stack, database)
        before = await waits(life)
        for workflow_id in PROCESSES:
            await life.client.get_workflow_handle(workflow_id).terminate()
        watch = checking.ProcessWatch(database, life.client)
        assert await watch.look_at_all() == len(PROCESSES)
        await all_is_back(life, before)


async def test_a_question_that_has_answered_itself_meanwhile_is_closed(
    database: Database, store: Store
) -> None:
    """Asked by a run that is gone: the next one finds that the target takes what it is told."""
    async with AsyncExitStack() as stack:
        life = await store.life(stack, database)
        asked = await waits(life)
        life.systems.script.faults.clear()
        await life.client.get_workflow_handle("entitlement/acme/cus_1/app").terminate()
        assert await checking.ProcessWatch(database, life.client).look_at_all() == 1

        async def closed() -> bool:
            async with database.transaction() as conn:
                found = await exceptions.get(conn, TENANT, asked["target_refused"])
            return found is not None and found.state == "resolved"

        await until(closed, "the question is closed", seconds=30)
