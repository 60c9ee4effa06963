"""The ERP as a process: ready when it says so, private, and gone when it should be."""

import asyncio
import datetime
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from sandbox.erp.installation import ErpInstallation, ErpStartError
from sandbox.erp.instance import ErpInstance, SeededDatabase
from sandbox.erp.server import DEFAULT_VENV, TrytonServer

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def _child(state: Path, cache: Path) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sandbox.erp", "--state", str(state), "--cache", str(cache), "--exit-with-stdin"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    return process, ready


async def _gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    return alive


@pytest.mark.slow
async def test_answers_on_loopback_and_keeps_its_data(tmp_path: Path, erp_cache: Path) -> None:
    for expected in (0, 1):
        server = TrytonServer(tmp_path, cache=erp_cache)
        async with server as erp, httpx.AsyncClient(trust_env=False) as http:
            path = f"{erp.url}/{erp.database}/rest/model/party.category"
            headers = {"Authorization": f"Bearer {erp.api_key}"}
            found = (await http.get(path, headers=headers)).json()
            await http.post(path, headers=headers, json={"name": "kept"})

        assert erp.url.startswith("http://127.0.0.1:")
        assert len(found) == expected


@pytest.mark.slow
async def test_credentials_are_private(tmp_path: Path, erp_cache: Path) -> None:
    server = TrytonServer(tmp_path, cache=erp_cache)
    async with server as erp:
        saved = SeededDatabase.load(server.credentials_path)

    assert server.credentials_path.stat().st_mode & 0o777 == 0o600
    assert saved.credentials == erp.credentials
    assert saved.year == datetime.datetime.now(tz=datetime.UTC).year


@pytest.mark.slow
async def test_seed_has_both_legal_entities(erp: ErpInstance) -> None:
    assert {code: facts.currency for code, facts in erp.companies.items()} == {
        "LE-DE": "EUR",
        "LE-US": "USD",
    }
    assert set(erp.facts.currencies) == {"EUR", "USD", "JPY", "KWD"}
    assert "C-1001" in erp.facts.parties


@pytest.mark.slow
async def test_child_stops_at_the_end_of_its_standard_input(
    tmp_path: Path, erp_cache: Path
) -> None:
    process, ready = await _child(tmp_path, erp_cache)
    family = psutil.Process(process.pid).children(recursive=True)
    assert process.stdin is not None
    process.stdin.close()

    assert await process.wait() == 0
    assert ready["credentials"] == str(tmp_path / "credentials.json")
    assert family
    assert await _gone(family) == []


@pytest.mark.slow
async def test_child_stops_at_sigterm(tmp_path: Path, erp_cache: Path) -> None:
    process, _ = await _child(tmp_path, erp_cache)
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0


@pytest.mark.slow
async def test_killed_child_leaves_no_server_behind(tmp_path: Path, erp_cache: Path) -> None:
    process, _ = await _child(tmp_path, erp_cache)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()

    assert family
    assert await _gone(family) == []


@pytest.mark.slow
async def test_broken_database_is_reported_with_the_log(tmp_path: Path, erp_cache: Path) -> None:
    async with TrytonServer(tmp_path, cache=erp_cache):
        pass
    (tmp_path / "erp.sqlite").unlink()
    (tmp_path / "erp.sqlite").write_text("not a database", encoding="utf-8")
    server = TrytonServer(tmp_path, cache=erp_cache)

    with pytest.raises(ErpStartError, match=r"trytond\.log") as failure:
        await server.start()

    assert str(tmp_path) in str(failure.value)


def test_missing_environment_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ErpStartError, match=r"requirements-erp\.lock"):
        ErpInstallation(tmp_path).fingerprint()


def test_fingerprint_follows_the_installed_versions(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "trytond").touch()
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    (site / "trytond-1.0.dist-info").mkdir(parents=True)
    before = ErpInstallation(tmp_path).fingerprint()
    (site / "trytond-1.0.dist-info").rename(site / "trytond-1.1.dist-info")

    assert ErpInstallation(tmp_path).fingerprint() != before
    assert ErpInstallation(DEFAULT_VENV).venv == DEFAULT_VENV
