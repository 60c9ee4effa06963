"""A target looked at: it has to take our signature, and no other."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Verdict
from connectors.config import ConnectionConfig
from connectors.signed_http.checking import TargetConnection

OTHER = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


@pytest.fixture
def config(target_url: str, secret: str) -> Callable[..., ConnectionConfig]:
    def make(signing: str = secret, url: str = target_url) -> ConnectionConfig:
        return ConnectionConfig(
            name="app",
            vendor="signed_http",
            base_url=url,
            secrets={"signing_secret": SecretStr(signing)},
            timeout_seconds=5,
        )

    return make


async def verdicts(
    config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
) -> dict[str, Verdict]:
    async with TargetConnection.connect(config, transport=transport) as connection:
        found = await connection.check(Expected(webhook_path="/webhooks/acme/app"))
    assert OTHER not in "".join(one.model_dump_json() for one in found)
    return {one.looked_at: one.verdict for one in found}


async def test_ours_is_taken(config: Callable[..., ConnectionConfig]) -> None:
    found = await verdicts(config())
    assert found["signature"] is Verdict.RIGHT
    assert Verdict.WRONG not in found.values()


async def test_another_secret_is_refused(config: Callable[..., ConnectionConfig]) -> None:
    assert (await verdicts(config(OTHER)))["signature"] is Verdict.WRONG


async def test_a_target_that_takes_any_signature_is_wrong(
    config: Callable[..., ConnectionConfig],
) -> None:
    anything = httpx.MockTransport(lambda _: httpx.Response(404, json={"error": "unknown"}))
    assert (await verdicts(config(), anything))["signature"] is Verdict.WRONG


async def test_what_is_no_target_is_unknown_and_nobody_is_unreachable(
    config: Callable[..., ConnectionConfig],
) -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(404, text="<html>"))
    assert (await verdicts(config(), page))["signature"] is Verdict.UNKNOWN
    assert await verdicts(config(url="http://127.0.0.1:9")) == {"reachable": Verdict.WRONG}
