"""What runs beside the changes: taking over existing customers, deferred revenue, targets."""

from activities.contracts.adoption import AdoptionPart
from activities.contracts.preview import WhatIf
from activities.contracts.reconciliation import ReconcileInput
from activities.contracts.revenue import RevenueInput
from activities.contracts.targets import TargetsInput
from canonical_models.adoption import Going
from canonical_models.batch import BatchKind, BatchState, batch_process
from canonical_models.failures import CredentialsRefused
from canonical_models.reconciliation import Scope
from persistence import batches
from tests.harness.sagas import Handle, Sagas
from tests.harness.systems import Planned
from tests.harness.waiting import until
from tests.replay.scenarios import STARTER, Scenario, closed
from workflows.names import ADOPTION, NEWS, PREVIEW, RECONCILIATION, REVENUE, TARGETS


async def adoption(sagas: Sagas) -> Handle:
    """As version 0.1.0 has begun it: a batch goes on with its customers."""
    part = AdoptionPart(tenant="acme", adoption_id="ado_1")
    handle = await sagas.client.start_workflow(
        ADOPTION, part, id="adoption/acme", task_queue=sagas.task_queue
    )
    return await closed(handle)


async def batch_carried_out(sagas: Sagas) -> Handle:
    """Of one customer: its list, and all that is on it."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    return await closed(await _batch(sagas))


async def batch_paused_and_resumed(sagas: Sagas) -> Handle:
    """No retry mends what it meets at first."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    sagas.systems.script.faults["billing.customer_page"] = [
        Planned(lambda: CredentialsRefused("scripted", system="billing"))
    ]
    handle = await _batch(sagas)

    async def paused() -> bool:
        async with sagas.database.statement() as conn:
            found = await batches.get(conn, "acme", "ado_1")
        return found is not None and found.state is BatchState.PAUSED

    await until(paused, "the batch is paused")
    async with sagas.database.transaction() as conn:
        await batches.resume(conn, "acme", "ado_1")
    await handle.signal(NEWS)
    return await closed(handle)


async def _batch(sagas: Sagas) -> Handle:
    going = Going(rehearsal=True, cutover=sagas.systems.tenant.books_from)
    async with sagas.database.transaction() as conn:
        await batches.begin(
            conn,
            "acme",
            "ado_1",
            BatchKind.ADOPT,
            subject="customers",
            given=going.model_dump(mode="json"),
            by="tester",
            listed=False,
        )
    process = batch_process("acme", "ado_1")
    return await sagas.client.start_workflow(
        process.kind.value, process, id=process.workflow_id, task_queue=sagas.task_queue
    )


async def foreseen(sagas: Sagas) -> Handle:
    """What would come of a subscription that is read anew."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    handle = await sagas.client.start_workflow(
        PREVIEW,
        WhatIf(tenant="acme", subject="sub_1", documents=("in_1",)),
        id="preview/acme/1",
        task_queue=sagas.task_queue,
    )
    return await closed(handle)


async def reconciled(sagas: Sagas) -> Handle:
    """Of one customer who agrees everywhere."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")
    handle = await sagas.client.start_workflow(
        RECONCILIATION,
        ReconcileInput(tenant="acme"),
        id="reconciliation/acme",
        task_queue=sagas.task_queue,
    )
    return await closed(handle)


async def accounts_reconciled(sagas: Sagas) -> Handle:
    """Of one customer alone: its account and what is earned by its documents, too."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")
    handle = await sagas.client.start_workflow(
        RECONCILIATION,
        ReconcileInput(tenant="acme", scope=Scope(customer_id="cus_1")),
        id="reconciliation/acme",
        task_queue=sagas.task_queue,
    )
    return await closed(handle)


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


BACKGROUND: tuple[Scenario, ...] = (
    adoption,
    batch_carried_out,
    batch_paused_and_resumed,
    foreseen,
    reconciled,
    accounts_reconciled,
    revenue_earned,
    targets_compared,
)
