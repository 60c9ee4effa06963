"""`trueup support context`, as it is read at a terminal of 80 columns."""

from datetime import UTC, datetime

from canonical_models.support import CaseTold, CaseWord
from cli.output import ExitCode
from persistence import support_desk
from persistence.database import Database
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup


async def test_a_customer_is_read_within_80_columns(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    word = CaseTold(
        event_id="e", word=CaseWord.ESCALATED, case_id="4711", organization="org_1", at=at
    )
    async with database.transaction() as conn:
        await support_desk.told(conn, "acme", word)
    said = await trueup("support", "context", "--organization", "org_1")
    assert said.code == 0
    assert all(len(line) <= 80 for line in said.out.splitlines())
    for words in (
        f"paid by {acme.customer}; parent not named",
        "Open cases  [support,",
        "4711 · escalated 2026-11-22 10:00 UTC",
        "! only what the desk has told of",
        "seats 10, until open end, by subscription owned-by-acme",
        "100.00 EUR of 142.80 EUR open",
        "Support desk  [support, never read]",
        acme.exception,
        acme.change("next"),
    ):
        assert words in said.out, said.out
    found = (await trueup("support", "context", "--customer", acme.customer, "-o", "json")).json
    assert found["customers"][0]["cases"]["value"]["items"][0]["case"]["case_id"] == "4711"


async def test_whom_nobody_knows_is_said_without_repeating_the_address(
    trueup: Trueup, acme: Ids
) -> None:
    said = await trueup("support", "context", "--email", "erika@example.com")
    assert said.code == ExitCode.NOT_FOUND
    assert "erika" not in said.err
    assert "trueup mappings list" in said.err
    said = await trueup("support", "context")
    assert said.code == ExitCode.USAGE
