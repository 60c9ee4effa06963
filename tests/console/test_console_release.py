"""A cause mended by the console's forms: mend, preview, try one, release; and what one case would
come to."""

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState
from canonical_models.decisions import Target
from persistence import decisions
from persistence.database import Database
from tests.api.stuck import stuck
from tests.batches.bulk import Bulk, at_work
from tests.console.office import at_desk, console_of, fills, form_to
from tests.console.test_console_deciding import mapped_to
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


@pytest.fixture
def working(bulk: Bulk) -> FastAPI:
    return console_of(bulk.context)


async def test_a_cause_is_mended_on_one_case_and_then_on_all(
    bulk: Bulk, working: FastAPI, database: Database
) -> None:
    waiting = [await stuck(bulk.sagas) for _ in range(3)]
    cause = f"/acme/causes/{waiting[0].exception.cause_id}"
    async with at_desk(working, "fay") as fay, at_desk(working, "sam") as sam:
        page = await fay.get(cause)
        assert "3 cases wait for finance" in page.text
        assert "3 cases" in (await fay.get("/acme/work")).text
        assert "needs finance" in (await sam.get(cause)).text
        wrong = await fills(fay, cause, "/preview", input="item")
        assert wrong.status_code == 422
        assert "ERP article: fill this in" in wrong.text

        made = await fills(fay, cause, "/preview", item__erp_item="NEW")
        assert made.status_code == 303, made.text
        preview = made.headers["location"]
        await bulk.came_to(preview.rpartition("/")[2], BatchState.ENDED)
        looked_at = await fay.get(preview)
        assert re.search(r"will go through</dt><dd>3<", looked_at.text)
        assert "150.00" in looked_at.text
        async with database.transaction() as conn:
            assert await mapped_to(conn, "new") == []

        without = await fills(fay, preview, "/release", reason=" ")
        assert without.status_code == 422
        form = form_to(await sam.get(preview), "/find")
        refused = await sam.post(f"{preview}/release", data={**form, "reason": "me too"})
        assert refused.status_code == 403
        first = waiting[1].exception.exception_id
        begun = await fills(
            fay, preview, "/release", first=first, rate="6000", reason="it has an article"
        )
        assert begun.status_code == 303, begun.text
        release = begun.headers["location"]
        await bulk.came_to(release.rpartition("/")[2], BatchState.PAUSED)
        tried = await fay.get(release)
        assert "Release the other 2" in tried.text
        assert "done, read back 1" in tried.text
        async with database.transaction() as conn:
            assert await mapped_to(conn, "new") == []

        gone_on = await fills(fay, release, "/resume")
        assert gone_on.status_code == 303
        await bulk.came_to(release.rpartition("/")[2], BatchState.ENDED)
        assert "done, read back 3" in (await fay.get(release)).text
        again = await fay.post(f"{release}/resume", data={"csrf": form_to(tried, "/stop")["csrf"]})
        assert again.status_code == 409
        assert "is ended" in again.text
    async with database.transaction() as conn:
        assert await mapped_to(conn, "new") == ["NEW"]


async def test_what_it_would_come_to_is_shown_and_nothing_is_done(
    bulk: Bulk, working: FastAPI, database: Database
) -> None:
    waits = await stuck(bulk.sagas)
    at = f"/acme/cases/{waits.exception.exception_id}"
    async with at_desk(working, "ada") as ada:
        assert "needs finance" in (await ada.get(at)).text
    async with at_desk(working, "fay") as fay:
        told = await fills(
            fay, at, "/decide correct", sent_to=f"{at}/preview", item__erp_item="NEW", note="kept"
        )
        assert told.status_code == 200
        assert "It will go through" in told.text
        assert "50.00" in told.text
        assert 'value="NEW"' in told.text
    async with database.transaction() as conn:
        assert (
            await decisions.on(conn, "acme", Target.EXCEPTION, waits.exception.exception_id) == ()
        )
        assert await mapped_to(conn, "new") == []
    await waits.handle.terminate()
