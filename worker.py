"""Composition root of the worker: settings -> connectors -> activities -> Temporal worker.

It also runs the dispatcher, so one process carries a change from the inbox to every system.
"""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from typing import Any, ClassVar

import structlog
from prometheus_client import start_http_server
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.account import Account
from activities.adoption import Adoptions
from activities.amendment import Amendment
from activities.batch import Batching
from activities.books import Books
from activities.cash import Cash
from activities.dunning import Dunning
from activities.entitlement import Entitling
from activities.exceptions import ExceptionQueue
from activities.interceptor import Heartbeats
from activities.invoices import Invoicing
from activities.preview import Previews
from activities.reconciliation import Reconciling
from activities.renewal import Renewals
from activities.revenue import Revenue
from activities.targets import Comparing
from activities.tenants import Tenant
from connectors import registry
from connectors.ports import WebhookTranslator
from dispatch.belonging import require_same_namespace
from dispatch.breakers import SharedBreakers
from dispatch.dispatcher import Dispatcher
from dispatch.drifting import SharedContracts
from dispatch.lanes import Lanes
from dispatch.recovery import refill
from dispatch.retaining import retaining
from dispatch.sealing import Sealer
from dispatch.sending import Sender
from persistence.closing import closed_months
from persistence.database import Database
from runtime.at_work import at_work_as
from runtime.metrics import connections_shown, observe_vendor
from runtime.schedules import schedule_sweeps
from runtime.settings import Settings, SettingsError, TenantSettings
from runtime.slots import moving
from runtime.temporal import connect
from runtime.tracing import interceptors, traced
from runtime.versions import Deployment, build_of, pinned
from runtime.workers import GRACE, at_work
from workflows.account import AccountSaga
from workflows.adoption import AdoptionRun
from workflows.amendment import AmendmentSaga
from workflows.batch import BatchProcess
from workflows.cash import CashCheck
from workflows.dunning import DunningProcess
from workflows.entitlement import EntitlementProcess
from workflows.invoices import InvoiceSweep
from workflows.names import bulk_queue
from workflows.payout import PayoutSaga
from workflows.policies import queue_of
from workflows.preview import PreviewRun
from workflows.reconciliation import Reconciliation
from workflows.renewal import RenewalProcess
from workflows.revenue import RevenueSchedules
from workflows.targets import TargetsCheck

log = structlog.get_logger()

#: Activities of one queue at a time, where no vendor says how many.
_SLOTS = 64
#: The same of all that is done in bulk.
_BULK_SLOTS = 8

#: What the sandbox does not load anew for each saga: they are pure.
_PASSED_THROUGH = (
    "pydantic",
    "pydantic_core",
    "canonical_models",
    "activities.contracts",
    "workflows.asking",
    "workflows.books",
    "workflows.human_tasks",
    "workflows.moving",
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
    BatchProcess,
    CashCheck,
    DunningProcess,
    EntitlementProcess,
    InvoiceSweep,
    PayoutSaga,
    PreviewRun,
    Reconciliation,
    RenewalProcess,
    RevenueSchedules,
    TargetsCheck,
)


class _Sandbox(SandboxedWorkflowRunner):
    """Looks at each workflow once in a process, not once for each worker: tests make many."""

    _seen: ClassVar[set[type]] = set()

    def prepare_workflow(self, defn: Any) -> None:
        if defn.cls not in self._seen:
            super().prepare_workflow(defn)
            self._seen.add(defn.cls)


#: Refuses what would not replay. Tests and the replay of recorded histories run in it; a worker at
#: work does not pay its third of the CPU of every saga again for code that has passed there.
SANDBOX = _Sandbox(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
)


def tenants(settings: Settings, database: Database) -> dict[str, Tenant]:
    """Every configured tenant with its adapters. Raises UnknownVendor or SettingsError."""
    return {
        name: _tenant(settings, database, name, given) for name, given in settings.tenants.items()
    }


def _tenant(settings: Settings, database: Database, name: str, given: TenantSettings) -> Tenant:
    configs = {used: settings.connection(name, used) for used in given.parts.values()}
    governors = {used: registry.governor(config) for used, config in configs.items()}
    of = {
        part: (configs[used], observe_vendor, governors[used]) for part, used in given.parts.items()
    }
    return Tenant(
        name=name,
        connection=given.billing,
        books_from=given.cutover,
        billing=registry.billing(*of["billing"]),
        erp=registry.erp(*of["erp"], closed=closed_months(database, name)),
        support=registry.support(*of["support"]),
        policy=given.policy,
        targets={target: registry.target(*of[target]) for target in given.targets},
        governors={part: governors[used] for part, used in given.parts.items()},
        lands_within={part: given.connections[used].lands for part, used in given.parts.items()},
        one_writer=registry.one_writer(configs[given.erp]),
        shadow=given.shadow,
    )


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
    build: str | None = None,
) -> AbstractAsyncContextManager[None]:
    """The Temporal workers of all sagas; also what benchmarks and, with SANDBOX, tests run. Without
    a `build` they take part in no deployment.

    One of the sagas themselves, one of all that is done in bulk, with few slots, and one for each
    system of a tenant, with a task queue and slots of its own: what waits for a slow vendor takes
    no slot of another's. Where the ERP wants one to post at a time, the postings of a legal entity
    have a queue of their own, in one process.
    """
    activities = _activities(
        Amendment(database, known),
        Account(database, known),
        Adoptions(),
        Batching(database, known),
        Books(database, known),
        Cash(database, known),
        ExceptionQueue(database, known),
        Dunning(database, known),
        Previews(database, known),
        Renewals(database, known),
        Entitling(database, known),
        Comparing(database, known),
        Invoicing(database, known),
        Reconciling(database, known),
        Revenue(database, known),
    )
    deployment = None if build is None else pinned(task_queue, build)

    def sagas(queue: str, slots: int, tasks: int, cached: int, *, bulk: bool = False) -> Worker:
        return Worker(
            client,
            task_queue=queue,
            workflows=WORKFLOWS,
            activities=activities,
            interceptors=[Heartbeats(bulk=bulk)],
            workflow_runner=runner or UnsandboxedWorkflowRunner(),
            workflow_task_executor=ThreadPoolExecutor(tasks, thread_name_prefix="saga"),
            max_cached_workflows=cached,
            max_concurrent_activities=slots,
            max_concurrent_local_activities=slots,
            # A saga whose worker died is taken up by another after this long.
            sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
            graceful_shutdown_timeout=GRACE,
            deployment_config=deployment,
        )

    live = sagas(task_queue, _SLOTS, 8, 500)
    bulk = sagas(bulk_queue(task_queue), _BULK_SLOTS, 2, 100, bulk=True)

    def vendor(tenant: str, part: str, places: Callable[[], int], polls: int = 2) -> Worker:
        return Worker(
            client,
            task_queue=queue_of(task_queue, tenant, part),
            activities=activities,
            interceptors=[Heartbeats()],
            tuner=moving(places),
            max_concurrent_activity_task_polls=polls,
            graceful_shutdown_timeout=GRACE,
            deployment_config=deployment,
        )

    def lane(tenant: str, legal_entity: str) -> Worker:
        posting, places = known[tenant].lane(legal_entity), _places(known[tenant], "erp")
        return vendor(tenant, posting or "erp", lambda: min(places(), 1), polls=1)

    vendors = [
        vendor(tenant.name, part, _places(tenant, part))
        for tenant in known.values()
        for part in tenant.parts
    ]
    lanes = Lanes(
        database,
        lane,
        tenants=[tenant.name for tenant in known.values() if tenant.one_writer],
        build=build or "",
        name=client.identity,
    )
    return at_work([live, bulk, *vendors, lanes])


def _places(tenant: Tenant, part: str) -> Callable[[], int]:
    """One more than the vendor takes calls: a step is not at the vendor all the time."""
    if (governor := tenant.governors.get(part)) is None:
        return lambda: _SLOTS
    return lambda: governor.places and governor.places + 1


def _activities(*classes: object) -> list[Callable[..., Any]]:
    """Every method that is declared as one."""
    return [
        method
        for made in classes
        for _, method in inspect.getmembers(made, inspect.ismethod)
        if hasattr(method, "__temporal_activity_definition")
    ]


def _metrics(host: str, port: int) -> Callable[[], None]:
    """Serves them; what is answered ends that. Raises SettingsError where the port is taken."""
    try:
        server, _ = start_http_server(port, addr=host)
    except OSError as fault:
        raise SettingsError(
            f"the worker cannot serve its metrics on {host}:{port}: {fault.strerror}. "
            "Give each worker of a machine a port of its own with --metrics-port, or none with 0"
        ) from fault
    return server.shutdown


async def run(settings: Settings, *, ready: Callable[[], None]) -> None:
    """Work until cancelled; `ready` is called once tasks are polled for. Raises SettingsError where
    the namespace is not the database's, or the metrics' port is taken."""
    async with AsyncExitStack() as stack:
        # One connection of the process listens for news.
        database = Database(settings.dsn, pool_size=settings.database.pool_size - 1, ping=False)
        stack.push_async_callback(database.close)
        known = tenants(settings, database)
        for tenant in known.values():
            for close in tenant.closing:
                stack.push_async_callback(close)
        if settings.worker.metrics_port:
            stack.callback(_metrics(settings.worker.metrics_host, settings.worker.metrics_port))
        stack.enter_context(traced("worker", settings.tracing, settings.folder))
        client = await connect(
            settings.temporal, folder=settings.folder, interceptors=interceptors()
        )
        await require_same_namespace(database, client, moved=False)

        async def after_loss() -> None:
            # The address is the same as ever, so it is the store that was lost.
            await refill(database, client, settings)

        sealer, sender = Sealer(database), Sender(database, settings)

        def written() -> None:
            sealer.wake()
            sender.wake()

        governors = {
            (tenant.name, governor.name): governor
            for tenant in known.values()
            for governor in tenant.governors.values()
        }
        contracts = {key: governor.contract for key, governor in governors.items()}
        dispatcher = Dispatcher(
            settings.dispatch,
            database,
            client,
            translators(settings),
            task_queue=settings.temporal.task_queue,
            refill=after_loss,
            settling={name: tenant.policy.settling_seconds for name, tenant in known.items()},
            written=written,
            asking={(tenant.name, tenant.connection): tenant.billing for tenant in known.values()},
            cash={name for name, tenant in known.items() if tenant.books_cash},
            contracts=contracts,
        )
        queue = settings.temporal.task_queue
        build = build_of(settings.worker.version)
        worker = make_worker(client, queue, database, known, build=build)
        stack.enter_context(connections_shown(governors))
        agreed = SharedContracts(database, contracts)
        shared = SharedBreakers(database, governors, away_minutes=settings.worker.away_minutes)
        async with (
            at_work_as("worker", database, build=build),
            worker,
            asyncio.TaskGroup() as group,
        ):
            deployment = Deployment(client, queue)
            current = await deployment.begin(build)
            if current != build:
                log.warning(
                    "new sagas begin on another version than this worker's",
                    current=current,
                    build=build,
                    advice=f"`trueup deploy promote {build}` when it is to take over",
                )
            group.create_task(deployment.keep(build))
            group.create_task(dispatcher.run())
            group.create_task(sealer.run())
            group.create_task(retaining(database, settings.retention))
            group.create_task(shared.run())
            group.create_task(agreed.run())
            group.create_task(sender.run())
            group.create_task(schedule_sweeps(client, settings))
            log.info("worker ready", tenants=sorted(known), queue=queue, build=build)
            ready()
