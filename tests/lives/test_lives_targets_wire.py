"""The same on the wire: a target that is a program of its own, restored from a copy, away, back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from temporalio.testing import WorkflowEnvironment

from connectors.config import ConnectionConfig
from connectors.registry import target as registered
from persistence.database import Database
from sandbox.simulators.child import running_child
from tests.harness.lives import Life, living
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Script, Systems
from tests.harness.waiting import until
from tests.lives.conftest import POLICY
from tests.lives.test_lives_entitlement import standing
from tests.lives.test_lives_targets import compared

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Of a target that runs."""
    arguments = ("--state", str(tmp_path / "target.sqlite"), "--secret", SECRET)
    async with (
        running_child("sandbox.simulators.target", *arguments) as child,
        httpx.AsyncClient(base_url=f"{child.url}/_sim/", trust_env=False) as client,
    ):
        yield client


@pytest.fixture
async def life(
    skipping: WorkflowEnvironment, database: Database, control: httpx.AsyncClient
) -> AsyncIterator[Life]:
    config = ConnectionConfig(
        name="app",
        vendor="signed_http",
        base_url=str(control.base_url.copy_with(path="/")).rstrip("/"),
        secrets={"signing_secret": SecretStr(SECRET)},
    )
    target = registered(config, lambda *_: None)
    systems = Systems(Script(), POLICY, {"app": target})  # type: ignore[dict-item]  # a real one
    async with living(skipping, database, systems) as lived:
        yield lived
    await target.close()


async def held(control: httpx.AsyncClient) -> Any:
    answer = await control.get("customers/cus_1")
    return answer.json() if answer.status_code == 200 else None


async def seats(control: httpx.AsyncClient, quantity: int) -> Any:
    """What is held, once there are so many."""
    found: list[Any] = []

    async def reached() -> bool:
        found[:] = [await held(control)]
        features = found[0]["features"] if found[0] else ()
        return any(one["quantity"] == quantity for one in features)

    await until(reached, f"the target holds {quantity} seats")
    return found[0]


async def subscribed(life: Life, control: httpx.AsyncClient) -> Any:
    life.billing = snapshot(subscription(item("pro", 5)), invoice(line("il_1", 20000)))
    await life.look()
    return await seats(control, 5)


async def test_a_restored_target_is_noticed_and_told(
    life: Life, control: httpx.AsyncClient
) -> None:
    copy = await subscribed(life, control)
    life.change(items=(item("pro", 9),))
    await life.look()
    newest = await seats(control, 9)
    assert (await compared(life, set_right=False)).differences == 0

    await control.put("customers/cus_1", json=copy)
    (found,) = (await compared(life, set_right=True)).differing
    assert found.differences == ("seats: should be 9, is 5",)
    assert (await seats(control, 9))["revision"] > newest["revision"]


async def test_a_higher_revision_there_is_set_above(life: Life, control: httpx.AsyncClient) -> None:
    copy = await subscribed(life, control)
    await control.put("customers/cus_1", json={**copy, "revision": 70, "features": []})
    life.change(items=(item("pro", 7),))
    await life.look()
    assert (await seats(control, 7))["revision"] > 70


async def test_a_target_that_is_away_is_told_when_it_is_back(
    life: Life, control: httpx.AsyncClient
) -> None:
    await subscribed(life, control)
    await control.post("faults", json={"drop": "before", "times": None})
    life.change(items=(item("pro", 7),))
    await life.look()

    async def noticed() -> bool:
        return (await standing(life)).error is not None

    await until(noticed, "the target was tried")
    await control.delete("faults")
    await seats(control, 7)
    await life.no_exception()
