"""Temporal schedules: what is done every so often, seen, paused and triggered in the Web UI."""

import asyncio
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
from temporalio.service import RPCError

from runtime.settings import Settings
from workflows.names import INVOICES, STAGE, TENANT, invoices_id

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 10.0


async def schedule_sweeps(client: Client, settings: Settings) -> None:
    """Each tenant's look at its invoices, at the interval of its policy. One that a person has
    paused stays so. Tried again until Temporal has taken them all."""
    waiting = dict(settings.tenants)
    while waiting:
        for tenant, given in tuple(waiting.items()):
            every = timedelta(minutes=given.policy.invoice_minutes)
            try:
                await _put(client, tenant, every, settings.temporal.task_queue)
            except (RPCError, RuntimeError) as fault:
                log.warning("schedule put off", tenant=tenant, error=type(fault).__name__)
                continue
            del waiting[tenant]
        if waiting:
            await asyncio.sleep(_AGAIN_SECONDS)


async def _put(client: Client, tenant: str, every: timedelta, task_queue: str) -> None:
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            INVOICES,
            {"tenant": tenant},
            id=invoices_id(tenant),
            task_queue=task_queue,
            static_summary="Where invoices stand in the ERP",
            typed_search_attributes=TypedSearchAttributes(
                [SearchAttributePair(TENANT, tenant), SearchAttributePair(STAGE, "sweep")]
            ),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(invoices_id(tenant), wanted)
    except ScheduleAlreadyRunningError:

        def changed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = found.description.schedule.state
            return ScheduleUpdate(schedule=wanted)

        await client.get_schedule_handle(invoices_id(tenant)).update(changed)
