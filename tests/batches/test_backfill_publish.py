"""Targets and support told again in bulk: what was deleted by hand comes back, and only that."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from temporalio.testing import WorkflowEnvironment

from canonical_models.backfill import BackfillSubject
from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.commerce import AccountProfile
from canonical_models.failures import RejectionCode
from canonical_models.policy import AccountPolicy, TenantPolicy
from connectors.config import ConnectionConfig
from connectors.zendesk.adapter import ZendeskTicketing
from operations import backfills, targets
from operations.backfills import BackfillAsked
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from sandbox.simulators.child import running_child
from tests.batches.backfilled import applied, everything, rehearsed, unheard, written
from tests.batches.bulk import Bulk, at_work
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Script, Systems, Target, refused
from tests.harness.waiting import until

PUBLISH = BackfillAsked(subject=BackfillSubject.PUBLISH)
TOKEN = "t0ken"

Agent = Callable[..., Awaitable[Any]]


def settings(*targets: str) -> TenantSettings:
    """Of a tenant whose targets have these names."""
    there = {"vendor": "stripe", "base_url": "http://127.0.0.1:9", "books_from": "2026-01-01"}
    names = ("billing", "erp", "support", *targets)
    return TenantSettings(
        billing="billing",
        erp="erp",
        support="support",
        targets=targets,
        connections={name: ConnectionSettings.model_validate(there) for name in names},
    )


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    script = Script()
    systems = Systems(script, targets={"app": Target(script, "app")})
    async with (
        sagas_at_work(temporal.client, database, systems) as sagas,
        at_work(sagas) as working,
    ):
        working.context = replace(working.context, tenants={"acme": settings("app")})
        yield working


async def sold_and_told(bulk: Bulk, *numbers: int) -> Target:
    """Subscriptions that the target has been told of."""
    await unheard(bulk, *numbers)
    await bulk.received([(f"evt_{number}", f"sub_{number}") for number in numbers])
    app = bulk.sagas.systems.targets["app"]

    async def told() -> bool:
        return {f"cus_{number}" for number in numbers} <= set(app.kept)

    await until(told, "the target was told")
    return app


async def test_what_a_target_has_lost_is_told_again(bulk: Bulk) -> None:
    app = await sold_and_told(bulk, 1, 2, 3)
    lost = app.kept.pop("cus_2")
    asked = PUBLISH.model_copy(update={"target": "app"})
    held, did = await everything(bulk), written(bulk)
    found = await rehearsed(bulk, asked)
    assert await everything(bulk) == held
    assert written(bulk) == did
    assert "cus_2" not in app.kept
    assert (found.batch.total, found.agree) == (3, 2)
    assert [(each.system, each.effect, each.count) for each in found.writes] == [
        ("app", "tell entitlements", 1)
    ]

    done = await applied(bulk, asked)
    assert done.batch.counts == {ItemOutcome.DONE: 1}
    assert (written(bulk) - did) == {"app.publish": 1}
    assert app.kept["cus_2"].features == lost.features
    assert app.kept["cus_2"].revision > lost.revision


async def test_what_a_target_refuses_is_a_question_as_ever(bulk: Bulk) -> None:
    app = await sold_and_told(bulk, 1)
    app.kept.pop("cus_1")
    no = refused(RejectionCode.TARGET_REFUSED, "app")
    bulk.sagas.systems.script.faults["app.publish"] = [no] * 100
    asked = PUBLISH.model_copy(update={"target": "app", "apply": True, "confirmed": True})
    made = await backfills.begin(bulk.context, "acme", asked, by="anna")
    await bulk.count(made.batch.batch_id, ItemOutcome.WAITS, 1)
    async with bulk.sagas.database.statement() as conn:
        asks = await conn.execute("select code, change_id from exceptions where state = 'open'")
        assert await asks.fetchall() == [("target_refused", "entitlement/acme/cus_1/app")]
    # Once it takes what it is told, the question is none, and the item is through.
    bulk.sagas.systems.script.faults["app.publish"].clear()
    await targets.publish(bulk.context, "acme", target="app")
    await bulk.count(made.batch.batch_id, ItemOutcome.DONE, 1)
    await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert app.features("cus_1") == {"seats": 5, "sso": 1}


@pytest.fixture
async def zendesk(tmp_path: Path) -> AsyncIterator[str]:
    arguments = ("--state", str(tmp_path / "zendesk.sqlite"), "--token", TOKEN)
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        yield f"{child.url}"


@pytest.fixture
async def agent(zendesk: str) -> AsyncIterator[Agent]:
    """What people do in Zendesk."""
    credentials = ("agent@example.com/token", TOKEN)
    async with httpx.AsyncClient(auth=credentials, trust_env=False) as client:

        async def do(method: str, path: str, body: Any = None) -> Any:
            answer = await client.request(method, f"{zendesk}/api/v2/{path}", json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield do


async def organization(agent: Agent, external_id: str) -> dict[str, Any] | None:
    found = await agent("GET", f"organizations/search.json?external_id={external_id}")
    return next(iter(found["organizations"]), None)


@pytest.mark.slow
async def test_what_was_deleted_by_hand_in_zendesk_comes_back(
    temporal: WorkflowEnvironment, database: Database, zendesk: str, agent: Agent
) -> None:
    """An organisation that is gone is made anew, and fields that somebody emptied are filled."""
    config = ConnectionConfig(
        name="support",
        vendor="zendesk",
        base_url=zendesk,
        secrets={"token": SecretStr(TOKEN)},
        options={"email": "sync@example.com"},
        timeout_seconds=5,
    )
    adapter = ZendeskTicketing.connect(config)
    policy = TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="LE-DE"))
    systems = Systems(policy=policy)
    systems.tenant = replace(systems.tenant, support=adapter)
    async with (
        sagas_at_work(temporal.client, database, systems) as sagas,
        at_work(sagas) as bulk,
    ):
        numbers = (1, 2, 3)
        for number in numbers:
            made = {"name": f"Customer {number}", "external_id": f"cus_{number}"}
            await agent("POST", "organizations", {"organization": made})
            systems.billing.accounts[f"cus_{number}"] = AccountProfile(
                customer_id=f"cus_{number}", name=f"Customer {number}"
            )
        await unheard(bulk, *numbers)
        await bulk.received([(f"evt_{number}", f"sub_{number}") for number in numbers])
        before = [await organization(agent, f"cus_{number}") for number in numbers]
        shown = [each["organization_fields"] for each in before if each]
        assert all(each["trueup_support_tier"] == "premium" for each in shown)

        gone, emptied = before[0], before[1]
        assert gone is not None
        assert emptied is not None
        await agent("DELETE", f"organizations/{gone['id']}")
        fields = dict.fromkeys(emptied["organization_fields"], "")
        changed = {"organization_fields": fields, "tags": []}
        await agent("PUT", f"organizations/{emptied['id']}", {"organization": changed})

        asked = PUBLISH.model_copy(update={"target": "support"})
        found = await rehearsed(bulk, asked)
        assert await organization(agent, "cus_1") is None
        assert {(each.effect, each.count) for each in found.writes} == {
            ("create organisation", 1),
            ("publish entitlement", 2),
        }
        done = await applied(bulk, asked)
        assert (done.batch.state, done.batch.counts) == (BatchState.ENDED, {ItemOutcome.DONE: 2})
        after = [await organization(agent, f"cus_{number}") for number in numbers]
        assert [each and each["organization_fields"] for each in after] == shown
        assert [each and each["name"] for each in after] == [
            "Customer 1",
            "Customer 2",
            "Customer 3",
        ]
        assert after[2] == before[2]
        assert (await rehearsed(bulk, asked)).agree == 3
    await adapter.close()
