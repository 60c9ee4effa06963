"""Decisions as a person makes them who comes by a door: kept first, then handed over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from canonical_models.decisions import DecisionView, Door, Entrance, Outcome, of_exception
from canonical_models.exceptions import Action, Resolution
from dispatch.delivering import Deliverer
from dispatch.listening import listen
from operations import approving
from persistence import decisions, exceptions
from persistence.database import Database
from tests.harness.waiting import until
from workflows.names import RESOLVE


@asynccontextmanager
async def delivering(database: Database, client: Client) -> AsyncIterator[None]:
    """What a dispatcher does with decisions, and nothing else of it."""
    told = asyncio.Event()

    async def deliver() -> None:
        deliverer = Deliverer(database, client)
        while True:
            await told.wait()
            told.clear()
            await deliverer.deliver()

    def hear(_channel: str | None) -> None:
        told.set()

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(listen(database.dsn, hear)),
            group.create_task(deliver()),
        ]
        yield
        for task in tasks:
            task.cancel()


async def kept(database: Database, tenant: str, resolution: Resolution) -> DecisionView | None:
    """Its row, from which it is still to be handed over; None where nothing is asked so."""
    async with database.transaction() as conn:
        asked = await exceptions.get(conn, tenant, resolution.exception_id)
        if asked is None:
            return None
        if resolution.action is Action.APPROVE:
            await approving.say_yes(conn, tenant, asked, resolution, roles=None)
        made = of_exception(asked, resolution)
        return await decisions.record(conn, tenant, Entrance(door=Door.API), made, outcome=None)


async def decided(
    database: Database, tenant: str, handle: WorkflowHandle[Any, Any], resolution: Resolution
) -> str:
    """Handed over as the dispatcher does it, where none runs, until the workflow has acted on
    it."""
    made = await kept(database, tenant, resolution)
    try:
        answer: str = await handle.execute_update(RESOLVE, resolution, result_type=str)
    except (RPCError, WorkflowUpdateFailedError):
        if made is not None:
            async with database.transaction() as conn:
                await decisions.close(conn, made.decision_id, Outcome.VOID)
        raise
    return answer


async def taken(
    database: Database,
    tenant: str,
    resolution: Resolution,
    *,
    outcomes: frozenset[Outcome] = frozenset({Outcome.TAKEN}),
    seconds: float = 20,
) -> None:
    """Kept, and handed over by the dispatcher that runs, until the workflow has acted on it."""
    made = await kept(database, tenant, resolution)
    assert made is not None

    async def so() -> bool:
        async with database.statement() as conn:
            now = await decisions.get(conn, tenant, made.decision_id)
        return now is not None and now.outcome in outcomes

    await until(so, f"{resolution.action} is taken", seconds=seconds)
