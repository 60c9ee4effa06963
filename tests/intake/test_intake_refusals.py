"""Webhooks that are refused, and connections that are cut off, are lines of the security log."""

import time

import httpx
import pytest
from structlog.testing import capture_logs

from runtime import security
from tests.harness.webhooks import PATH, signature, signed, subscription_event


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_LOG", security.SecurityLog())


async def test_forged_stale_and_strange_ones(intake: httpx.AsyncClient) -> None:
    body = subscription_event("evt_1")
    stale = signature(body, at=int(time.time()) - 3600)
    with capture_logs() as lines:
        await intake.post(PATH, content=body, headers={"stripe-signature": "t=1,v1=00"})
        await intake.post(PATH, content=body, headers={"stripe-signature": stale})
        await intake.post("/webhooks/acme/nobody", content=body, headers=signed(body))
        await intake.post(PATH, content=body, headers=signed(body))
    said = [(line["reason"], line.get("tenant"), line.get("who"), line["route"]) for line in lines]
    assert said == [
        ("signature_refused", "acme", "billing", f"POST {PATH}"),
        ("signature_refused", "acme", "billing", f"POST {PATH}"),
        ("unknown_connection", None, None, "POST /webhooks/acme/nobody"),
    ]
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    assert "evt_1" not in str(lines)
    assert "v1=" not in str(lines)


async def test_a_connection_that_is_cut_off(intake: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await intake.get("/healthz", headers={"x-large": "x" * 40_000})
    assert answer.status_code == 431
    (line,) = lines
    assert (line["reason"], line["address"]) == ("cut_off", "127.0.0.1")
    assert line["detail"].startswith("head-too-large: ")
