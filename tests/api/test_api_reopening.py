"""What an abort has undone is begun anew, on a real saga."""

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import Action
from canonical_models.states import ChangeOutcome
from operations.context import AppContext
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.stuck import at_temporal, stuck
from tests.api.test_api_causes import ok
from tests.harness.sagas import Sagas


@pytest.fixture
def context(
    database: Database, temporal: WorkflowEnvironment, tenant_settings: TenantSettings
) -> AppContext:
    return at_temporal(database, temporal.client, tenant_settings)


async def test_what_an_abort_kept_out_is_released_and_begun_anew(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    aborted = await ok(call, "POST", f"/v1/exceptions/{key}/resolve", json={"action": "abort"})
    assert aborted["exception"]["resolution"] == Action.ABORT
    assert (await waiting.handle.result()).outcome == ChangeOutcome.COMPENSATED
    # The exception was about an item: its document is held by a person here.
    hold = {"reason": "said no"}
    await ok(call, "POST", f"/v1/invoices/{waiting.document_id}/hold", json=hold)
    reopened = await ok(call, "POST", f"/v1/exceptions/{key}/reopen", json={"reason": "after all"})
    assert reopened["released"] == [waiting.document_id]
    assert reopened["change_ids"]
    assert (await sagas.record(waiting.document_id)).hold is None
    shown = await ok(call, "GET", f"/v1/exceptions/{key}")
    assert shown["history"][-1]["what"] == "reopened"
    assert reopened["change_ids"][0] in shown["history"][-1]["note"]
