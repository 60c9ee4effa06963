"""How somebody wants to see the console, and where they are signed in."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from console.figures import trend
from operations.context import AppContext
from operations.numbers import Day
from persistence.database import Database
from tests.api.seeding import seeded
from tests.api.seeding_books import NOON
from tests.console.office import at_desk, console_of, fills


@pytest.fixture
def app(context: AppContext) -> FastAPI:
    return console_of(context)


async def test_what_somebody_wishes_holds_from_the_next_page_on(
    app: FastAPI, database: Database
) -> None:
    ids = await seeded(database, "acme")
    async with at_desk(app, "fay") as fay, at_desk(app, "chris") as chris:
        assert "data-theme" not in (await fay.get("/acme/work")).text
        for wrong in ({"zone": "Mars/Olympus"}, {"page_size": "7"}, {"theme": "<b>"}):
            refused = await fills(fay, "/me", "/me/settings", **wrong)
            assert refused.status_code == 422, wrong
            assert "There is a problem" in refused.text or "Not acceptable" in refused.text
        kept = await fills(
            fay, "/me", "/me/settings", zone="Asia/Tokyo", theme="dark", page_size="10", keys=""
        )
        assert (kept.status_code, kept.headers["location"]) == (303, "/me?done=settings")
        work = await fay.get("/acme/work?team=all")
        assert '<html lang="en" data-theme="dark">' in work.text
        assert 'data-keys="off"' in work.text
        assert "Times in Asia/Tokyo" in work.text
        case = (await fay.get(f"/acme/cases/{ids.exception}")).text
        assert re.search(r"<time datetime='2026-11-20T12:[^']*' [^>]*>[^<]*21:00", case)
        assert "data-theme" not in (await chris.get("/acme/work")).text


async def test_another_browser_is_signed_out_and_nobody_elses(app: FastAPI) -> None:
    async with (
        at_desk(app, "fay") as here,
        at_desk(app, "fay") as there,
        at_desk(app, "sam") as sam,
    ):
        page = await here.get("/me")
        assert page.text.count("this browser") == 1
        (named,) = re.findall(r"/me/sessions/([0-9a-f]{16})/end", page.text)
        refused = await fills(sam, "/me", "/me/settings", sent_to=f"/me/sessions/{named}/end")
        assert refused.status_code == 404
        assert (await there.get("/me")).status_code == 200
        done = await fills(here, "/me", f"/me/sessions/{named}/end")
        assert done.status_code == 303
        assert (await there.get("/me")).status_code == 401
        assert (await here.get("/me")).status_code == 200


def test_a_trend_has_gaps_where_nothing_is_known() -> None:
    def day(number: int, within: float | None) -> Day:
        return Day(until=NOON + timedelta(days=number), cases=1, missed=0, within=within)

    shares = (1.0, 0.9, None, 0.95, None, 1.0, 1.0)
    drawn = str(trend([day(number, share) for number, share in enumerate(shares)], 0.95))
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 1
    assert "5 of 7 days had any" in drawn
    assert "90 % on the worst" in drawn
    assert "style=" not in drawn
    assert str(trend([day(0, None)], 0.95)) == ""


async def test_numbers_are_drawn_and_say_what_is_not_known(
    app: FastAPI, database: Database
) -> None:
    await seeded(database, "acme")
    async with at_desk(app, "fay") as fay:
        page = (await fay.get("/acme/numbers")).text
        assert "Nothing to count yet" in page or "<svg" in page
        assert 'class="trend"' in page


async def idle(database: Database, minutes: int) -> None:
    """Everybody has done nothing for so long."""
    async with database.transaction() as conn:
        given = (timedelta(minutes=minutes),)
        await conn.execute("update sessions set seen_at = now() - %s", given)


async def test_a_session_says_how_long_it_lasts_and_one_act_keeps_it(
    app: FastAPI, database: Database
) -> None:
    async with at_desk(app, "fay") as fay:
        page = await fay.get("/acme/work")
        (left,) = re.findall(r'data-left="(\d+)"', page.text)
        assert 3590 <= int(left) <= 3600
        await idle(database, 57)
        # To ask is no use of it, however often.
        for _ in range(2):
            said = (await fay.get("/live/session")).json()
            assert 150 <= said["left"] <= 180
            assert said["whole"] > 11 * 3600
        assert (await fay.post("/me/stay", data={"csrf": "0" * 64})).status_code == 403
        await idle(database, 57)
        kept = await fay.post("/me/stay", data={"csrf": said["csrf"]})
        assert kept.status_code == 200
        assert 3590 <= kept.json()["left"] <= 3600
        assert (await fay.get("/live/session")).json()["left"] >= 3590
        # At the end of its hours nothing keeps it.
        async with database.transaction() as conn:
            await conn.execute("update sessions set ends_at = now() + interval '4 minutes'")
        kept = await fay.post("/me/stay", data={"csrf": said["csrf"]})
        assert kept.json()["left"] == kept.json()["whole"] <= 240
        await idle(database, 61)
        assert (await fay.post("/me/stay", data={"csrf": said["csrf"]})).status_code == 401
