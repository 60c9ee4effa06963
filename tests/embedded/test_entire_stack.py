"""The whole stack through the command line: real Tryton, worker and API."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(place: Path) -> Iterator[Cli]:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli", "--state", str(place / "state"), *arguments],
            cwd=ROOT,
            env={**os.environ, "TRUEUP_CACHE": str(ROOT / ".trueup" / "cache")},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    yield run
    run("down")


def up(cli: Cli) -> dict[str, Any]:
    done = cli("up", "--detach", "-o", "json")
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def status(cli: Cli) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(cli("status", "-o", "json").stdout)
    return shown


def alive(facts: dict[str, Any]) -> list[str]:
    pids = {**facts["pids"], "supervisor": facts["pid"]}
    return [name for name, pid in pids.items() if psutil.pid_exists(pid)]


def eventually(holds: Callable[[], bool]) -> bool:
    """Looks ten times a second for a minute at most."""
    never = threading.Event()
    for _ in range(600):
        if holds():
            return True
        never.wait(0.1)
    return False


def test_up_status_down_and_up_again(cli: Cli) -> None:
    facts = up(cli)
    assert sorted(facts["pids"]) == [
        *("api", "console", "postgres", "stripe", "target", "temporal", "tryton", "worker"),
        "zendesk",
    ]
    assert status(cli)["stack"]["phase"] == "up"
    assert cli("up").returncode == 4
    assert httpx.get(f"{facts['api']['metrics']}/readyz", trust_env=False).status_code == 200
    answer = httpx.get(
        f"{facts['tryton']['url']}/{facts['tryton']['database']}/rest/model/party.party",
        headers={"Authorization": f"Bearer {facts['tryton']['api_key']}"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    assert signed_in_by_link(facts["console"], "finance") == "fay"
    assert cli("down").returncode == 0
    assert alive(facts) == []
    assert cli("status").returncode == 5

    again = up(cli)
    assert again["api"] == facts["api"]
    assert again["tryton"] == facts["tryton"]
    assert again["console"]["url"] == facts["console"]["url"]
    assert signed_in_by_link(again["console"], "admin") == "kim"


def signed_in_by_link(console: dict[str, Any], role: str) -> str:
    """Who the link of that role is for; it opens once."""
    assert sorted(console["sign_in"]) == ["admin", "finance", "operations", "support", "viewer"]
    sent = {"invitation": console["sign_in"][role].rpartition("/")[2]}
    with httpx.Client(base_url=console["url"], trust_env=False) as browser:
        assert browser.post("/sign-in/link", data=sent).status_code == 303
        assert browser.post("/sign-in/link", data=sent).status_code == 401
        found = re.search(r'<a class="me" href="/me">(\w+)</a>', browser.get("/acme/work").text)
    assert found is not None
    return found[1]


@pytest.mark.long
def test_a_killed_worker_is_started_again(cli: Cli) -> None:
    facts = up(cli)
    psutil.Process(facts["pids"]["worker"]).kill()
    stack = Path(facts["state"]) / "stack.json"
    assert eventually(
        lambda: json.loads(stack.read_text())["pids"]["worker"] != facts["pids"]["worker"]
    )
    shown = status(cli)
    assert shown["stack"]["phase"] == "up"
    worker = next(part for part in shown["stack"]["processes"] if part["part"] == "worker")
    assert worker["restarts"] == 1
    assert worker["ended_why"].startswith("was killed by SIGKILL; the end of")
    lines = (Path(facts["state"]) / "logs" / "supervisor.log").read_text().splitlines()
    steps = [line for line in lines if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line)]
    assert any(
        re.search(r" worker +again +in 0.5 s: was killed by SIGKILL", line) for line in steps
    )
    assert any(re.search(r" worker +ready +again, as process \d+", line) for line in steps)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them")
def test_a_killed_supervisor_leaves_nothing(cli: Cli) -> None:
    facts = up(cli)
    family = [
        psutil.Process(facts["pid"]),
        *psutil.Process(facts["pid"]).children(recursive=True),
    ]
    os.kill(facts["pid"], signal.SIGKILL)
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []
    assert status(cli)["stack"]["phase"] == "down"
    assert up(cli)["api"] == facts["api"]
