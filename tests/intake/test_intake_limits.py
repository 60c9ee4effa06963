"""A flood of forged webhooks is told to stop, and no good one is refused for it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from runtime import security
from runtime.settings import ApiSettings
from starter_api.app import create_app
from tests.harness.serving import serving
from tests.harness.webhooks import PATH, signed, subscription_event
from tests.intake.conftest import CONNECTIONS

MOST = 5


@pytest.fixture
async def limited(dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = ApiSettings.model_validate({"limits": {"forged": MOST, "address": 1}})
    app = create_app(dsn=dsn, connections=CONNECTIONS, settings=settings)
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


async def forged(client: httpx.AsyncClient, no: int) -> httpx.Response:
    body = subscription_event(f"evt_{no}")
    return await client.post(PATH, content=body, headers=signed(body, secret="guessed"))


async def test_forged_webhooks_are_limited(
    limited: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "_LOG", security.SecurityLog())
    with capture_logs() as lines:
        answers = [await forged(limited, no) for no in range(MOST + 3)]
    told = [line for line in lines if line.get("reason") == "too_many"]
    assert [line["route"] for line in told] == [f"POST {PATH}"] * 3
    assert all(line["address"] == "127.0.0.1" and line["request_id"] for line in told)
    assert [answer.status_code for answer in answers] == [401] * MOST + [429] * 3
    assert answers[-1].json()["code"] == "too-many-requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_a_burst_of_good_ones_is_taken_whole_beside_them(limited: httpx.AsyncClient) -> None:
    for no in range(MOST + 1):
        await forged(limited, no)
    bodies = [subscription_event(f"evt_good_{no}") for no in range(60)]
    answers = await asyncio.gather(
        *(limited.post(PATH, content=body, headers=signed(body)) for body in bodies)
    )
    assert {answer.status_code for answer in answers} == {202}
    assert (await forged(limited, 99)).status_code == 429
