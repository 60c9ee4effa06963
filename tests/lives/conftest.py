from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.policy import DunningPolicy, TenantPolicy
from persistence.database import Database
from tests.harness.lives import Life, living, skipping_server
from tests.harness.systems import Script, Systems, Target

POLICY = TenantPolicy(dunning=DunningPolicy(grace_days=7, reminder_days=(0, 3), final_days=30))


@pytest.fixture(scope="session")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with skipping_server() as environment:
        yield environment


@pytest.fixture
async def life(skipping: WorkflowEnvironment, database: Database) -> AsyncIterator[Life]:
    script = Script()
    systems = Systems(script, POLICY, {"app": Target(script, "app")})
    async with living(skipping, database, systems) as lived:
        yield lived
