"""Months as finance sees them on the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from canonical_models.closing import CloseReport, PeriodDifference
from cli.output import ExitCode
from persistence import closing
from persistence.closing import Month
from persistence.database import Database
from starter_api.v1.examples_closing import DIFFERENCE, REPORT
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup

MONTH = Month(tenant="acme", legal_entity="LE-DE", period="2027-01")
OF = ("LE-DE", "2027-01")


@pytest.fixture
async def refused(database: Database, acme: Ids) -> PeriodDifference:
    """A month that a difference has kept open."""
    stands = PeriodDifference.model_validate(DIFFERENCE, strict=False)
    async with database.transaction() as conn:
        attempt = await closing.begin(conn, MONTH, by="jane")
        assert attempt is not None
        at = datetime.now(UTC)
        await closing.give_up(conn, MONTH, attempt, tried_at=at, standing=[stands])
    del acme
    return stands


@pytest.fixture
async def closed(database: Database, acme: Ids) -> str:
    """The id of a sealed report."""
    report = CloseReport.model_validate(REPORT, strict=False)
    async with database.transaction() as conn:
        attempt = await closing.begin(conn, MONTH, by="jane")
        assert attempt is not None
        close_id = await closing.seal(conn, MONTH, attempt, report)
    assert close_id is not None
    del acme
    return close_id


async def test_what_kept_a_month_open_is_accepted_and_taken_back(
    trueup: Trueup, refused: PeriodDifference
) -> None:
    shown = await trueup("periods", "show", *OF)
    assert shown.code == 0, shown.err
    assert refused.difference_id in shown.out
    assert f"trueup periods accept LE-DE 2027-01 {refused.difference_id}" in shown.err
    key = (*OF, refused.difference_id)
    nothing = await trueup("periods", "accept", *key, "--reason", " ")
    assert nothing.code == ExitCode.USAGE
    done = await trueup("periods", "accept", *key, "--reason", "agreed", "-o", "json")
    assert done.json["difference"]["decided"]["reason"] == "agreed"
    again = await trueup("periods", "accept", *key, "--reason", "agreed")
    assert "nothing has changed" in again.err
    shown = await trueup("periods", "show", *OF)
    assert "accepted by" in shown.out
    back = await trueup("periods", "withdraw", *key, "--reason", "a slip", "-o", "json")
    assert back.json["difference"]["decided"] is None
    twice = await trueup("periods", "withdraw", *key, "--reason", "a slip")
    assert twice.code == ExitCode.CONFLICT
    other = await trueup("periods", "accept", *OF, "dif_other", "--reason", "agreed")
    assert other.code == ExitCode.NOT_FOUND


async def test_a_report_is_shown_printed_and_its_month_reopened(
    trueup: Trueup, closed: str, tmp_path: Path
) -> None:
    listed = await trueup("periods", "list", "-o", "json")
    assert [each["close_id"] for each in listed.json["items"]] == [closed]
    shown = await trueup("periods", "show", *OF)
    assert shown.code == 0, shown.err
    for words in ("300.00 EUR", "DE-VAT-19", "accepted by jane"):
        assert words in shown.out, words
    whole = await trueup("periods", "show", *OF, "--report-version", "1", "-o", "json")
    assert whole.json["report"] == json.loads(
        CloseReport.model_validate(REPORT, strict=False).model_dump_json()
    )
    page = tmp_path / "january.html"
    assert (await trueup("periods", "print", *OF, str(page))).code == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    nowhere = await trueup("periods", "print", *OF, str(tmp_path / "no" / "page.html"))
    assert nowhere.code == ExitCode.FAILED
    none = await trueup("periods", "print", *OF, str(page), "--report-version", "7")
    assert none.code == ExitCode.NOT_FOUND

    reopened = await trueup("periods", "reopen", *OF, "--reason", "a late credit")
    assert reopened.code == 0
    assert "version 1" in reopened.err
    again = await trueup("periods", "reopen", *OF, "--reason", "a late credit")
    assert again.code == ExitCode.CONFLICT


async def test_what_cannot_be_closed_is_said(trueup: Trueup, acme: Ids) -> None:
    del acme
    wrong = await trueup("close", "LE-DE", "January")
    assert (wrong.code, "write it as 2027-01" in wrong.err) == (ExitCode.USAGE, True)
    unknown = await trueup("close", "LE-NOWHERE", "2026-01")
    assert unknown.code == ExitCode.NOT_FOUND
    none = await trueup("periods", "list")
    assert "no month was closed yet" in none.err
    never = await trueup("periods", "show", "LE-DE", "2026-01")
    assert never.code == ExitCode.NOT_FOUND
