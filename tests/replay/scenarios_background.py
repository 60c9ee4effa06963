"""What runs beside the changes: taking over existing customers, deferred revenue, targets."""

from datetime import timedelta

from activities.contracts.adoption import AdoptionPart
from activities.contracts.revenue import RevenueInput
from activities.contracts.targets import TargetsInput
from persistence import adoptions
from tests.harness.sagas import Handle, Sagas
from tests.replay.scenarios import STARTER, Scenario, closed
from workflows.names import ADOPTION, REVENUE, TARGETS


async def adoption(sagas: Sagas) -> Handle:
    """One page with one customer, and the end of the list."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    return await closed(await _adopting(sagas))


async def adoption_stopped(sagas: Sagas) -> Handle:
    """Started with another cutover than the worker has: no retry mends it."""
    return await closed(await _adopting(sagas, later=timedelta(days=1)))


async def _adopting(sagas: Sagas, *, later: timedelta = timedelta()) -> Handle:
    async with sagas.database.transaction() as conn:
        await adoptions.begin(
            conn,
            "acme",
            "ado_1",
            rehearsal=True,
            cutover=sagas.systems.tenant.books_from + later,
            customer=None,
            by="tester",
        )
    part = AdoptionPart(tenant="acme", adoption_id="ado_1")
    return await sagas.client.start_workflow(
        ADOPTION, part, id="adoption/acme", task_queue=sagas.task_queue
    )


async def revenue_earned(sagas: Sagas) -> Handle:
    handle = await sagas.client.start_workflow(
        REVENUE, RevenueInput(tenant="acme"), id="revenue/acme", task_queue=sagas.task_queue
    )
    return await closed(handle)


async def targets_compared(sagas: Sagas) -> Handle:
    """What the support platform shows of one customer, and the end of the list."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")
    handle = await sagas.client.start_workflow(
        TARGETS,
        TargetsInput(tenant="acme", set_right=True),
        id="targets/acme",
        task_queue=sagas.task_queue,
    )
    return await closed(handle)


BACKGROUND: tuple[Scenario, ...] = (adoption, adoption_stopped, revenue_earned, targets_compared)
