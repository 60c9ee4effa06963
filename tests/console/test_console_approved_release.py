"""A release that needs a second person as a whole: who has begun it reads so, who may approves the
version shown, and it goes on."""

from canonical_models.batch import BatchState
from tests.batches.bulk import Bulk
from tests.console.office import at_desk, console_of, fills, form_to
from tests.releases.test_release_approvals import bulk
from tests.releases.test_releases import looked_at, posted, released, several

__all__ = ["bulk"]


async def test_a_second_person_approves_and_it_goes_on(bulk: Bulk) -> None:
    waiting = await several(bulk, 2)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    await bulk.came_to(key, BatchState.PAUSED)
    app, at = console_of(bulk.context), f"/acme/releases/{key}"
    async with (
        at_desk(app, "fay") as fay,
        at_desk(app, "chris") as chris,
        at_desk(app, "olu") as olu,
        at_desk(app, "ada") as ada,
    ):
        page = await fay.get(at)
        assert "The release is of 2, more than 1: needs 1 more of 1, of finance" in page.text
        assert "You have caused it: somebody else approves it." in page.text
        assert "Release the other" not in page.text
        csrf = form_to(page, "/stop")["csrf"]
        past = await fay.post(f"{at}/resume", data={"csrf": csrf})
        assert past.status_code == 409
        assert "needs the yes of 1 person of finance" in past.text
        assert "needs finance or operations" in (await ada.get(at)).text

        listed = await chris.get("/acme/approvals")
        assert f'href="{at}"' in listed.text
        assert "1 more of finance" in listed.text
        page = await olu.get(at)
        assert "Approve version" not in page.text
        given = {"csrf": form_to(page, "/stop")["csrf"], "digest": "0" * 64}
        other = await olu.post(f"{at}/approve", data=given)
        assert other.status_code == 409
        stale = await fills(chris, at, "/approve", digest="0" * 64, note="kept")
        assert stale.status_code == 409
        assert 'value="kept"' in stale.text
        without = await fills(chris, at, "/approve", digest="")
        assert without.status_code == 422
        said = await fills(chris, at, "/approve", note="the tried one is right")
        assert said.headers["location"] == f"{at}?done=approved-release"
        assert "Approved as a whole." in (await chris.get(said.headers["location"])).text
        assert "given by chris" in (await fay.get(at)).text
        assert f'href="{at}"' not in (await chris.get("/acme/approvals")).text

        assert (await fills(fay, at, "/resume")).status_code == 303
        await bulk.came_to(key, BatchState.ENDED)
        assert "Whose yes it needs" not in (await fay.get(at)).text
    assert [posted(bulk, each) for each in waiting] == [1, 1]
