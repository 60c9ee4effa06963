"""Composition root of the worker: settings -> connectors -> activities -> Temporal worker.

It also runs the dispatcher, so one process carries a change from the inbox to every system.
"""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import start_http_server
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.account import Account
from activities.adoption import Adoptions
from activities.amendment import Amendment
from activities.books import Books
from activities.dunning import Dunning
from activities.entitling import Entitling
from activities.exceptions import ExceptionQueue
from activities.interceptor import Heartbeats
from activities.invoicing import Invoicing
from activities.renewal import Renewals
from activities.revenue import Revenue
from activities.tenants import Tenant
from connectors import registry
from connectors.ports import WebhookTranslator
from dispatch.dispatcher import Dispatcher
from persistence.database import Database
from runtime.metrics import observe_vendor
from runtime.schedules import schedule_sweeps
from runtime.settings import Settings
from runtime.temporal import connect
from workflows.account import AccountSaga
from workflows.adoption import AdoptionRun
from workflows.amendment import AmendmentSaga
from workflows.dunning import DunningProcess
from workflows.entitlement import EntitlementProcess
from workflows.invoices import InvoiceSweep
from workflows.renewal import RenewalProcess
from workflows.revenue import RevenueSchedules

log = structlog.get_logger()


#: What the sandbox does not load anew for each saga: they are pure.
_PASSED_THROUGH = (
    "pydantic",
    "pydantic_core",
    "canonical_models",
    "activities.contracts",
    "workflows.asking",
    "workflows.books",
    "workflows.desk",
    "workflows.names",
    "workflows.policies",
    "workflows.process",
    "workflows.saga",
    "workflows.tracks",
)

WORKFLOWS = (
    AmendmentSaga,
    AccountSaga,
    AdoptionRun,
    DunningProcess,
    EntitlementProcess,
    InvoiceSweep,
    RenewalProcess,
    RevenueSchedules,
)

#: Refuses what would not replay. Tests and the replay of recorded histories run in it; a worker at
#: work does not pay its third of the CPU of every saga again for code that has passed there.
SANDBOX = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
)


def tenants(settings: Settings) -> dict[str, Tenant]:
    """Every configured tenant with its adapters. Raises UnknownVendor or SettingsError."""
    return {
        name: Tenant(
            name=name,
            connection=given.billing,
            books_from=given.cutover,
            billing=registry.billing(settings.connection(name, given.billing), observe_vendor),
            erp=registry.erp(settings.connection(name, given.erp), observe_vendor),
            support=registry.support(settings.connection(name, given.support), observe_vendor),
            policy=given.policy,
            targets={
                target: registry.target(settings.connection(name, target), observe_vendor)
                for target in given.targets
            },
        )
        for name, given in settings.tenants.items()
    }


def translators(settings: Settings) -> dict[tuple[str, str], WebhookTranslator]:
    """How the webhooks of each (tenant, connection) are understood."""
    return {
        (tenant, name): translator
        for tenant, given in settings.tenants.items()
        for name in given.connections
        if (translator := registry.webhooks(settings.connection(tenant, name))) is not None
    }


def make_worker(
    client: Client,
    task_queue: str,
    database: Database,
    known: dict[str, Tenant],
    *,
    runner: WorkflowRunner | None = None,
) -> Worker:
    """The Temporal worker of all sagas; also what benchmarks and, with SANDBOX, tests run."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=_activities(
            Amendment(database, known),
            Account(database, known),
            Adoptions(database, known),
            Books(database, known),
            ExceptionQueue(database, known),
            Dunning(database, known),
            Renewals(database, known),
            Entitling(database, known),
            Invoicing(database, known),
            Revenue(database, known),
        ),
        interceptors=[Heartbeats()],
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        workflow_task_executor=ThreadPoolExecutor(8, thread_name_prefix="saga"),
        max_cached_workflows=500,
        max_concurrent_activities=64,
        max_concurrent_local_activities=64,
        # A saga whose worker died is taken up by another after this long.
        sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
        # A write that is under way when the worker is told to stop gets its answer.
        graceful_shutdown_timeout=timedelta(seconds=30),
    )


def _activities(*classes: object) -> list[Callable[..., Any]]:
    """Every method that is declared as one."""
    return [
        method
        for made in classes
        for _, method in inspect.getmembers(made, inspect.ismethod)
        if hasattr(method, "__temporal_activity_definition")
    ]


async def run(settings: Settings, *, ready: Callable[[], None]) -> None:
    """Work until cancelled; `ready` is called once tasks are polled for."""
    async with AsyncExitStack() as stack:
        database = Database(settings.dsn, pool_size=settings.database.pool_size, ping=False)
        stack.push_async_callback(database.close)
        known = tenants(settings)
        for tenant in known.values():
            for close in tenant.closing:
                stack.push_async_callback(close)
        if settings.worker.metrics_port is not None:
            server, _ = start_http_server(settings.worker.metrics_port, addr="127.0.0.1")
            stack.callback(server.shutdown)
        client = await connect(settings.temporal, folder=settings.folder)
        dispatcher = Dispatcher(
            settings.dispatch,
            database,
            client,
            translators(settings),
            task_queue=settings.temporal.task_queue,
        )
        worker = make_worker(client, settings.temporal.task_queue, database, known)
        async with worker, asyncio.TaskGroup() as group:
            group.create_task(dispatcher.run())
            group.create_task(schedule_sweeps(client, settings))
            log.info("worker ready", tenants=sorted(known), queue=settings.temporal.task_queue)
            ready()
