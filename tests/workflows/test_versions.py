"""A changed saga is deployed while others are open, and rolled back, on the real server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from canonical_models.process import Process, ProcessKind
from runtime.versions import Deployment, NotDeployed, build_of
from tests.harness.temporal import temporal_server
from tests.harness.versions import PROCESS, QUEUE, RELEASE, SAGA, Work, versioned
from tests.harness.waiting import until
from workflows.names import NEWS

OPEN = 500
MORE = 50

Answer = TypeVar("Answer")
Handles = list[WorkflowHandle[Any, Any]]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a server of its own: what is deployed here is nobody else's."""
    async with temporal_server() as environment:
        yield environment.client


async def started(client: Client, count: int, name: str) -> Handles:
    return [
        await client.start_workflow(SAGA, id=f"{name}-{number}", task_queue=QUEUE)
        for number in range(count)
    ]


async def ended(handles: Handles) -> set[str]:
    await asyncio.gather(*(handle.signal(RELEASE) for handle in handles))
    return set(await asyncio.gather(*(handle.result() for handle in handles)))


async def ran_again(client: Client, count: int) -> None:
    async def so_many() -> bool:
        query = f"WorkflowType = '{SAGA}' and ExecutionStatus = 'Completed'"
        return (await client.count_workflows(query)).count == count

    await until(so_many, f"{count} sagas completed", seconds=60)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_open_sagas_end_on_their_version_through_a_rollout_and_a_rollback(
    client: Client,
) -> None:
    work, deployment = Work(), Deployment(client, QUEUE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(versioned(client, "1", work))
        assert await deployment.begin("1") == "1"
        old = await started(client, OPEN, "old")
        await work.until("first", OPEN)

        await stack.enter_async_context(versioned(client, "2", work))
        assert await deployment.begin("2") == "1"
        before = await started(client, 5, "before")
        await work.until("first", OPEN + 5)
        await until(
            lambda: is_known(deployment, "2"), "the second version's worker is known", every=0.5
        )
        await promote(deployment, "2")

        new = await started(client, MORE, "new")
        await work.until("second", MORE)
        assert await ended(old[: OPEN // 2] + before) == {"first"}
        assert await ended(new[: MORE // 2]) == {"second"}

        assert await deployment.roll_back() == "1"
        after = await started(client, MORE, "after")
        await work.until("first", OPEN + 5 + MORE)
        assert await ended(after) == {"first"}
        assert await ended(new[MORE // 2 :]) == {"second"}
        assert await ended(old[OPEN // 2 :]) == {"first"}

        await ran_again(client, OPEN + 5 + 2 * MORE)
        assert (await client.count_workflows("ExecutionStatus != 'Completed'")).count == 0
        versions = {one.build: one for one in await deployment.versions()}
        assert (versions["1"].state, versions["1"].share, versions["1"].workers) == (
            *("current", 100),
            1,
        )
        assert (versions["2"].state, versions["2"].open_runs) == ("draining", 0)
    assert work.done == {
        "first": OPEN + 5 + MORE,
        "first again": OPEN + 5 + MORE,
        "second": MORE,
    }


async def is_known(deployment: Deployment, build: str) -> bool:
    found = await _unless_busy(deployment.versions())
    return any(one.build == build and one.workers for one in found or ())


async def promote(deployment: Deployment, build: str) -> None:
    async def promoted() -> bool:
        await deployment.promote(build)
        return True

    async def at_last() -> bool:
        return bool(await _unless_busy(promoted()))

    await until(at_last, f"{build} is current", every=0.5)


async def _unless_busy(asked: Awaitable[Answer]) -> Answer | None:
    """The server answers questions about a deployment only so often in a second: None then."""
    try:
        return await asked
    except RPCError as busy:
        if busy.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
            raise
        return None


def process(key: str) -> Process:
    return Process(kind=ProcessKind.RENEWAL, tenant="acme", key=key, subscription_id=key)


@pytest.mark.slow
async def test_what_waits_goes_on_in_the_version_that_is_current(client: Client) -> None:
    work, deployment = Work(), Deployment(client, QUEUE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(versioned(client, "1", work))
        await deployment.begin("1")
        waiting = [
            await client.start_workflow(PROCESS, process(f"sub_{n}"), id=f"p{n}", task_queue=QUEUE)
            for n in range(3)
        ]
        await work.until("first looks", 3)
        # Nothing has changed: it is woken, and waits on.
        await until(lambda: are_open(deployment, "1", 3), "three open on the first version")
        assert await deployment.move_on("1") == 3
        await stack.enter_async_context(versioned(client, "2", work))
        await until(
            lambda: is_known(deployment, "2"), "the second version's worker is known", every=0.5
        )
        await promote(deployment, "2")
        # The old worker is there, but news finds out of itself that another is current.
        await waiting[0].signal(NEWS)
        assert await waiting[0].result() == "first"
        assert set(await deployment.drain()) == {"1"}
        await work.until("second looks", 2)
        await until(lambda: are_open(deployment, "1", 0), "nothing open on the first version")
        for handle in waiting[1:]:
            await client.get_workflow_handle(handle.id).signal(NEWS)
            assert await client.get_workflow_handle(handle.id).result() == "second"
    assert work.done == {"first looks": 3, "second looks": 2}


@pytest.mark.slow
async def test_workers_see_to_it_that_a_version_is_current_and_others_drain(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.versions._MINUTE", 0.1)
    work, deployment = Work(), Deployment(client, QUEUE)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(versioned(client, "1", work))
        # Nobody has said what is current, as after a store was lost.
        seeing = asyncio.create_task(deployment.keep("1"))

        async def is_current() -> bool:
            return await _unless_busy(deployment.current()) == "1"

        await until(is_current, "the first version is current", every=0.5)
        await client.start_workflow(PROCESS, process("sub_1"), id="p1", task_queue=QUEUE)
        await work.until("first looks", 1)
        await stack.enter_async_context(versioned(client, "2", work))
        await until(
            lambda: is_known(deployment, "2"), "the second version's worker is known", every=0.5
        )
        await promote(deployment, "2")
        seeing.cancel()
        seeing = asyncio.create_task(deployment.keep("2"))
        await work.until("second looks", 1)
        seeing.cancel()


async def test_many_workers_that_begin_at_a_time_all_begin(client: Client) -> None:
    async with versioned(client, "1", Work()):
        workers = [Deployment(client, QUEUE) for _ in range(20)]
        assert {*await asyncio.gather(*(one.begin("1") for one in workers))} == {"1"}


async def are_open(deployment: Deployment, build: str, count: int) -> bool:
    return await deployment.open_runs(build) == count


@pytest.mark.slow
@pytest.mark.long
async def test_operators_roll_out_by_share_and_back(client: Client, tmp_path: Path) -> None:
    work, deployment = Work(), Deployment(client, QUEUE)
    address = client.service_client.config.target_host
    settings = tmp_path / "trueup.toml"
    settings.write_text(
        '[database]\ndsn = "postgresql://nobody@127.0.0.1:9/none"\n'
        f'[temporal]\naddress = "{address}"\ntask_queue = "{QUEUE}"\n'
    )

    async def deploy(*arguments: str) -> tuple[int | None, str, str]:
        asked = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "--config", str(settings), "deploy", *arguments),
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asked.communicate()
        return asked.returncode, output.decode(), errors.decode()

    async def shares() -> dict[str, float]:
        code, output, _ = await deploy("status", "-o", "json")
        assert code == 0
        return {one["build"]: one["share"] for one in json.loads(output)}

    assert (await deploy("status"))[0] == 0
    async with versioned(client, "1", work):
        await deployment.begin("1")
        code, _, errors = await deploy("promote", "2")
        assert code == 4, errors
        assert "start a worker of it first" in errors
        async with versioned(client, "2", work):
            await until(
                lambda: is_known(deployment, "2"), "the second version's worker is known", every=0.5
            )
            assert (await deploy("rollback"))[0] == 4
            assert (await deploy("promote", "2", "--share", "25"))[0] == 0
            assert await shares() == {"1": 75, "2": 25}
            assert (await deploy("rollback"))[0] == 0
            assert await shares() == {"1": 100, "2": 0}
            assert (await deploy("promote", "2"))[0] == 0
            assert await shares() == {"1": 0, "2": 100}
            code, _, errors = await deploy("drain", "--wait")
            assert code == 0
            assert "Nothing is open on other versions" in errors


def test_a_build_is_as_given_or_of_its_code() -> None:
    assert build_of("0.2.0") == "0.2.0"
    assert build_of(None) == build_of(None)
    number, _, digest = build_of(None).rpartition("-")
    assert number
    assert len(digest) == 12


async def test_an_unknown_version_cannot_take_over(client: Client) -> None:
    with pytest.raises(NotDeployed, match=r"version 9 .* cannot take workflows"):
        await Deployment(client, QUEUE).promote("9")
