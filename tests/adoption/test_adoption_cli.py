"""`trueup adopt` as operators type it."""

from collections.abc import AsyncIterator, Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from temporalio.testing import WorkflowEnvironment

from canonical_models.acts import Role
from canonical_models.failures import CredentialsRefused
from cli.output import ExitCode
from persistence.database import Database
from tests.adoption.golive import GoLive, in_erp, old, sold
from tests.cli_groups.conftest import Trueup, trueup_with
from tests.harness.people import keep_key, personal_key
from tests.harness.systems import Planned
from tests.harness.telling import telling

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

[tenants.acme.connections.billing]
vendor = "stripe"
base_url = "http://127.0.0.1:9"
books_from = {day}
"""

Trueups = Callable[..., Trueup]


@pytest.fixture
async def trueup_of(
    golive: GoLive,
    database: Database,
    temporal: WorkflowEnvironment,
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueups:
    """With the worker's cutover, unless another day is given; Anna types."""
    keep_key(tmp_path, await personal_key(database, "acme", "anna", Role.FINANCE))

    def configured(day: str = "2026-11-01", address: str | None = None) -> Trueup:
        path = tmp_path / f"trueup-{day}.toml"
        path.write_text(
            _SETTINGS.format(
                dsn=dsn,
                address=address or temporal.client.service_client.config.target_host,
                queue=golive.sagas.task_queue,
                day=day,
            )
        )
        return trueup_with(path, monkeypatch)

    return configured


@pytest.fixture
async def trueup(trueup_of: Trueups, golive: GoLive) -> AsyncIterator[Trueup]:
    async with telling(golive.sagas):
        yield trueup_of()


def sells(golive: GoLive) -> None:
    golive.sells(sold(old()))
    golive.systems.erp.documents.append(in_erp(old()))


async def test_it_is_rehearsed_by_default_then_applied(trueup: Trueup, golive: GoLive) -> None:
    sells(golive)
    rehearsed = await trueup("adopt")
    assert rehearsed.code == 0, rehearsed.err
    for words in (
        "Rehearsal ado_",
        "cutover 2026-11-01 00:00 UTC: ended",
        "Customers: 1, of them 1 agree and 0 are left for people",
        "Subscriptions: 1, of them 1 would be taken over",
        "Documents open at the cutover: 1, of them 1 would be linked to the ERP's",
        "Accounts: 1 kept",
    ):
        assert words in rehearsed.out, words
    assert rehearsed.err == ""
    assert golive.written == []

    applied = await trueup("adopt", "--apply")
    assert applied.code == 0, applied.err
    assert "1 taken over" in applied.out
    assert await golive.agreed()
    assert await golive.linked() == "700"


async def test_in_a_terminal_it_is_seen_how_far_it_has_come(
    trueup: Trueup, golive: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    sells(golive)
    screen = StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr("cli.adoption_following.Console", lambda **_: terminal)
    assert (await trueup("adopt")).code == 0
    shown = screen.getvalue()
    assert "Rehearsing" in shown
    assert "1 customers, 0 left for people" in shown
    assert "/s" in shown


async def test_what_was_not_rehearsed_asks_for_yes(
    trueup: Trueup, trueup_of: Trueups, golive: GoLive
) -> None:
    sells(golive)
    refused = await trueup("adopt", "--apply")
    assert refused.code == ExitCode.CONFLICT
    assert "was never rehearsed" in refused.err
    assert "`trueup adopt --rehearse` or `trueup adopt --apply --yes`" in refused.err
    assert golive.systems.script.calls == []
    assert (await trueup("adopt", "--apply", "--yes")).code == 0
    assert (await trueup("adopt")).code == 0
    # A rehearsal of another day says nothing about this one.
    other = await trueup_of("2026-11-02")("adopt", "--apply")
    assert other.code == ExitCode.CONFLICT


async def test_what_is_left_is_told_with_both_sides_and_exits_with_1(
    trueup: Trueup, golive: GoLive
) -> None:
    golive.sells(sold(old()))
    golive.systems.erp.documents.append(in_erp(old(), party="C-9"))
    shown = await trueup("adopt")
    assert shown.code == ExitCode.FAILED
    for words in ("document_differs", "N-in_old of C-1001", "R-700 of C-9", "another party"):
        assert words in shown.out, words

    told = await trueup("adopt", "--report", "last", "-o", "json")
    assert told.code == ExitCode.FAILED
    report = told.json
    assert report["adoption"]["rehearsal"] is True
    assert report["adoption"]["counts"] == {"left": 1}
    assert report["totals"]["documents"] == 1
    assert [cause["cause"] for cause in report["causes"]] == ["document_differs"]
    (customer,) = report["customers"]
    assert (customer["customer_id"], customer["result"]) == ("cus_1", "left")
    assert customer["findings"][0]["erp"].startswith("R-700 of C-9")
    again = await trueup("adopt", "--report", report["adoption"]["adoption_id"])
    assert "document_differs" in again.out


async def test_items_are_listed_once_each(trueup: Trueup, golive: GoLive) -> None:
    golive.sells(sold(product="unheard_of"))
    shown = await trueup("adopt")
    assert shown.code == ExitCode.FAILED
    assert "item that nobody has mapped" in shown.out
    assert "trueup mappings set item price_unheard_of_4000" in shown.out


async def test_many_customers_are_written_one_after_the_other(
    trueup: Trueup, golive: GoLive
) -> None:
    numbers = range(1000, 1250)
    await golive.maps(*numbers)
    for number in numbers:
        golive.sells(sold(number=number, product="unheard_of"))
    shown = await trueup("adopt", "--limit", "1")
    assert "there are 249 more" in shown.err
    report = (await trueup("adopt", "--report", "last", "-o", "json")).json
    assert [each["customer_id"] for each in report["customers"]] == [
        f"cus_{number}" for number in numbers
    ]
    assert report["items"] == [{"item": "price_unheard_of_4000", "customers": 250}]


async def test_one_customer(trueup: Trueup, golive: GoLive) -> None:
    sells(golive)
    assert (await trueup("adopt", "--customer", "cus_1")).code == 0
    assert (await trueup("adopt", "--customer", "cus_1", "--apply")).code == 0
    assert await golive.agreed()
    nobody = await trueup("adopt", "--customer", "cus_x")
    assert nobody.code == ExitCode.NOT_FOUND
    assert "billing has no customer cus_x" in nobody.err


async def test_what_was_stopped_is_resumed(trueup: Trueup, golive: GoLive) -> None:
    sells(golive)
    golive.systems.script.faults["erp.find_number"] = [
        Planned(lambda: CredentialsRefused("the ERP takes no password", system="erp"))
    ]
    await golive.begin("ado_1", rehearsal=True)
    await golive.rests("ado_1")
    stopped = await trueup("adopt", "--report", "ado_1")
    assert stopped.code == ExitCode.FAILED
    assert "adoption ado_1 was stopped: the ERP takes no password" in stopped.err
    assert "trueup adopt --resume" in stopped.err

    resumed = await trueup("adopt", "--resume")
    assert resumed.code == 0, resumed.err
    assert "Rehearsal ado_1" in resumed.out
    nothing = await trueup("adopt", "--resume")
    assert nothing.code == ExitCode.NOT_FOUND
    assert "no adoption waits to be resumed" in nothing.err


async def test_one_that_runs_is_followed_and_no_other_begun(
    trueup_of: Trueups, golive: GoLive
) -> None:
    """Nobody has told the engine of it: while Temporal is away it waits, and is begun once."""
    sells(golive)
    trueup = trueup_of(address="127.0.0.1:9")
    await golive.begin("ado_1", rehearsal=False)
    second = await trueup("adopt")
    assert second.code == ExitCode.CONFLICT
    assert "batch ado_1 is about the same" in second.err
    async with telling(golive.sagas):
        assert (await trueup("adopt", "--resume")).code == 0
    assert await golive.agreed()


async def test_wrong_usage_is_told(trueup: Trueup) -> None:
    both = await trueup("adopt", "--resume", "--apply")
    assert both.code == ExitCode.USAGE
    assert (await trueup("adopt", "--report", "ado_x")).code == ExitCode.NOT_FOUND
    none = await trueup("adopt", "--report", "last")
    assert none.code == ExitCode.NOT_FOUND
    assert "rehearse it: `trueup adopt --rehearse`" in none.err
