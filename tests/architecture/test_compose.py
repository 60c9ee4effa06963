"""docker-compose.yml: what it starts is what the code offers, and its services fit together.

No container runs here. Its shape is checked against the Compose specification's own vocabulary,
our commands and settings are really read, and the namespace script really runs.
"""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.testing import WorkflowEnvironment

from cli.main import COMMANDS, GROUPS, SANDBOX
from cli.output import ExitCode
from connectors import registry
from runtime.settings import Settings, load
from runtime.workers import GRACE
from tests.architecture.compose import (
    DURATION,
    GIVEN,
    document,
    environment,
    ours,
    required_variables,
    services,
    source,
)
from tests.architecture.repository import ROOT
from workflows.names import SEARCH_ATTRIBUTES

#: The keys of the Compose specification that are used here, with their shapes.
TOP = {"name": str, "services": dict, "volumes": dict}
SERVICE = {
    "build": str,
    "cap_drop": list,
    "command": list,
    "depends_on": dict,
    "entrypoint": list,
    "environment": dict,
    "healthcheck": dict,
    "image": str,
    "init": bool,
    "ports": list,
    "profiles": list,
    "read_only": bool,
    "restart": str,
    "security_opt": list,
    "shm_size": str,
    "stop_grace_period": str,
    "tmpfs": list,
    "volumes": list,
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
JOBS = {"temporal-schema", "temporal-namespace", "migrate"}
#: Nothing in their images could ask them.
UNWATCHED = {"temporal-ui", "jaeger"}
#: What is started with `--profile observability` alone.
OBSERVING = {"prometheus", "grafana", "jaeger"}


def test_only_words_of_the_specification_are_used() -> None:
    top = {key: value for key, value in document().items() if not key.startswith("x-")}
    assert {key for key, value in top.items() if not isinstance(value, TOP[key])} == set()
    for name, service in services().items():
        wrong = {key for key, value in service.items() if not isinstance(value, SERVICE[key])}
        assert wrong == set(), name


def test_every_dependency_exists_and_can_be_met() -> None:
    for name, service in services().items():
        for needed, how in service.get("depends_on", {}).items():
            other = services()[needed]
            assert how["condition"] in CONDITIONS, name
            if how["condition"] == "service_healthy":
                assert "healthcheck" in other, f"{name} waits for {needed}, which has no check"
            if how["condition"] == "service_completed_successfully":
                assert needed in JOBS, f"{name} waits for the end of {needed}, which never ends"


def test_every_server_is_watched_and_started_again_and_every_job_ends() -> None:
    for name, service in services().items():
        if name in JOBS:
            assert service["restart"].startswith("on-failure:"), name
        else:
            assert service["restart"] == "unless-stopped", name
        if name not in JOBS | UNWATCHED:
            check = service["healthcheck"]
            assert check["test"][0] == "CMD", name
            assert int(check["retries"]) > 0, name
            for key in ("interval", "timeout", "start_period"):
                assert DURATION.fullmatch(check[key]), (name, key)


def test_nothing_listens_beyond_loopback() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == len({port.split(":")[1] for port in published}) == 8
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_image_is_pinned() -> None:
    for name, service in services().items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+(?:\.\d+)?", tag), name


def test_what_observes_is_asked_for() -> None:
    profiles = {
        name: service["profiles"] for name, service in services().items() if "profiles" in service
    }
    assert profiles == {name: ["observability"] for name in OBSERVING}


def test_data_is_on_named_volumes_and_files_exist() -> None:
    for name, service in services().items():
        for mount in service.get("volumes", []):
            where, target, *mode = mount.split(":")
            assert target.startswith("/"), name
            if where.startswith("./"):
                assert (ROOT / where).exists(), mount
                assert mode == ["ro"], mount
            else:
                assert where in document()["volumes"], mount


def test_no_secret_is_written_down() -> None:
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert set(example) == required_variables()
    assert set(example.values()) == {""}
    for line in source().splitlines():
        if re.search(r"PASSWORD|PWD|SECRET|TOKEN|API_KEY", line):
            assert ":?" in line, line


def test_our_services_have_no_more_rights_than_they_need() -> None:
    assert set(ours()) == {"migrate", "worker", "api", "console"}
    for service in ours().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    users = re.findall(r"^USER (\S+)$", _dockerfile(), re.MULTILINE)
    assert [user for user in users if not user.startswith("0")] == ["10001:10001"]


@pytest.mark.parametrize("name", sorted(ours()))
def test_the_command_line_knows_each_command(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "cli", *ours()[name]["command"], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert f"trueup {name}" in told.stdout


def test_the_image_holds_all_that_the_commands_import(tmp_path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    copied = set(re.findall(r"^!(\S+)$", ignored, re.MULTILINE))
    assert "COPY . ." in _dockerfile()
    for name in copied:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    modules = [
        module
        for module, _ in {**COMMANDS, **GROUPS}.values()
        if not module.startswith(f"{SANDBOX}.")
    ]
    _in_image(tmp_path, f"import {', '.join(modules)}").check_returncode()
    cli = "import runpy; runpy.run_module('cli', run_name='__main__')"
    listed = _in_image(tmp_path, cli, "--help")
    assert listed.returncode == 0
    assert "worker" in listed.stdout
    assert " demo " not in listed.stdout
    assert "trueup up" not in listed.stdout
    refused = _in_image(tmp_path, cli, "demo")
    assert refused.returncode == ExitCode.USAGE
    assert "made without" in refused.stderr
    assert "in a checkout" in refused.stderr


def _in_image(folder: Path, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Our own environment finds this checkout, wherever it is run; an image's does not."""
    found = "one for one in sys.meta_path if getattr(one, '__name__', '') != '_EditableFinder'"
    return subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import sys; sys.meta_path[:] = [{found}]; {program}",
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_settings_load_and_every_adapter_accepts_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = _settings(monkeypatch)
    assert settings.dsn == f"postgresql://trueup:{GIVEN}@postgres:5432/trueup"
    assert set(settings.tenants) == {"acme"}
    asyncio.run(_connect(settings))


def test_the_services_meet_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch)
    host, _, port = settings.temporal.address.partition(":")
    assert services()[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    for name in ("temporal-namespace", "temporal-ui"):
        assert services()[name]["environment"]["TEMPORAL_ADDRESS"] == settings.temporal.address
    namespace = services()["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"]
    assert namespace == settings.temporal.namespace
    assert services()["api"]["ports"] == [f"127.0.0.1:{settings.api.port}:{settings.api.port}"]
    assert f":{settings.api.metrics_port}/readyz" in services()["api"]["healthcheck"]["test"][-1]
    # What takes no key is not published.
    assert services()["console"]["ports"] == [
        f"127.0.0.1:{settings.console.port}:{settings.console.port}"
    ]
    assert f":{settings.console.port}/healthz" in services()["console"]["healthcheck"]["test"][-1]
    for name in ("api", "worker"):
        ports = " ".join(services()[name].get("ports", ()))
        for of in (settings.api, settings.worker):
            assert str(of.metrics_port) not in ports
    metrics = f":{settings.worker.metrics_port}/metrics"
    assert metrics in services()["worker"]["healthcheck"]["test"][-1]
    assert settings.temporal.ui is not None
    web = settings.temporal.ui.removeprefix("http://")
    assert services()["temporal-ui"]["ports"] == [f"{web}:8080"]


def test_the_worker_may_finish_what_it_writes_before_it_is_killed() -> None:
    given = int(services()["worker"]["stop_grace_period"].removesuffix("s"))
    assert given > GRACE.total_seconds()


def test_the_servers_dynamic_settings_are_well_formed() -> None:
    text = (ROOT / "deploy" / "temporal" / "dynamicconfig.yaml").read_text(encoding="utf-8")
    settings: dict[str, Any] = yaml.safe_load(text)
    assert settings["matching.enableFairness"] == [{"value": True}]
    assert all(set(entry) == {"value"} for values in settings.values() for entry in values)


async def test_the_namespace_script_makes_what_sagas_need_and_may_be_repeated(
    temporal: WorkflowEnvironment,
) -> None:
    first = await _namespace(temporal, "namespace.sh")
    second = await _namespace(temporal, "namespace.sh")
    listed = await _temporal(temporal, "operator search-attribute list -n compose")
    described = await _temporal(temporal, "operator namespace describe -n compose")
    assert (first, second) == (0, 0)
    found = set(re.findall(r"\bTrueup\w+", listed))
    assert found == {key.name for key in SEARCH_ATTRIBUTES}
    assert "720h" in described


def test_the_scripts_are_shell() -> None:
    for script in (ROOT / "deploy" / "temporal").glob("*.sh"):
        checked = subprocess.run(["sh", "-n", str(script)], check=False)
        assert checked.returncode == 0, script


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return load(ROOT / "deploy" / "trueup.toml")


async def _connect(settings: Settings) -> None:
    def unobserved(system: str, method: str, outcome: str, seconds: float) -> None:
        del system, method, outcome, seconds

    for name, tenant in settings.tenants.items():
        adapters = (
            registry.billing(settings.connection(name, tenant.billing), unobserved),
            registry.erp(settings.connection(name, tenant.erp), unobserved),
            registry.support(settings.connection(name, tenant.support), unobserved),
        )
        for adapter in adapters:
            await adapter.close()


async def _namespace(temporal: WorkflowEnvironment, script: str) -> int:
    running = await asyncio.create_subprocess_exec(
        "sh", str(ROOT / "deploy" / "temporal" / script), env=_reaching(temporal)
    )
    async with asyncio.timeout(60):
        return await running.wait()


async def _temporal(temporal: WorkflowEnvironment, command: str) -> str:
    running = await asyncio.create_subprocess_exec(
        "temporal",
        *shlex.split(command),
        env=_reaching(temporal),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await running.communicate()
    return out.decode()


def _reaching(temporal: WorkflowEnvironment) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/tmp"),
        "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": "compose",
    }
