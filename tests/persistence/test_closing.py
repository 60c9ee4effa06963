"""Who closes a month, for how long it is theirs, and that a report stays as it was sealed."""

from datetime import UTC, date, datetime

import psycopg
import pytest

from canonical_models.closing import CloseReport, PeriodState, Reading, Reopened
from persistence import closing
from persistence.closing import Month, closed_months
from persistence.database import Database

MONTH = Month(tenant="acme", legal_entity="LE-DE", period="2026-01")
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


def report(version: int = 1, **said: object) -> CloseReport:
    return CloseReport.model_validate(
        {
            "tenant": "acme",
            "legal_entity": "LE-DE",
            "period": "2026-01",
            "zone": "UTC",
            "first": date(2026, 1, 1),
            "last": date(2026, 1, 31),
            "version": version,
            "closed_by": "jane",
            "closed_at": NOON,
            "closed_period": "ask",
            "read": Reading(run_id="run", began_at=NOON, books_at=NOON, facts={}, not_compared=()),
            "books_currency": None,
            "currencies": (),
            "accounts": (),
            "ledger": (),
            "taxes": (),
            **said,
        }
    )


async def begun(database: Database, by: str = "jane") -> str | None:
    async with database.transaction() as conn:
        return await closing.begin(conn, MONTH, by=by)


async def sealed(database: Database, version: int = 1) -> str | None:
    attempt = await begun(database)
    assert attempt is not None
    async with database.transaction() as conn:
        return await closing.seal(conn, MONTH, attempt, report(version))


async def test_of_two_the_first_has_the_month_until_it_gives_it_up(database: Database) -> None:
    attempt = await begun(database)
    assert attempt is not None
    assert await begun(database, "fay") is None
    ask = closed_months(database, "acme")
    assert await ask("LE-DE") == {"2026-01": PeriodState.CLOSING}
    # Neither another entity's nor another tenant's.
    assert await ask("LE-US") == {}
    assert await closed_months(database, "globex")("LE-DE") == {}
    async with database.transaction() as conn:
        await closing.give_up(conn, MONTH, "another attempt")
        assert (await closing.not_open(conn, "acme", "LE-DE")) != {}
        await closing.give_up(conn, MONTH, attempt)
    assert await ask("LE-DE") == {}
    assert await begun(database, "fay") is not None


async def test_who_has_died_holds_it_no_longer_than_the_lease(database: Database) -> None:
    dead = await begun(database)
    async with database.transaction() as conn:
        await conn.execute("update periods set closing_until = now() - interval '1 second'")
    assert await closed_months(database, "acme")("LE-DE") == {}
    async with database.statement() as conn:
        view = await closing.view(conn, MONTH)
    assert view is not None
    assert view.state is PeriodState.OPEN
    assert await begun(database, "fay") is not None
    # Whoever comes back seals nothing.
    assert dead is not None
    async with database.transaction() as conn:
        assert await closing.seal(conn, MONTH, dead, report()) is None
        assert await closing.report(conn, MONTH) is None


async def test_a_report_stays_as_it_was_sealed_and_another_version_beside_it(
    database: Database,
) -> None:
    first = await sealed(database)
    assert await closed_months(database, "acme")("LE-DE") == {"2026-01": PeriodState.CLOSED}
    assert await begun(database) is None
    for statement in ("update closes set report = '{}'", "delete from closes"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            async with database.transaction() as conn:
                await conn.execute(statement.encode())
    async with database.transaction() as conn:
        assert await closing.reopen(
            conn, MONTH, Reopened(by="fay", at=NOON, reason="a late credit")
        )
        assert not await closing.reopen(conn, MONTH, Reopened(by="fay", at=NOON, reason="again"))
    await sealed(database, 2)
    async with database.statement() as conn:
        newest, before = await closing.report(conn, MONTH), await closing.report(conn, MONTH, 1)
        (view,) = await closing.page(conn, "acme")
        assert await closing.page(conn, "globex") == ()
        assert await closing.page(conn, "acme", before=("2026-01", "LE-DE")) == ()
    assert newest is not None
    assert before is not None
    assert (newest.version, before.version, before.close_id) == (2, 1, first)
    assert before.read() == report()
    assert (view.close_id, view.version, view.digest) == (newest.close_id, 2, newest.digest)
    assert newest.digest == report(2).digest


def test_what_a_report_says_of_the_month_is_told_from_who_made_it() -> None:
    first = report()
    assert report(2, before="cls_1", closed_by="fay", note="again").substance == first.substance
    assert report(2).digest != first.digest
    others = Reading(
        run_id="run", began_at=NOON, books_at=NOON, facts={}, not_compared=("revenue",)
    )
    assert report(read=others).substance != first.substance
    assert report(closed_period="first_open_day").substance != first.substance
