"""Runs scenarios one after the other on one worker, with its commands written down.

Each finds an empty database and new scripted systems; the worker and the server stay, because
starting them takes longer than all the sagas.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError

from activities.tenants import Tenant
from canonical_models.policy import TenantPolicy
from persistence import mappings
from persistence.database import Database
from tests.harness.postgres import PostgresServer
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import ACCOUNT, ITEMS
from tests.harness.systems import Script, Systems, Target
from tests.replay.commands import CommandLog
from tests.replay.scenarios import SCENARIOS, Scenario
from tests.replay.scenarios_background import BACKGROUND
from tests.replay.scenarios_processes import LIFE, POLICIES, PROCESSES
from tests.replay.scenarios_undone import UNDONE
from worker import SANDBOX, make_worker

#: By name; the name is that of the file in the corpus.
ALL: dict[str, Scenario] = {
    scenario.__name__: scenario for scenario in (*SCENARIOS, *UNDONE, *LIFE, *BACKGROUND)
}
#: Everywhere else a person has hours.
_SERVICE_LEVEL_SECONDS = {"escalated": 0.05}
#: In these the ERP wants one to post at a time.
_ONE_WRITER = {"posted_in_a_lane", "cancelled_during_a_short_posting"}


@dataclass(frozen=True)
class Ran:
    history: WorkflowHistory
    commands: list[str]


class Stage:
    """`run` shows one scenario. Not two at a time: they share the database."""

    def __init__(
        self, client: Client, database: Database, queue: str, known: dict[str, Tenant]
    ) -> None:
        self._client, self._database, self._queue, self._known = client, database, queue, known
        self.log = CommandLog()

    async def run(self, name: str) -> Ran:
        """The closed run that the scenario shows."""
        await self._set()
        systems = Systems(policy=POLICIES.get(name, TenantPolicy()))
        one_writer = name in _ONE_WRITER
        systems.tenant = replace(systems.tenant, one_writer=one_writer)
        self._known["acme"] = _with_service_level(systems.tenant, name)
        handle = await ALL[name](Sagas(self._client, self._database, systems, self._queue))
        history = await handle.fetch_history()
        return Ran(history, self.log.of(history.run_id))

    async def _set(self) -> None:
        """The master data, lanes that the worker serves, and nothing else; processes of the
        scenario before are ended."""
        for process in PROCESSES:
            with contextlib.suppress(RPCError):
                await self._client.get_workflow_handle(process).terminate()
        async with self._database.transaction() as conn:
            found = await conn.execute(
                "select string_agg(quote_ident(tablename), ', ') from pg_tables "
                "where schemaname = 'public' and tablename not in ('alembic_version', 'lanes')"
            )
            (tables,) = await found.fetchone() or ("",)
            await conn.execute(f"truncate {tables}".encode())
            await mappings.put(conn, "acme", ACCOUNT, by="tester")
            for mapping in ITEMS.values():
                await mappings.put(conn, "acme", mapping, by="tester")


@asynccontextmanager
async def stage(client: Client, postgres: PostgresServer) -> AsyncIterator[Stage]:
    queue = f"test-{secrets.token_hex(4)}"
    with postgres.database() as dsn:
        database = Database(dsn)
        try:
            # Of each system that a scenario may have there is a worker from the beginning.
            targets = {"app": Target(Script(), "app")}
            first = Systems(targets=targets).tenant
            known: dict[str, Tenant] = {"acme": replace(first, one_writer=True)}
            made = Stage(client, database, queue, known)
            # The plugins of a client are those of its workers too.
            config = client.config()
            config["plugins"] = [made.log.plugin]
            async with make_worker(Client(**config), queue, database, known, runner=SANDBOX):
                yield made
        finally:
            await database.close()


def _with_service_level(tenant: Tenant, name: str) -> Tenant:
    if name not in _SERVICE_LEVEL_SECONDS:
        return tenant
    hours = _SERVICE_LEVEL_SECONDS[name] / 3600
    policy = tenant.policy
    late = {"exception_hours": dict.fromkeys(policy.exception_hours, hours)}
    return replace(tenant, policy=policy.model_copy(update=late))
