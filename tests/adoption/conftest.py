from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from persistence.database import Database
from tests.adoption.golive import GoLive, before_going_live
from tests.harness.sagas import sagas_at_work


@pytest.fixture
async def golive(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[GoLive]:
    """`cus_1` is mapped to `C-1001`, and the items are."""
    async with sagas_at_work(temporal.client, database, before_going_live()) as working:
        yield GoLive(working)
