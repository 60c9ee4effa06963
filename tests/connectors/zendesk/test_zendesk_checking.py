"""A Zendesk connection looked at and set up, on an account that drops undefined fields."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from connectors.config import ConnectionConfig
from connectors.zendesk.access import TOKENS_END
from connectors.zendesk.checking import ZendeskConnection
from sandbox.simulators.child import running_child

TOKEN = "PlantedToken0123456789"
PATH = "/webhooks/acme/support"
EXPECTED = Expected(webhook_path=PATH, public_url="https://trueup.example.com")


@pytest.fixture
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state = tmp_path_factory.mktemp("checking") / "state.sqlite"
    arguments = ("--state", str(state), "--token", TOKEN, "--strict-fields")
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        yield child.url


def config(url: str, *secrets: str, token: str = TOKEN) -> ConnectionConfig:
    return ConnectionConfig(
        name="support",
        vendor="zendesk",
        base_url=url,
        secrets={"token": SecretStr(token)},
        webhook_secrets=tuple(map(SecretStr, secrets)),
        options={"email": "sync@example.com"},
        timeout_seconds=5,
    )


async def found(config: ConnectionConfig) -> dict[str, Finding]:
    async with ZendeskConnection.connect(config) as connection:
        findings = await connection.check(EXPECTED)
    assert TOKEN not in "".join(one.model_dump_json() for one in findings)
    return {one.looked_at: one for one in findings}


def wrong(findings: dict[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if one.verdict is Verdict.WRONG}


async def test_what_is_missing_is_named_then_made_then_right(url: str) -> None:
    first = await found(config(url))
    fields = {"trueup_support_tier", "trueup_contract_end", "trueup_features"}
    assert wrong(first) == {f"organisation field {key}" for key in fields}
    assert str(TOKENS_END) in first["way in"].meaning
    assert first["way in"].next_step is not None
    assert "100000" in first["rate limit"].meaning

    async with ZendeskConnection.connect(config(url)) as connection:
        would = await connection.setup(EXPECTED, keep=None)
        assert not any(step.done for step in would)
        assert wrong(await found(config(url))) == wrong(first)
        kept: list[str] = []

        def keep(secret: str) -> str:
            kept.append(secret)
            return "a file"

        made = await connection.setup(EXPECTED, keep=keep)
    assert len(made) == 5
    (secret,) = kept
    assert secret not in "".join(step.what for step in made)

    # The webhook is there, and nothing calls it yet.
    second = await found(config(url, secret))
    assert wrong(second) == {"triggers"}
    assert "signing secret" in wrong(await found(config(url, "another")))
    auth = ("agent@example.com/token", TOKEN)
    async with httpx.AsyncClient(base_url=url, auth=auth, trust_env=False) as agent:
        (webhook,) = (await agent.get("/api/v2/webhooks")).json()["webhooks"]
        action = {"field": "notification_webhook", "value": [webhook["id"], "{}"]}
        trigger = {"title": "Escalated", "actions": [action]}
        answer = await agent.post("/api/v2/triggers", json={"trigger": trigger})
        answer.raise_for_status()
    assert wrong(await found(config(url, secret))) == set()
    async with ZendeskConnection.connect(config(url, secret)) as connection:
        assert await connection.setup(EXPECTED, keep=lambda _: "a file") == ()


async def test_credentials_that_are_refused_and_nobody_there(url: str) -> None:
    assert wrong(await found(config(url, token="wrong"))) == {"credentials"}
    assert wrong(await found(config("http://127.0.0.1:9"))) == {"reachable"}
