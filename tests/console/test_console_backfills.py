"""Backfills by the console's forms: rehearsed, looked at with effects and money, carried
out, paused and stopped; what is refused keeps what was typed."""

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState
from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.batches.backfilled import unheard, written
from tests.batches.bulk import Bulk, at_work
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.flow import write
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems

ACME = Ids("acme")
AT = f"/acme/backfills/{ACME.backfill}"


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


async def test_it_is_rehearsed_looked_at_and_carried_out(bulk: Bulk) -> None:
    await unheard(bulk, 1, 2, 3)
    app = console_of(bulk.context)
    async with at_desk(app, "fay") as fay, at_desk(app, "sam") as sam:
        begun = await fills(fay, "/acme/backfills", "/rehearse", subject="history", reason="moved")
        assert begun.status_code == 303, begun.text
        rehearsal = begun.headers["location"]
        await bulk.came_to(rehearsal.rpartition("/")[2], BatchState.ENDED)
        page = (await fay.get(rehearsal)).text
        assert "Nothing is done by it" in page
        assert re.search(r"will go through</dt><dd>3<", page)
        assert "150.00" in page
        assert "post document" in page
        assert written(bulk) == {}
        assert "needs finance or operations" in (await sam.get(rehearsal)).text

        done = await fills(fay, rehearsal, "/apply", rate="6000", trial="true", reason="moved")
        assert done.status_code == 303, done.text
        backfill = done.headers["location"]
        assert backfill != rehearsal
        await bulk.came_to(backfill.rpartition("/")[2], BatchState.PAUSED)
        paused = await fay.get(backfill)
        assert "done, read back 1" in paused.text
        # Sam may look, and move nothing.
        csrf = form_to(await sam.get(backfill), "/find")["csrf"]
        assert (await sam.post(f"{backfill}/resume", data={"csrf": csrf})).status_code == 403
        assert (await fills(fay, backfill, "/pace", rate="5000")).status_code == 303
        gone_on = await fills(fay, backfill, "/resume")
        assert gone_on.headers["location"] == f"{backfill}?done=resumed"
        await bulk.came_to(backfill.rpartition("/")[2], BatchState.ENDED)
        ended = await fay.get(backfill)
        assert "done, read back 3" in ended.text
        assert "Its rehearsal" in ended.text
        again = await fay.post(f"{backfill}/stop", data={"csrf": form_to(paused, "/stop")["csrf"]})
        assert again.status_code == 409
        assert "is ended" in again.text
        # Of what agrees there is nothing to carry out.
        new = await fills(fay, "/acme/backfills", "/rehearse", subject="history", reason="again")
        await bulk.came_to(new.headers["location"].rpartition("/")[2], BatchState.ENDED)
        assert "All of it agrees already" in (await fay.get(new.headers["location"])).text


@pytest.fixture
def app(context: AppContext) -> FastAPI:
    return console_of(context)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"subject": "mapping"}, "it is not said which mapping has changed"),
        ({"subject": "mapping", "item": "ghost"}, "no subscription is known that is of ghost"),
        ({"subject": "publish", "target": "nowhere"}, "no entitlement target is called nowhere"),
        ({"subject": "history", "since": "tomorrow"}, "give a day, such as 2026-12-31"),
        (
            {"subject": "history", "since": "2026-12-02", "until": "2026-12-01"},
            "the time ends before it begins",
        ),
        ({"subject": "everything"}, "There is a problem"),
        ({"subject": "history", "customers": "cus_1 c\u00fcs"}, "There is a problem"),
    ],
)
async def test_what_is_refused_says_why_and_keeps_what_was_typed(
    app: FastAPI, database: Database, said: dict[str, str], why: str
) -> None:
    await seeded(database, "acme")
    async with at_desk(app, "fay") as fay:
        refused = await fills(fay, "/acme/backfills", "/rehearse", reason="kept words", **said)
        assert refused.status_code in {404, 422}, refused.text
        assert why in refused.text
        if said["subject"] != "everything":
            assert 'value="kept words"' in refused.text
    async with database.statement() as conn:
        found = await conn.execute("select count(*) from batches where kind = 'backfill'")
        assert await found.fetchone() == (1,)


async def test_where_there_is_none_who_may_begin_is_told_how(app: FastAPI) -> None:
    async with at_desk(app, "fay") as fay, at_desk(app, "ada") as ada:
        assert "Choose above what to begin with" in (await fay.get("/acme/backfills")).text
        page = (await ada.get("/acme/backfills")).text
        assert "needs finance or operations" in page
        assert "Rehearse</button>" not in page


async def test_days_begin_in_the_zone_of_who_says_them(app: FastAPI, database: Database) -> None:
    await seeded(database, "acme")
    async with at_desk(app, "fay") as fay:
        await fills(fay, "/me", "/me/settings", zone="Asia/Tokyo", page_size="50")
        made = await fills(
            fay, "/acme/backfills", "/rehearse", subject="history", since="2026-11-20"
        )
        assert made.status_code == 303, made.text
    async with database.statement() as conn:
        found = await conn.execute(
            "select given #>> '{selection,since}' from batches where id = %s",
            (made.headers["location"].rpartition("/")[2],),
        )
        assert await found.fetchone() == ("2026-11-19T15:00:00Z",)


async def test_what_is_old_under_way_or_something_else_is_not_carried_out(
    app: FastAPI, database: Database
) -> None:
    await seeded(database, "acme")
    async with at_desk(app, "fay") as fay:
        stopped = await fay.get(AT)
        assert "Bring " not in stopped.text
        given = {"csrf": form_to(stopped, "/find")["csrf"]}
        refused = await fay.post(f"{AT}/apply", data=given)
        assert refused.status_code == 409
        assert "is no whole rehearsal" in refused.text
        await write(
            database,
            "insert into batch_items (tenant, batch_id, number, key, outcome, found) values "
            "('acme', %(id)s, 1, 'sub_acme', 'done', '{\"comes\": \"goes_through\", "
            '"writes": [{"system": "erp", "effect": "post invoice", "count": 1}], '
            '"documents": [], "requests": {}}\')',
            id=ACME.backfill,
        )
        await write(
            database, "update batches set state = 'ended' where id = %(id)s", id=ACME.backfill
        )
        assert "Bring 1 about" in (await fay.get(AT)).text
        await write(
            database,
            "update batches set ended_at = now() - interval '25 hours' where id = %(id)s",
            id=ACME.backfill,
        )
        assert "It is older than a day" in (await fay.get(AT)).text
        assert (await fay.get(f"/acme/backfills/{ACME.batch}")).status_code == 404
        by_any = await fay.get(f"/acme/batches/{ACME.backfill}")
        assert by_any.headers["location"] == AT
