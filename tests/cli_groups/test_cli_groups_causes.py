"""Causes, notes, and what an abort has undone: from the command line, as the real saga has it."""

from canonical_models.acts import Role
from cli.output import ExitCode
from persistence import approvals
from persistence.database import Database
from tests.api.seeding import Ids
from tests.api.stuck import stuck
from tests.api.yes import asks_for_a_yes
from tests.cli_groups.conftest import Trueup
from tests.harness.people import joined
from tests.harness.sagas import Sagas


async def test_a_cause_is_listed_and_shows_its_cases(trueup: Trueup, acme: Ids) -> None:
    listed = (await trueup("causes", "list", "-o", "json")).json["items"]
    (cause,) = [one for one in listed if one["code"] == "item_unmapped"]
    assert cause["open_cases"] == 1
    table = await trueup("causes", "list", "--owner", "finance")
    assert (table.code, cause["cause_id"] in table.out) == (0, True)
    nobodys = await trueup("causes", "list", "--owner", "support")
    assert cause["cause_id"] not in nobodys.out

    shown = await trueup("causes", "show", cause["cause_id"])
    assert shown.code == 0, shown.err
    assert acme.exception in shown.out
    assert "120.00 EUR" in shown.out
    gone = await trueup("causes", "show", "0" * 16)
    assert gone.code == ExitCode.NOT_FOUND


async def test_what_people_note_stays_in_the_history(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    await joined(database, "acme", "fay", Role.FINANCE)
    key = acme.exception
    given = await trueup("exceptions", "assign", key, "fay", "--note", "knows the customer")
    assert given.code == 0, given.err
    assert (await trueup("exceptions", "tag", key, "vat", "month-end")).code == 0
    told = await trueup("exceptions", "comment", key, "asked the customer")
    assert "asked the customer" in told.out
    mine = await trueup("exceptions", "list", "--assignee", "fay", "--tag", "vat", "-o", "json")
    assert [one["exception_id"] for one in mine.json["items"]] == [key]
    shown = (await trueup("exceptions", "show", key)).out
    for words in ("knows the customer", "asked the customer", "anna"):
        assert words in shown
    assert (await trueup("exceptions", "assign", key, "nobody")).code == 0
    none = await trueup("exceptions", "list", "--assignee", "fay", "-o", "json")
    assert none.json["items"] == []


async def test_what_an_abort_undoes_is_shown_and_can_be_begun_anew(
    trueup_at_work: Trueup, sagas: Sagas
) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    shown = await trueup_at_work("exceptions", "undoes", key, "-o", "json")
    assert shown.code == 0, shown.err
    # Access was given at once, and nothing is posted of the document that waits.
    assert {one["system"] for one in shown.json["undone"]} >= {"entitlements"}
    early = await trueup_at_work("exceptions", "reopen", key, "--reason", "too early")
    assert early.code == ExitCode.CONFLICT
    assert "is open: there is nothing to reopen" in early.err

    assert (await trueup_at_work("exceptions", "resolve", key, "abort", "--wait")).code == 0
    reopened = await trueup_at_work(
        "exceptions", "reopen", key, "--reason", "wanted after all", "-o", "json"
    )
    assert reopened.code == 0, reopened.err
    assert reopened.json["released"] == shown.json["held"]
    assert reopened.json["change_ids"]


async def test_whose_yes_is_missing_is_shown_and_given(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    await asks_for_a_yes(database, acme)
    shown = await trueup("exceptions", "show", "exc_yes")
    assert "It credits 80.00 EUR, more than 20 EUR: needs 2 of 2 of finance more." in shown.err
    digest = (await trueup("exceptions", "show", "exc_yes", "-o", "json")).json["digest"]
    assert f"--digest {digest}" in shown.err

    wrong = await trueup("exceptions", "resolve", "exc_yes", "approve", "--digest", "0" * 16)
    assert wrong.code == ExitCode.CONFLICT
    said = await trueup("exceptions", "resolve", "exc_yes", "approve", "--digest", digest)
    assert said.code == 0, said.err
    assert "The yes is kept, and it takes another one" in said.err
    again = await trueup("exceptions", "show", "exc_yes")
    assert "needs 1 of 2 of finance more; anna said yes." in again.err
    async with database.statement() as conn:
        assert await approvals.of(conn, "acme", acme.invoice)
