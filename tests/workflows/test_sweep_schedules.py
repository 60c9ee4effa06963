"""Each tenant has a schedule of its own for the look at its invoices."""

import secrets
from datetime import date, timedelta

from temporalio.client import (
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts.revenue import RevenueInput
from canonical_models.failures import RejectionCode
from canonical_models.policy import TenantPolicy
from runtime.schedules import schedule_sweeps
from runtime.settings import (
    ConnectionSettings,
    DatabaseSettings,
    Settings,
    TemporalSettings,
    TenantSettings,
)
from tests.harness.posted_invoices import ask, invoice, post
from tests.harness.sagas import Sagas
from tests.harness.systems import refused
from tests.harness.waiting import until
from workflows.invoices import InvoiceSweep
from workflows.names import (
    INVOICES,
    TENANT,
    invoices_id,
    reconciliation_id,
    revenue_id,
    targets_id,
)
from workflows.revenue import RevenueSchedules


def settings(queue: str, **minutes: float) -> Settings:
    """Tenants by name, each with the minutes between two looks."""
    parts = {
        part: ConnectionSettings(
            vendor=vendor, base_url="http://127.0.0.1:1", books_from=date(2026, 1, 1)
        )
        for part, vendor in (("billing", "stripe"), ("erp", "tryton"), ("desk", "zendesk"))
    }
    return Settings(
        database=DatabaseSettings(dsn="postgresql://nowhere"),
        temporal=TemporalSettings(task_queue=queue),
        tenants={
            tenant: TenantSettings(
                billing="billing",
                erp="erp",
                support="desk",
                connections=parts,
                policy=TenantPolicy(invoice_minutes=every),
            )
            for tenant, every in minutes.items()
        },
    )


async def described(sagas: Sagas, tenant: str) -> ScheduleDescription:
    return await sagas.client.get_schedule_handle(invoices_id(tenant)).describe()


async def every(sagas: Sagas, tenant: str) -> timedelta:
    (interval,) = (await described(sagas, tenant)).schedule.spec.intervals
    return interval.every


async def test_one_a_tenant_at_the_interval_of_its_policy(sagas: Sagas) -> None:
    one, two = f"t{secrets.token_hex(4)}", f"t{secrets.token_hex(4)}"
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{one: 15, two: 0.5}))

    assert await every(sagas, one) == timedelta(minutes=15)
    assert await every(sagas, two) == timedelta(seconds=30)
    found = await described(sagas, one)
    action = found.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.task_queue) == (INVOICES, sagas.task_queue)
    assert action.typed_search_attributes.get(TENANT) == one

    # A policy that has changed since, and one that has not.
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{one: 5, two: 0.5}))
    assert await every(sagas, one) == timedelta(minutes=5)
    assert await every(sagas, two) == timedelta(seconds=30)


async def test_one_that_a_person_has_paused_stays_so(sagas: Sagas) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{tenant: 15}))
    handle = sagas.client.get_schedule_handle(invoices_id(tenant))
    await handle.pause(note="the ERP is being upgraded")

    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{tenant: 20}))

    state = (await handle.describe()).schedule.state
    assert (state.paused, state.note) == (True, "the ERP is being upgraded")
    assert await every(sagas, tenant) == timedelta(minutes=20)
    await handle.unpause()
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{tenant: 20}))
    assert not (await handle.describe()).schedule.state.paused


async def test_what_it_starts_is_a_sweep(sagas: Sagas) -> None:
    await ask(sagas.database, invoice("in_1"))
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, acme=1440))
    handle = sagas.client.get_schedule_handle(invoices_id("acme"))
    started: list[str] = []
    try:
        await handle.trigger()

        async def begun() -> bool:
            for acted in (await handle.describe()).info.recent_actions:
                assert isinstance(acted.action, ScheduleActionExecutionStartWorkflow)
                started.append(acted.action.workflow_id)
            return bool(started)

        await until(begun, "the schedule has started something", seconds=60)
        swept = await sagas.client.get_workflow_handle_for(InvoiceSweep.run, started[0]).result()
        assert (swept.changed, swept.problems) == (1, ())
        assert "in_1" in sagas.systems.billing.notes
    finally:
        await handle.delete()


async def test_deferred_revenue_of_new_years_is_picked_up_once_a_day(sagas: Sagas) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    await schedule_sweeps(sagas.client, settings(sagas.task_queue, **{tenant: 15}))

    described = await sagas.client.get_schedule_handle(revenue_id(tenant)).describe()
    (interval,) = described.schedule.spec.intervals
    assert interval.every == timedelta(days=1)


async def test_each_legal_entity_that_has_documents_is_asked_and_one_that_refuses_stops_no_other(
    sagas: Sagas,
) -> None:
    await ask(sagas.database, invoice("in_1"), invoice("in_2"))
    await post(sagas.database, sagas.systems.erp, ["in_1"], "LE-DE")
    await post(sagas.database, sagas.systems.erp, ["in_2"], "LE-US")
    sagas.systems.script.faults["erp.extend_schedules"] = [refused(RejectionCode.PERIOD_CLOSED)]

    extended = await sagas.client.execute_workflow(
        RevenueSchedules.run,
        RevenueInput(tenant="acme"),
        id=f"revenue-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )

    assert extended.legal_entities == ("LE-DE", "LE-US")
    assert [problem.split(":")[0] for problem in extended.problems] == ["LE-DE"]
    assert sagas.systems.erp.extended == ["LE-US"]


async def test_in_shadow_nothing_is_scheduled_that_sets_right_what_it_finds(sagas: Sagas) -> None:
    name = f"t{secrets.token_hex(4)}"
    live = settings(sagas.task_queue, **{name: 15})
    dark = live.model_copy(
        update={"tenants": {name: live.tenants[name].model_copy(update={"mode": "shadow"})}}
    )

    async def is_there(schedule_id: str) -> bool:
        try:
            await sagas.client.get_schedule_handle(schedule_id).describe()
        except RPCError as fault:
            if fault.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def scheduled() -> set[str]:
        known = [of(name) for of in (invoices_id, revenue_id, targets_id, reconciliation_id)]
        return {each for each in known if await is_there(each)}

    await schedule_sweeps(sagas.client, dark)
    assert await scheduled() == {invoices_id(name)}
    await schedule_sweeps(sagas.client, live)
    assert len(await scheduled()) == 4
    await schedule_sweeps(sagas.client, dark)
    assert await scheduled() == {invoices_id(name)}
