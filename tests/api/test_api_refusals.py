"""Every refusal is a line of the security log: who, from where, for what, why; never a secret."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from persistence.database import Database
from runtime import security
from runtime.logging import configure
from tests.api.conftest import Call
from tests.api.seeding import key_of


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_LOG", security.SecurityLog())


async def refused(api: httpx.AsyncClient, path: str, **headers: str) -> dict[str, Any]:
    with capture_logs() as lines:
        answer = await api.get(path, headers={"x-request-id": "from-the-proxy-1", **headers})
    assert answer.status_code in (401, 403)
    (line,) = lines
    del line["log_level"]
    return dict(line)


async def test_without_a_key_with_a_bad_one_and_without_the_scope(
    api: httpx.AsyncClient, database: Database
) -> None:
    key = await key_of(database, "acme", "events:read", name="portal")
    common = {"event": "refused", "address": "127.0.0.1", "request_id": "from-the-proxy-1"}
    assert await refused(api, "/v1/changes/chg_1") == {
        **common,
        "reason": "no_key",
        "detail": "no API key was sent",
        "route": "GET /v1/changes/chg_1",
    }
    assert await refused(api, "/v1/changes", authorization="Bearer tu_wrong") == {
        **common,
        "reason": "unknown_key",
        "detail": "this API key is not known, has expired, or has been revoked",
        "route": "GET /v1/changes",
    }
    assert await refused(api, "/v1/audit", authorization=f"Bearer {key}") == {
        **common,
        "reason": "not_allowed",
        "detail": "this API key may not read the audit trail",
        "tenant": "acme",
        "who": "portal",
        "route": "GET /v1/audit",
    }


async def test_what_is_allowed_is_no_line(call: Call) -> None:
    with capture_logs() as lines:
        assert (await call("GET", "/v1/changes", "changes:read")).status_code == 200
    assert lines == []


@pytest.mark.parametrize("named", ["", "x" * 65, "a b", "a\u00e9"])
async def test_a_name_that_is_none_is_replaced(named: str, api: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await api.get("/v1/changes", headers=[(b"x-request-id", named.encode())])
    assert lines[0]["request_id"].startswith("req_")


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
async def test_it_has_a_name_of_its_own(
    api: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("api", console=False)
    await api.get("/v1/changes", headers={"authorization": "Bearer tu_" + "s" * 43})
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["logger"], said["level"], said["message"]) == (
        "trueup.security",
        "warning",
        "refused",
    )
    assert "sss" not in line
