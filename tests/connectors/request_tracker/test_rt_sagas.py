"""Sagas, comparison, reconciliation and context with Request Tracker as the support platform: real
Temporal and PostgreSQL, a real desk; billing and ERP are scripted."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.contracts.reconciliation import ReconcileInput
from activities.contracts.targets import TargetsChecked, TargetsInput
from canonical_models.commerce import AccountProfile
from canonical_models.process import SUPPORT_TARGET
from canonical_models.reconciliation import Cause, Reconciled, Repair
from connectors.request_tracker.adapter import RequestTrackerTicketing
from operations.support_fresh import asked
from persistence import reconciliations
from persistence.comparing import Comparison
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import AS_OF
from tests.harness.systems import CUTOVER, Systems
from workflows.names import TARGETS
from workflows.reconciliation import Reconciliation

pytestmark = pytest.mark.rt

Agent = Callable[..., Awaitable[Any]]
Fields = Callable[[str], Awaitable[dict[str, list[str]]]]

#: Of its customer and subscription, which no other test uses.
NUMBER = 9001
CUSTOMER = f"cus_{NUMBER}"


@pytest.fixture
async def sagas(
    temporal: WorkflowEnvironment, database: Database, support: RequestTrackerTicketing
) -> AsyncIterator[Sagas]:
    systems = Systems(lands_within=5)
    systems.tenant = replace(systems.tenant, support=support)
    async with sagas_at_work(temporal.client, database, systems) as working:
        yield working


async def reconciled(sagas: Sagas) -> Reconciled:
    return await sagas.client.execute_workflow(
        Reconciliation.run,
        ReconcileInput(tenant="acme"),
        id=f"reconciliation-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )


async def compared(sagas: Sagas) -> TargetsChecked:
    result: TargetsChecked = await sagas.client.execute_workflow(
        TARGETS,
        TargetsInput(tenant="acme", target=SUPPORT_TARGET, set_right=False),
        id=f"targets-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
        result_type=TargetsChecked,
    )
    return result


async def of_support(sagas: Sagas) -> dict[tuple[str, str], tuple[Cause, Repair]]:
    async with sagas.database.statement() as conn:
        page = await reconciliations.page(conn, Comparison(tenant="acme", since=CUTOVER), limit=99)
    return {
        (each.key, each.what): (each.cause, each.repair)
        for each in page
        if each.system == "support" and each.key == CUSTOMER
    }


async def test_a_subscription_is_shown_compared_and_set_right(
    sagas: Sagas, support: RequestTrackerTicketing, agent: Agent, fields: Fields
) -> None:
    profile = AccountProfile(customer_id=CUSTOMER, name="Sold here")
    asset = (await support.create_organization(CUSTOMER, profile)).organization_id

    await (await sagas.sell(NUMBER)).result()

    shown = await fields(asset)
    assert shown["Trueup support tier"] == ["premium"]
    assert shown["Trueup features"]
    async with sagas.database.transaction() as conn:
        await conn.execute("update support_contributions set updated_at = %s", (AS_OF,))
        await conn.execute(
            "update effects set attempted_at = %(at)s, confirmed_at = %(at)s "
            "where system = 'support'",
            {"at": AS_OF},
        )
    assert (await compared(sagas)).differences == 0
    assert "support" not in (await reconciled(sagas)).not_compared
    assert await of_support(sagas) == {}

    # An agent promises more than was sold.
    await agent("PUT", f"/asset/{asset}", {"CustomFields": {"Trueup support tier": "enterprise"}})
    (differs,) = (await compared(sagas)).differing
    assert differs.customer_id == CUSTOMER
    assert "tier" in differs.differences[0]
    await reconciled(sagas)
    assert await of_support(sagas) == {
        (CUSTOMER, "tier"): (Cause.BY_HAND, Repair.PUBLISH),
    }

    # The next change of the subscription writes what is due, whatever was written by hand.
    await (await sagas.start("chg_again", f"sub_{NUMBER}")).result()
    assert (await fields(asset))["Trueup support tier"] == ["premium"]
    assert (await compared(sagas)).differences == 0
    await reconciled(sagas)
    assert await of_support(sagas) == {}

    # A customer whose asset people have deleted shows nothing, and that is a difference as well.
    await agent("PUT", f"/asset/{asset}", {"Status": "deleted"})
    assert (await compared(sagas)).differences == 1


async def test_the_context_asks_the_desk(
    support: RequestTrackerTicketing, agent: Agent, customer: str
) -> None:
    profile = AccountProfile(customer_id=customer, name=customer)
    asset = (await support.create_organization(customer, profile)).organization_id
    body = {"Queue": "Support", "Subject": "Down", "Content": "x", "RefersTo": f"asset:{asset}"}
    number = (await agent("POST", "/ticket", body))["id"]

    answer = await asked("support", support, lambda port: port.desk(customer))

    assert answer.problem is None
    assert answer.value is not None
    assert [case.case_id for case in answer.value.cases] == [number]
    assert "not supported" in (answer.value.sla_problem or "")
