"""What would be done, as operators see it, and what they try."""

from pathlib import Path

import pytest

from cli.output import ExitCode
from persistence.database import Database
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup
from tests.harness.flow import write


async def test_what_would_be_done_is_shown_with_what_stands_against_it(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    status = await trueup("shadow", "status")
    assert status.code == ExitCode.FAILED
    for words in ("item_unmapped", "agreement", "0.0%", "tax"):
        assert words in status.out, words
    for words in (
        "The tenant is live: these are of when it was in shadow.",
        "Against going live: 1 differ.",
        "1 subscriptions or accounts would wait for a person",
        "Not compared: documents of the ERP that carry no number",
    ):
        assert words in status.err, words
    found = (await trueup("shadow", "status", "-o", "json")).json
    assert (found["differ"], found["differ_by"], found["ready"]) == (1, {"tax": 1}, False)

    listed = await trueup("shadow", "list", "--differs-in", "tax")
    assert listed.code == 0
    assert acme.mark in listed.out
    assert f"tax: planned {acme.mark}, found none" in listed.err
    none = await trueup("shadow", "list", "--state", "waiting")
    assert (none.code, none.out) == (0, "")
    assert "nothing was planned that is looked for" in none.err
    refused = await trueup("shadow", "list", "--state", "lost")
    assert (refused.code, "no document is ever 'lost'" in refused.err) == (ExitCode.USAGE, True)

    shown = await trueup("shadow", "show", acme.change("done"))
    assert shown.code == 0
    assert "then waits" in shown.out
    assert acme.mark in shown.out
    await write(database, "update shadow_changes set foreseen = null")
    erased = await trueup("shadow", "show", acme.change("done"))
    assert "What it would have done was erased." in erased.err
    other = await trueup("shadow", "show", acme.change("waits"))
    assert other.code == ExitCode.NOT_FOUND
    assert "nothing was planned in shadow" in other.err
    live = await trueup("shadow", "look")
    assert live.code == ExitCode.CONFLICT
    assert "acme is live" in live.err


async def test_what_is_ready_says_since_when(trueup: Trueup, acme: Ids, database: Database) -> None:
    await write(database, "update shadow_changes set code = null, comes = 'goes_through'")
    await write(
        database,
        "update shadow_items set state = 'agrees', differences = '[]' where about = 'document'",
    )
    await write(
        database,
        "insert into shadow_items (tenant, about, key, change_id, subject, customer_id, expected, "
        "state, differences, since, compared_at) select tenant, about, key || n, change_id, "
        "subject, customer_id, expected, 'agrees', '[]', since, compared_at "
        "from shadow_items, generate_series(1, 19) n",
    )
    status = await trueup("shadow", "status")
    assert status.code == 0, status.err
    assert "Ready to go live since 2026-11-20 12:00 UTC." in status.err
    assert "100.0%" in status.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("books = 3", "policy.books"),
        ("[boks]", "policy.boks"),
        ("= 3", "cannot be read"),
    ],
)
async def test_a_file_that_is_no_policy_is_refused(
    trueup: Trueup, acme: Ids, tmp_path: Path, text: str, words: str
) -> None:
    assert acme
    path = tmp_path / "new.toml"
    path.write_text(text, encoding="utf-8")
    said = await trueup("shadow", "try", "--policy", str(path), "--since", "2026-11-01")
    assert said.code == ExitCode.USAGE
    assert words in said.err


async def test_a_trial_is_begun_and_shown(trueup: Trueup, acme: Ids, tmp_path: Path) -> None:
    assert acme
    path = tmp_path / "items.toml"
    path.write_text('[[items]]\nitem = "pro"\nerp_item = "OTHER"\n', encoding="utf-8")
    nothing = await trueup("shadow", "try", "--since", "2026-11-01")
    assert (nothing.code, "nothing is to be tried" in nothing.err) == (ExitCode.USAGE, True)
    no_day = await trueup("shadow", "try", "--mappings", str(path))
    assert (no_day.code, "since" in no_day.err) == (ExitCode.USAGE, True)
    begun = await trueup(
        *("shadow", "try", "--mappings", str(path), "--since", "2026-11-01"),
        *("--keep-on", "-o", "json"),
    )
    assert begun.code == 0, begun.err
    batch = begun.json["batch"]
    assert (batch["kind"], batch["given"]["keep_on"]) == ("trial", True)
    shown = await trueup("shadow", "trial", batch["batch_id"])
    assert batch["batch_id"] in shown.out
    unknown = await trueup("shadow", "trial", "bat_acme")
    assert unknown.code == ExitCode.NOT_FOUND
