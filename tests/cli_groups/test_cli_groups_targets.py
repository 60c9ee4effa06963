"""`trueup targets` reads what a target holds and tells it again; `trueup recover` starts again what
Temporal should have."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from canonical_models.entitlement import CustomerEntitlements, EntitledFeature
from cli.output import ExitCode
from dispatch.signalling import Signaller
from persistence import namespace
from persistence.database import Database
from tests.cli_groups.conftest import Trueup, trueup_with
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Script, Systems, Target, lost
from tests.harness.telling import telling
from tests.harness.waiting import until

_SETTINGS = """
[database]
dsn = "{dsn}"

[temporal]
address = "{address}"
task_queue = "{queue}"

[tenants.acme]
billing = "billing"
erp = "billing"
support = "billing"
targets = ["app"]

[tenants.acme.connections.billing]
vendor = "stripe"
base_url = "http://127.0.0.1:9"
books_from = 2026-01-01

[tenants.acme.connections.app]
vendor = "signed_http"
base_url = "http://127.0.0.1:9"
"""


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    script = Script()
    systems = Systems(script, targets={"app": Target(script, "app")})
    async with sagas_at_work(temporal.client, database, systems) as working:
        yield working


@pytest.fixture
def trueup(
    tmp_path: Path,
    dsn: str,
    temporal: WorkflowEnvironment,
    sagas: Sagas,
    anna: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueup:
    address = temporal.client.service_client.config.target_host
    path = tmp_path / "trueup.toml"
    path.write_text(_SETTINGS.format(dsn=dsn, address=address, queue=sagas.task_queue))
    return trueup_with(path, monkeypatch)


def app(sagas: Sagas) -> Target:
    return sagas.systems.targets["app"]


async def news(sagas: Sagas) -> None:
    await Signaller(sagas.database, sagas.client, sagas.task_queue).tell()


async def told(sagas: Sagas, features: dict[str, int]) -> None:
    async def reached() -> bool:
        return app(sagas).features("cus_1") == features

    await until(reached, f"the target holds {features}")


async def subscribed(sagas: Sagas) -> None:
    billing = sagas.systems.billing
    billing.snapshots["sub_1"] = snapshot(
        subscription(item("pro", 5)), invoice(line("il_1", 20000))
    )
    await sagas.finish("chg_1")
    await news(sagas)
    await told(sagas, {"seats": 5, "sso": 1})


def restored(sagas: Sagas) -> None:
    """From a copy that is older than what it was told."""
    app(sagas).kept["cus_1"] = CustomerEntitlements(
        customer_id="cus_1",
        revision=1,
        as_of=datetime.now(UTC),
        features=(EntitledFeature(feature="seats", quantity=2, until=None),),
    )


async def test_a_target_is_compared_and_told_again(trueup: Trueup, sagas: Sagas) -> None:
    await subscribed(sagas)
    right = await trueup("targets", "check")
    assert right.code == ExitCode.OK, right.err
    assert "every target holds what it should" in right.err

    restored(sagas)
    for words in ((), ("--target", "app"), ("--customer", "cus_1")):
        found = await trueup("targets", "check", *words)
        assert found.code == ExitCode.FAILED
        assert "seats: should be 5, is 2" in found.out
        assert "sso: should be 1, is nothing" in found.out
        assert "trueup targets publish" in found.err
    as_data = (await trueup("targets", "check", "-o", "json")).json
    assert (as_data["differences"], as_data["differing"][0]["customer_id"]) == (1, "cus_1")
    other = await trueup("targets", "check", "--target", "support")
    assert other.code == ExitCode.OK, other.err
    # Looking changes nothing.
    assert app(sagas).features("cus_1") == {"seats": 2}

    again = await trueup("targets", "publish", "--target", "app", "--customer", "cus_1")
    assert (again.code, again.err) == (0, "app is being told again of 1 customers.\n")
    await news(sagas)
    await told(sagas, {"seats": 5, "sso": 1})
    assert (await trueup("targets", "check")).code == ExitCode.OK


async def test_what_is_not_there_is_said(trueup: Trueup, sagas: Sagas) -> None:
    await subscribed(sagas)
    for command in ("check", "publish"):
        unknown = await trueup("targets", command, "--target", "nowhere")
        assert unknown.code == ExitCode.NOT_FOUND
        assert "use one of app, support" in unknown.err
    nobody = await trueup("targets", "publish", "--customer", "cus_nobody")
    assert nobody.code == ExitCode.NOT_FOUND


async def test_a_target_that_cannot_be_read_is_not_taken_for_right(
    trueup: Trueup, sagas: Sagas
) -> None:
    await subscribed(sagas)
    sagas.systems.script.faults["app.held"] = [lost("app", happened=False)]
    found = await trueup("targets", "check", "--target", "app")
    assert found.code == ExitCode.UNAVAILABLE
    assert "app could not be read" in found.err


async def test_processes_that_temporal_has_lost_are_started_again(
    trueup: Trueup, sagas: Sagas, database: Database
) -> None:
    await subscribed(sagas)
    (renewal,) = await waiting(database)
    handle = sagas.client.get_workflow_handle(renewal)
    await handle.terminate()

    done = await trueup("recover", "-o", "json")
    assert done.code == ExitCode.OK, done.err
    assert (done.json["processes"], done.json["changes"]) == (1, 0)

    async def runs() -> bool:
        try:
            found = await handle.describe()
        except RPCError:
            return False
        return found.status is not None and found.status.name == "RUNNING"

    await until(runs, "the renewal waits again")
    again = await trueup("recover")
    assert "0 processes and 0 schedules" in again.err


async def test_another_namespace_is_not_filled_by_mistake(
    trueup: Trueup, database: Database
) -> None:
    async with database.transaction() as conn:
        await namespace.moved(conn, "elsewhere", "id")
    refused = await trueup("recover")
    assert refused.code == ExitCode.CONFLICT
    assert "carried out in the namespace elsewhere" in refused.err
    assert (await trueup("recover", "--moved")).code == ExitCode.OK


async def waiting(database: Database) -> list[str]:
    """Processes that have not ended."""
    async with database.statement() as conn:
        found = await conn.execute("select workflow_id from processes where kind = 'renewal'")
        return [row[0] for row in await found.fetchall()]


async def test_what_a_target_has_lost_is_rehearsed_and_brought_about(
    trueup: Trueup, sagas: Sagas
) -> None:
    await subscribed(sagas)
    restored(sagas)
    to_app = ("backfill", "publish", "--target", "app")
    early = await trueup(*to_app, "--apply")
    assert early.code == ExitCode.CONFLICT
    assert "`trueup backfill publish --rehearse`" in early.err
    async with telling(sagas):
        found = await trueup(*to_app)
        assert found.code == ExitCode.OK, found.err
        assert "Rehearsal bfl_" in found.out
        assert "tell entitlements" in found.out
        assert app(sagas).features("cus_1") == {"seats": 2}
        made = (await trueup("batches", "list", "-o", "json")).json["items"][0]["batch_id"]
        shown = (await trueup("backfill", "show", made, "-o", "json")).json
        assert (shown["batch"]["counts"], shown["agree"]) == ({"done": 1}, 0)
        done = await trueup(*to_app, "--apply")
        assert done.code == ExitCode.OK, done.err
        assert app(sagas).features("cus_1") == {"seats": 5, "sso": 1}
        watched = await trueup("batches", "show", made, "--follow")
        assert watched.code == ExitCode.OK, watched.err


async def test_whose_it_is_comes_from_a_file_too(
    trueup: Trueup, sagas: Sagas, tmp_path: Path
) -> None:
    await subscribed(sagas)
    names = tmp_path / "ids.txt"
    names.write_text("cus_1\n\ncus_none\ncus_1\n")
    some = ("backfill", "publish", "--customers", str(names), "--no-follow", "-o", "json")
    begun = await trueup(*some)
    assert begun.code == ExitCode.OK, begun.err
    assert begun.json["of"]["selection"]["customers"] == ["cus_1", "cus_none"]
    assert begun.json["batch"]["state"] == "running"
    both = await trueup(*some, "--customer", "cus_1")
    assert both.code == ExitCode.USAGE
    names.write_text("\n")
    assert (await trueup("backfill", "publish", "--customers", str(names))).code == ExitCode.USAGE
