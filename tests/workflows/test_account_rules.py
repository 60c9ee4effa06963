"""Tenants whose policy does not say in whose books a new customer goes, or that opens accounts."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.commerce import PostalAddress
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import AccountPolicy, TenantPolicy
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems
from tests.workflows.test_account_opening import MAPPED, PROFILE, arrive, asked, made, party


@pytest.fixture
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    policy = TenantPolicy(accounts=request.param)
    async with sagas_at_work(temporal.client, database, Systems(policy=policy)) as working:
        arrive(working, PROFILE.model_copy(update={"address": PostalAddress(country="FR")}))
        working.systems.support.unknown.discard("cus_2")
        yield working


@pytest.mark.parametrize(
    "sagas", [AccountPolicy(create=True, legal_entities={"DE": "LE-DE"})], indirect=True
)
async def test_no_rule_for_the_legal_entity_is_corrected_with_a_mapping(sagas: Sagas) -> None:
    handle, exception_id, message = await asked(sagas, RejectionCode.ACCOUNT_UNMAPPED)
    assert "country FR, currency EUR" in message
    assert made(sagas) == []

    await sagas.resolve(handle, exception_id, Action.CORRECT, account=MAPPED)

    assert (await handle.result()).outcome == "completed"
    assert await party(sagas) == "C-7"


@pytest.mark.parametrize(
    "sagas", [AccountPolicy(), AccountPolicy(legal_entity="LE-DE")], indirect=True
)
async def test_a_tenant_that_keeps_its_master_data_by_hand_is_asked(sagas: Sagas) -> None:
    handle, exception_id, message = await asked(sagas, RejectionCode.ACCOUNT_UNMAPPED)
    assert "trueup mappings set account cus_2" in message
    assert "billing.account" not in sagas.systems.script.calls

    await sagas.resolve(handle, exception_id, Action.CORRECT, account=MAPPED)

    assert (await handle.result()).outcome == "completed"
    assert made(sagas) == []
    assert "billing.account" not in sagas.systems.script.calls
