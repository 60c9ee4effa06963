from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from persistence.database import Database
from tests.batches.bulk import Bulk, at_work
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    """Worker and dispatcher at work, as whole processes are."""
    async with (
        sagas_at_work(temporal.client, database, Systems()) as sagas,
        at_work(sagas) as working,
    ):
        yield working
