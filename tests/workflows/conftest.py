from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with sagas_at_work(temporal.client, database, Systems()) as working:
        yield working
