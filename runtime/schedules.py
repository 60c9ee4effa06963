"""Temporal schedules: what is done every so often, seen, paused and triggered in the Web UI."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from runtime.settings import Settings
from workflows.names import (
    CASH,
    INVOICES,
    RECONCILIATION,
    REVENUE,
    STAGE,
    TARGETS,
    TENANT,
    cash_id,
    invoices_id,
    reconciliation_id,
    revenue_id,
    targets_id,
)

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class _What:
    """A workflow that is started every so often under the id of its schedule."""

    workflow: str
    id_of: Callable[[str], str]
    summary: str
    given: dict[str, bool] = field(default_factory=dict)


_SWEEP = _What(INVOICES, invoices_id, "Where invoices stand in the ERP")
_REVENUE = _What(REVENUE, revenue_id, "Deferred revenue of new fiscal years")
_TARGETS = _What(TARGETS, targets_id, "What entitlement targets hold", {"set_right": True})
_RECONCILED = _What(RECONCILIATION, reconciliation_id, "Whether all systems say the same")
_CASH = _What(CASH, cash_id, "Clearing beside billing's balance")
_DAILY = timedelta(days=1)


async def schedule_sweeps(client: Client, settings: Settings) -> None:
    """Each tenant's look at its invoices and at its entitlement targets, and its reconciliation, at
    the intervals of its policy, its deferred revenue once a day, and its clearing where payouts are
    booked; of a tenant in shadow the first alone. One that a person has paused stays so. Tried
    again until Temporal has taken them all."""
    waiting = dict(settings.tenants)
    while waiting:
        for tenant in tuple(waiting):
            try:
                await put_schedules(client, settings, tenant)
            except (RPCError, RuntimeError) as fault:
                log.warning("schedule put off", tenant=tenant, error=type(fault).__name__)
                continue
            del waiting[tenant]
        if waiting:
            await asyncio.sleep(_AGAIN_SECONDS)


async def put_schedules(client: Client, settings: Settings, tenant: str) -> int:
    """As the tenant's policy says; how many were not there. Raises RPCError, RuntimeError."""
    policy, queue = settings.tenants[tenant].policy, settings.temporal.task_queue
    sweep = (_SWEEP, timedelta(minutes=policy.invoice_minutes))
    looks = [
        (_TARGETS, timedelta(hours=policy.target_hours)),
        (_REVENUE, _DAILY),
        (_RECONCILED, timedelta(hours=policy.reconciliation.hours)),
    ]
    if (cash := policy.books.cash) is not None:
        looks.append((_CASH, timedelta(minutes=cash.look_minutes)))
    if settings.tenants[tenant].shadow:
        for what, _ in looks:
            await _drop(client, tenant, what)
        looks = []
    return sum([await _put(client, tenant, what, every, queue) for what, every in (sweep, *looks)])


async def _drop(client: Client, tenant: str, what: _What) -> None:
    """What would set right what it finds is not begun in shadow."""
    try:
        await client.get_schedule_handle(what.id_of(tenant)).delete()
    except RPCError as fault:
        if fault.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _put(client: Client, tenant: str, what: _What, every: timedelta, task_queue: str) -> bool:
    """Whether it was not there."""
    schedule_id = what.id_of(tenant)
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            what.workflow,
            {"tenant": tenant, **what.given},
            id=schedule_id,
            task_queue=task_queue,
            static_summary=what.summary,
            typed_search_attributes=TypedSearchAttributes(
                [SearchAttributePair(TENANT, tenant), SearchAttributePair(STAGE, "sweep")]
            ),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(schedule_id, wanted)
    except ScheduleAlreadyRunningError:

        def changed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = found.description.schedule.state
            return ScheduleUpdate(schedule=wanted)

        await client.get_schedule_handle(schedule_id).update(changed)
        return False
    return True
