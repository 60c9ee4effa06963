"""Tenants whose policy does not say in whose books a new customer goes, or that opens accounts."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import AccountPolicy, TenantPolicy
from persistence import accounts
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems
from tests.workflows.test_account_opening import MAPPED, PROFILE, arrive, asked, made, party


def profile() -> AccountProfile:
    return PROFILE.model_copy(update={"address": PostalAddress(country="FR")})


@pytest.fixture
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    policy = TenantPolicy(accounts=request.param)
    async with sagas_at_work(temporal.client, database, Systems(policy=policy)) as working:
        arrive(working.systems, profile())
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
    assert message.endswith("map it, or correct the exception with the mapping")
    assert "billing.account" not in sagas.systems.script.calls

    await sagas.resolve(handle, exception_id, Action.CORRECT, account=MAPPED)

    assert (await handle.result()).outcome == "completed"
    assert made(sagas) == []
    # What the ERP calls it is finance's: from now on changes in billing count.
    assert sagas.systems.erp.updated == []
    assert await known_digest(sagas) == profile().billed.digest


async def known_digest(sagas: Sagas) -> str:
    async with sagas.database.transaction() as conn:
        found = await accounts.get(conn, "acme", "cus_2")
    assert found is not None
    return found.profile_digest
