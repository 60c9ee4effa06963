"""Runs a scenario: own database, own scripted systems, own worker, with its commands written down."""

from dataclasses import dataclass, replace

from temporalio.client import Client, WorkflowHistory

from persistence.database import Database
from tests.harness.postgres import PostgresServer
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems
from tests.replay.commands import CommandLog
from tests.replay.scenarios import SCENARIOS, Scenario
from tests.replay.scenarios_undone import UNDONE

#: By name; the name is that of the file in the corpus.
ALL: dict[str, Scenario] = {scenario.__name__: scenario for scenario in (*SCENARIOS, *UNDONE)}
#: Everywhere else a person has hours.
_SERVICE_LEVEL_SECONDS = {"escalated": 0.05}


@dataclass(frozen=True)
class Ran:
    history: WorkflowHistory
    commands: list[str]


async def run(name: str, client: Client, postgres: PostgresServer) -> Ran:
    """The closed run that the scenario shows."""
    log = CommandLog()
    # The plugins of a client are those of its workers too.
    recording = Client(**{**client.config(), "plugins": [log.plugin]})
    with postgres.database() as dsn:
        database = Database(dsn)
        try:
            async with sagas_at_work(recording, database, _systems(name)) as sagas:
                handle = await ALL[name](sagas)
                history = await handle.fetch_history()
        finally:
            await database.close()
    return Ran(history, log.of(history.run_id))


def _systems(name: str) -> Systems:
    systems = Systems()
    if name in _SERVICE_LEVEL_SECONDS:
        hours = _SERVICE_LEVEL_SECONDS[name] / 3600
        teams = systems.tenant.exception_hours
        systems.tenant = replace(systems.tenant, exception_hours=dict.fromkeys(teams, hours))
    return systems
