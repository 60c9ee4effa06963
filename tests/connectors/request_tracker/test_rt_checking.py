"""A Request Tracker connection looked at and set up, on catalogs of its own."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from connectors.config import ConnectionConfig
from connectors.request_tracker.checking import RequestTrackerConnection
from sandbox.rt.server import RtInstance

pytestmark = pytest.mark.rt

Agent = Callable[..., Awaitable[Any]]
EXPECTED = Expected(webhook_path="/webhooks/acme/rt")


def config(url: str, token: str, **options: Any) -> ConnectionConfig:
    return ConnectionConfig(
        name="desk",
        vendor="request_tracker",
        base_url=url,
        secrets={"token": SecretStr(token)},
        options=options,
        timeout_seconds=20,
    )


async def found(config: ConnectionConfig) -> dict[str, Finding]:
    async with RequestTrackerConnection.connect(config) as connection:
        findings = await connection.check(EXPECTED)
    secret = config.secret("token")
    assert secret not in "".join(one.model_dump_json() for one in findings)
    return {one.looked_at: one for one in findings}


def wrong(findings: dict[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if one.verdict is Verdict.WRONG}


async def test_what_is_missing_is_named_then_made_then_right(
    rt: RtInstance, agent: Agent, customer: str
) -> None:
    own = {"catalog": f"Catalog {customer}", "tier_field": f"Tier {customer}"}
    asked = config(rt.url, rt.administrator_token, **own)
    assert wrong(await found(asked)) == {"catalog"}

    async with RequestTrackerConnection.connect(asked) as connection:
        would = await connection.setup(EXPECTED, keep=None)
        assert not any(step.done for step in would)
        assert wrong(await found(asked)) == {"catalog"}, "a rehearsal makes nothing"
        made = await connection.setup(EXPECTED, keep=str)
        assert [step.what for step in made] == [step.what for step in would]
        assert all(step.done for step in made)
        assert await connection.setup(EXPECTED, keep=str) == ()

    assets = await agent("GET", "/assets", query="id > 0", per_page="1")
    # The least rights that are documented are enough, and a look makes no asset.
    least = await found(config(rt.url, rt.token, **own))
    assert wrong(least) == set()
    after = await agent("GET", "/assets", query="id > 0", per_page="1")
    assert after["total"] == assets["total"]
    for looked_at in ("escalations",):
        assert "not supported" in least[looked_at].meaning
    levels = await found(config(rt.url, rt.token, sla_levels={"gold": "premium"}))
    assert levels["service levels"].verdict is Verdict.UNKNOWN
    assert "not supported" in levels["promises of levels"].meaning


async def test_fields_that_do_not_fit(rt: RtInstance, agent: Agent, customer: str) -> None:
    own = {"catalog": f"Catalog {customer}", "features_field": f"Features {customer}"}
    asked = config(rt.url, rt.administrator_token, **own)
    body = {
        "Name": own["features_field"],
        "Type": "Freeform",
        "MaxValues": 1,
        "LookupType": "RT::Catalog-RT::Asset",
    }
    field = await agent("POST", "/customfield", body)
    async with RequestTrackerConnection.connect(asked) as connection:
        await connection.setup(EXPECTED, keep=str)
    assert wrong(await found(asked)) == {f"custom field {own['features_field']}"}

    await agent("PUT", f"/customfield/{field['id']}", {"MaxValues": 0, "Disabled": 1})
    seen = await found(asked)
    assert "disabled" in seen[f"custom field {own['features_field']}"].meaning
    async with RequestTrackerConnection.connect(asked) as connection:
        with pytest.raises(ValueError, match=f"{own['features_field']} is disabled"):
            await connection.setup(EXPECTED, keep=None)


async def test_a_user_without_rights_a_wrong_token_and_nobody_there(
    rt: RtInstance, agent: Agent
) -> None:
    assert wrong(await found(config(rt.url, "1-14-wrong"))) == {"credentials"}
    assert wrong(await found(config("http://127.0.0.1:9", rt.token))) == {"reachable"}
    elsewhere = await found(config(f"{rt.url}/elsewhere", rt.token))
    assert not any(one.verdict is Verdict.RIGHT for one in elsewhere.values())


async def test_webhooks_are_none_of_its(rt: RtInstance) -> None:
    heard = config(rt.url, rt.token).model_copy(update={"webhook_secrets": (SecretStr("x"),)})
    assert wrong(await found(heard)) == {"escalations"}
