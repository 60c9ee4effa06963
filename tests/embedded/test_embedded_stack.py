"""The stack without Tryton, the worker and the API: started, stopped, started again."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from canonical_models.acts import Role
from persistence import keys
from persistence.database import Database
from runtime.processes import ChildFailed
from runtime.settings import load
from runtime.temporal import RETENTION, connect
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import Ended, StackFacts
from sandbox.embedded.files import StackBusy
from sandbox.embedded.keys import local_name
from sandbox.embedded.progress import Step
from sandbox.embedded.stack import EmbeddedStack
from sandbox.embedded.temporal_server import TemporalServer
from workflows.names import SEARCH_ATTRIBUTES, TENANT


async def customers(facts: StackFacts) -> list[str]:
    async with httpx.AsyncClient(
        base_url=facts.stripe.url,
        headers={"Authorization": f"Bearer {facts.stripe.api_key}"},
        trust_env=False,
    ) as stripe:
        answer = await stripe.get("/v1/customers")
        return [row["id"] for row in answer.raise_for_status().json()["data"]]


async def webhook_urls(facts: StackFacts) -> list[str]:
    async with httpx.AsyncClient(
        base_url=facts.stripe.url,
        headers={"Authorization": f"Bearer {facts.stripe.api_key}"},
        trust_env=False,
    ) as stripe:
        answer = await stripe.get("/v1/webhook_endpoints")
        return [row["url"] for row in answer.raise_for_status().json()["data"]]


@pytest.mark.slow
async def test_a_second_start_goes_on_with_the_state(
    place: Path, without_tryton: StackConfig
) -> None:
    # Deeper than the path of a Unix socket may be long.
    state = place / ("deep" * 25) / "state"
    steps: list[Step] = []
    async with EmbeddedStack(
        state, without_tryton, services=(), report=steps.append
    ).running() as first:
        assert (state / "stack.json").stat().st_mode & 0o777 == 0o600
        assert StackFacts.load(state) == first
        with psycopg.connect(first.postgres_dsn, autocommit=True) as connection:
            connection.execute(
                "insert into mappings (tenant, kind, source, target, set_by)"
                " values ('acme', 'item', 'price_1', '{}', 'test')"
            )
        async with httpx.AsyncClient(trust_env=False) as http:
            made = await http.post(
                f"{first.stripe.url}/v1/customers",
                data={"name": "Kept"},
                headers={"Authorization": f"Bearer {first.stripe.api_key}"},
            )
            made.raise_for_status()
        client = await connect(first.temporal)
        await client.start_workflow(
            "waits",
            id="subscription/acme/kept",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT, "acme")]),
        )
    assert not any(map(psutil.pid_exists, first.pids.values()))
    assert not (state / "stack.json").exists()
    assert {step.part for step in steps if step.state == "ready"} == set(first.pids)

    async with EmbeddedStack(state, without_tryton, services=()).running() as second:
        assert await customers(second) == [made.json()["id"]]
        assert await webhook_urls(second) == [f"{second.api.url}/webhooks/acme/stripe"]
        assert second.stripe.webhook_endpoint == first.stripe.webhook_endpoint
        assert second.temporal == first.temporal
        assert second.api == first.api
        with psycopg.connect(second.postgres_dsn) as connection:
            assert connection.execute("select source from mappings").fetchall() == [("price_1",)]
        client = await connect(second.temporal)
        handle = client.get_workflow_handle("subscription/acme/kept")
        assert (await handle.describe()).typed_search_attributes[TENANT] == "acme"
        await handle.terminate()


@pytest.mark.slow
async def test_two_stacks_side_by_side(place: Path, without_tryton: StackConfig) -> None:
    async with (
        EmbeddedStack(place / "a", without_tryton, services=()).running() as a,
        EmbeddedStack(place / "b", without_tryton, services=()).running() as b,
    ):
        settings = load(a.config)
        assert settings.dsn == a.postgres_dsn
        assert settings.temporal.address == a.temporal.address
        assert settings.connection("acme", "stripe").secret("api_key") == a.stripe.api_key
        assert settings.connection("acme", "zendesk").secret("token") == a.zendesk.token
        assert settings.connection("acme", "tryton").secret("api_key") == "given"
        told = settings.connection("acme", "app")
        assert told.secret("signing_secret") == a.target.signing_secret
        (signing,) = settings.connection("acme", "stripe").webhook_secrets
        assert signing.get_secret_value() == a.stripe.webhook_secret
        addresses = [
            (facts.postgres_dsn, facts.temporal.address, facts.stripe.url, facts.zendesk.url)
            for facts in (a, b)
        ]
        assert not set(addresses[0]) & set(addresses[1])
        with pytest.raises(StackBusy, match="already runs"):
            async with EmbeddedStack(place / "a").running():
                pass
        assert all(map(psutil.pid_exists, a.pids.values()))


@pytest.mark.slow
async def test_the_namespace_and_the_key_are_ready(
    place: Path, without_tryton: StackConfig
) -> None:
    async with EmbeddedStack(place, without_tryton, services=()).running() as facts:
        client = await connect(facts.temporal)
        found = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="default")
        )
        assert found.config.workflow_execution_retention_ttl.ToTimedelta() >= RETENTION
        aliases = set(found.config.custom_search_attribute_aliases.values())
        assert aliases >= {key.name for key in SEARCH_ATTRIBUTES}

        database = Database(facts.postgres_dsn, pool_size=2)
        async with database.transaction() as conn:
            key = await keys.find(conn, facts.api.key)
            assert key is not None
            assert (key.tenant, key.scopes) == ("acme", ("admin",))
            made = await keys.create(conn, "acme", "portal", ("changes:read",))
            assert len(made) == 46
            listed = await keys.page(conn, "acme")
            named = {one.name: one.key_id for one in listed}
            assert named.keys() == {"demo", local_name(), "portal"}
            portal = named["portal"]
            assert await keys.revoke(conn, "other", portal) is None
            assert await keys.find(conn, made) is not None
            revoked = await keys.revoke(conn, "acme", portal)
            assert revoked is not None
            assert await keys.revoke(conn, "acme", portal) == revoked
            assert await keys.find(conn, made) is None
            assert await keys.find(conn, "tu_" + "a" * 43) is None
        await database.close()


@pytest.mark.slow
async def test_whoever_starts_it_may_do_everything_by_the_command_line(
    place: Path, without_tryton: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "the-cfo")
    words = ("mappings", "set", "item", "prod_x", "--erp-item")
    async with EmbeddedStack(place, without_tryton, services=()).running():
        assert (place / "secrets" / "operator-key").stat().st_mode & 0o777 == 0o600
        code, made = await cli(place, *words, "X")
        assert (code, made["mapping"]["set_by"]) == (0, local_name())
        code, found = await cli(place, "people", "list")
        # Beside those who may each be signed in at the console by a link.
        roles = {each["name"]: set(each["roles"]) for each in found["items"]}
        assert roles[local_name()] == set(Role)
    # Again, with what is there; and with another key where that one was deleted.
    for deleted in (False, True):
        if deleted:
            (place / "secrets" / "operator-key").unlink()
        async with EmbeddedStack(place, without_tryton, services=()).running():
            code, _ = await cli(place, *words, "Y" if deleted else "Z")
            assert code == 0


@pytest.mark.slow
async def test_given_parts_are_used_instead(place: Path, without_tryton: StackConfig) -> None:
    async with EmbeddedStack(place / "a", without_tryton, services=()).running() as a:
        given = StackConfig.model_validate(
            {
                "database": {"dsn": a.postgres_dsn},
                "temporal": {"address": a.temporal.address},
                "connections": without_tryton.connections,
                "folder": without_tryton.folder,
            }
        )
        async with EmbeddedStack(place / "b", given, services=()).running() as b:
            assert set(b.pids) == {"stripe", "target", "zendesk"}
            assert load(b.config).dsn == a.postgres_dsn
            assert load(b.config).temporal.address == a.temporal.address
        # What was given is not ours to stop.
        assert all(map(psutil.pid_exists, a.pids.values()))


async def test_a_failed_start_leaves_nothing(
    place: Path, without_tryton: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(*_given: object) -> tuple[str, ...]:
        return ("server", "start-dev", "--nonsense")

    monkeypatch.setattr(f"{TemporalServer.__module__}._arguments", arguments)
    began = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(ChildFailed, match=r"temporal ended with code 1(.|\n)*nonsense"):
        async with EmbeddedStack(place, without_tryton, services=()).running():
            pytest.fail("it came up")
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= began
    assert list((place / "run").iterdir()) == []


@pytest.mark.slow
async def test_parts_that_die_come_back_with_their_data_where_they_were(
    place: Path, without_tryton: StackConfig
) -> None:
    steps: list[Step] = []
    stack = EmbeddedStack(place, without_tryton, services=(), report=steps.append)
    stop = asyncio.Event()
    async with stack.running() as facts:
        watching = asyncio.create_task(stack.supervise(stop))
        with psycopg.connect(facts.postgres_dsn, autocommit=True) as connection:
            connection.execute("create table kept ()")
        client = await connect(facts.temporal)
        handle = await client.start_workflow("waits", id="kept", task_queue="nobody")
        for name in ("postgres", "temporal", "stripe"):
            psutil.Process(facts.pids[name]).kill()
        again = await all_again(place, {"postgres", "temporal", "stripe"})
        assert again.model_copy(update={"pids": {}, "ended": {}}) == facts.model_copy(
            update={"pids": {}}
        )
        assert again.pids["zendesk"] == facts.pids["zendesk"]
        with psycopg.connect(facts.postgres_dsn) as connection:
            connection.execute("select from kept")
        assert (await handle.describe()).id == "kept"
        assert await webhook_urls(facts) == [facts.stripe.webhook_url]
        stop.set()
        await watching
    assert not any(map(psutil.pid_exists, [*facts.pids.values(), *again.pids.values()]))


async def all_again(state: Path, names: set[str]) -> StackFacts:
    """Looks ten times a second, for a minute at most, until all of them were started again."""
    for _ in range(600):
        facts = StackFacts.load(state)
        if {name for name, ended in facts.ended.items() if ended.restarts} == names:
            return facts
        await asyncio.sleep(0.1)
    raise AssertionError(f"not all of {names} came back: {facts.ended}")


@pytest.mark.slow
async def test_status_says_since_when_parts_are_up_and_what_was_given_up(
    place: Path, without_tryton: StackConfig
) -> None:
    async with EmbeddedStack(place, without_tryton, services=()).running() as facts:
        code, shown = await status(place)
        # Nobody works: no worker and no API were started.
        assert (code, shown["state"], shown["stack"]["phase"]) == (5, "away", "up")
        assert {part["part"]: part["state"] for part in shown["parts"]}["database"] == "works"
        psutil.Process(facts.pids["stripe"]).suspend()
        _, stopped = await status(place)
        psutil.Process(facts.pids["stripe"]).resume()
        # It is there, and does not answer.
        (stripe,) = (one for one in stopped["stack"]["processes"] if one["part"] == "stripe")
        assert (stripe["state"], stopped["stack"]["phase"]) == ("away", "degraded")
        why = "was killed by SIGKILL; the end of stripe.log:\nlines of it"
        ended = {
            "stripe": Ended(at=datetime.now(UTC), why=why, restarts=2),
            "zendesk": Ended(at=datetime.now(UTC), why="ended with code 1", given_up=True),
        }
        facts.model_copy(update={"ended": ended}).save()
        code, shown = await status(place)
        assert (code, shown["stack"]["phase"]) == (5, "degraded")
        parts = {part["part"]: part for part in shown["stack"]["processes"]}
        stripe, zendesk = parts["stripe"], parts["zendesk"]
        assert (stripe["state"], stripe["restarts"], stripe["ended_why"]) == ("works", 2, why)
        assert datetime.fromisoformat(stripe["since"]) <= datetime.now(UTC)
        assert (zendesk["state"], zendesk["ended_why"]) == ("given up", "ended with code 1")
        assert (parts["postgres"]["state"], parts["postgres"]["restarts"]) == ("works", 0)
        assert parts["tryton"]["state"] == "given"


async def status(state: Path) -> tuple[int | None, dict[str, Any]]:
    """Exit code and output of `trueup status`."""
    return await cli(state, "status")


async def cli(state: Path, *words: str) -> tuple[int | None, Any]:
    """Exit code and output of a command."""
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "--state", str(state), *words, "-o", "json"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asked.communicate()
    return asked.returncode, json.loads(output)
