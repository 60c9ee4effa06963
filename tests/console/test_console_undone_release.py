"""A release undone by the console's forms: what goes and what stays is shown, one goes first, then
the others; who may not reads whose it is."""

import re
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState
from operations import undoing_releases
from persistence.database import Database
from tests.batches.bulk import Bulk, at_work
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems
from tests.releases.test_releases import in_force
from tests.releases.test_releases_undone import gone_through, in_erp


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


async def test_one_is_taken_back_and_then_the_others(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, waiting = await gone_through(bulk, 2)
    app, at = console_of(bulk.context), f"/acme/releases/{release}"
    async with at_desk(app, "fay") as fay, at_desk(app, "olu") as olu:
        assert f'href="{at}/undo"' in (await fay.get(at)).text
        page = await fay.get(f"{at}/undo")
        assert "2 documents in the ERP are taken back" in page.text
        assert "100.00" in page.text
        assert "nothing held before, so nothing holds again" in page.text
        theirs = await olu.get(f"{at}/undo")
        assert "needs finance" in theirs.text
        given = {"csrf": form_to(theirs, "/find")["csrf"], "reason": "mine"}
        assert (await olu.post(f"{at}/undo", data=given)).status_code == 403

        without = await fills(fay, f"{at}/undo", "/undo", reason=" ")
        assert without.status_code == 422
        monkeypatch.setattr(undoing_releases, "MANY", 1)
        uncounted = await fills(fay, f"{at}/undo", "/undo", reason="another article")
        assert uncounted.status_code == 422
        assert "2 documents would be taken back" in uncounted.text
        assert 'value="another article"' in uncounted.text
        first = waiting[1].document_id
        made = await fills(
            fay,
            f"{at}/undo",
            "/undo",
            reason="another article",
            count="2",
            first=first,
            rate="6000",
        )
        assert made.status_code == 303, made.text
        undo = made.headers["location"]
        await bulk.came_to(undo.rpartition("/")[2], BatchState.PAUSED)
        tried = (await fay.get(undo)).text
        assert "Take back the other 1" in tried
        assert "not in the ERP any more" in tried
        assert [in_erp(bulk, each) for each in waiting] == [[5000], [5000, -5000]]
        assert (await fills(fay, undo, "/resume")).status_code == 303
        await bulk.came_to(undo.rpartition("/")[2], BatchState.ENDED)
        assert "done, read back 2" in (await fay.get(undo)).text
        assert [in_erp(bulk, each) for each in waiting] == [[5000, -5000]] * 2
        assert not await in_force(bulk)
        again = (await fay.get(f"{at}/undo")).text
        assert "Nothing of it can be taken back." in again
        assert re.search(r"It does not stand in the books\.", again)
