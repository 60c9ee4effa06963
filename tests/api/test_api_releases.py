"""What a release takes and what it refuses, by the API. No worker is there: what one would have
found is written down, and nothing is handed over."""

import json
from typing import Any

import httpx
import pytest

from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids, exception_row
from tests.harness.flow import write
from tests.harness.rows import add

MEND = {"item": {"item": "ai", "erp_item": "AI"}}
RIGHTS = ("exceptions:read", "exceptions:write", "mappings:write")


async def sent(call: Call, path: str, body: Any = None) -> httpx.Response:
    return await call("POST", path, *RIGHTS, json=body)


async def done(call: Call, path: str, body: Any = None) -> Any:
    answer = await sent(call, path, body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def refused(call: Call, path: str, body: Any = None, *, status: int = 409) -> str:
    answer = await sent(call, path, body)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]
    detail: str = answer.json()["detail"]
    return detail


async def open_cases(database: Database, acme: Ids, *keys: str) -> None:
    """Further cases of the cause, of changes of their own."""
    async with database.transaction() as conn:
        for key in keys:
            await add(conn, exception_row(acme, key, key))


async def foreseen(
    call: Call, database: Database, path: str, *, comes: str = "goes_through", mend: Any = None
) -> str:
    """The preview, looked at to its end: each case comes to this."""
    body = None if path.endswith("/joined") else (MEND if mend is None else mend)
    preview: str = (await done(call, path, body))["batch"]["batch_id"]
    await write(
        database,
        "update batch_items set outcome = 'done', found = jsonb_build_object('comes', "
        "%(comes)s::text, 'documents', '[]'::jsonb, 'digest', 'd', 'summary', 's') "
        "where batch_id = %(id)s",
        comes=comes,
        id=preview,
    )
    await write(
        database,
        "update batches set state = 'ended', ended_at = now() where id = %(id)s",
        id=preview,
    )
    return preview


def release(acme: Ids) -> str:
    return f"/v1/causes/{acme.cause}/releases"


def total(made: Any) -> int:
    return sum(made["batch"]["counts"].values())


def asked(preview: str, **more: Any) -> dict[str, Any]:
    return {"preview": preview, "reason": "it has an article", **more}


@pytest.fixture
async def cause(database: Database, acme: Ids) -> str:
    await open_cases(database, acme, "exc_2", "exc_3")
    return f"/v1/causes/{acme.cause}/preview"


async def listed(database: Database, batch: str) -> list[str]:
    async with database.statement() as conn:
        found = await conn.execute(
            "select key from batch_items where batch_id = %s order by number", (batch,)
        )
        return [key for (key,) in await found.fetchall()]


async def test_cases_that_go_through_are_released_the_chosen_one_first(
    call: Call, acme: Ids, cause: str, database: Database
) -> None:
    preview = await foreseen(call, database, cause)
    made = await done(call, release(acme), asked(preview, first="exc_3", rate=40))
    assert (made["batch"]["trial"], made["batch"]["rate"], made["joined"]) == (True, 40, 0)
    keys = await listed(database, made["batch"]["batch_id"])
    assert keys[0] == "exc_3"
    assert sorted(keys) == ["exc_2", "exc_3", acme.exception]
    other = await refused(call, release(acme), asked(preview))
    assert made["batch"]["batch_id"] in other


async def test_a_single_case_is_no_trial(call: Call, acme: Ids, database: Database) -> None:
    preview = await foreseen(call, database, f"/v1/causes/{acme.cause}/preview")
    made = await done(call, release(acme), asked(preview))
    assert (made["batch"]["trial"], total(made)) == (False, 1)


async def test_a_preview_of_which_nothing_goes_through_releases_nothing(
    call: Call, acme: Ids, cause: str, database: Database
) -> None:
    waits = await foreseen(call, database, cause, comes="then_waits")
    assert "none of preview" in await refused(call, release(acme), asked(waits), status=422)
    goes = await foreseen(call, database, cause)
    words = await refused(call, release(acme), asked(goes, first="exc_9"), status=422)
    assert words.startswith("exc_9 is none of those")
    async with database.statement() as conn:
        found = await conn.execute("select count(*) from batches where kind = 'release'")
        assert await found.fetchone() == (0,)


async def test_a_preview_that_is_of_another_cause_under_way_or_old_is_refused(
    call: Call, acme: Ids, cause: str, database: Database
) -> None:
    running: str = (await done(call, cause, MEND))["batch"]["batch_id"]
    assert f"preview {running} is running" in await refused(call, release(acme), asked(running))
    preview = await foreseen(call, database, cause)
    elsewhere = await refused(call, "/v1/causes/other/releases", asked(preview), status=422)
    assert "is of another cause" in elsewhere
    await write(database, "update batches set begun_at = begun_at - interval '31 minutes'")
    assert "is older than 30 minutes" in await refused(call, release(acme), asked(preview))
    # What is no preview is none, whatever else it is.
    answer = await sent(call, release(acme), asked(acme.batch))
    assert (answer.status_code, "is no preview" in answer.text) == (404, True)
    answer = await call("GET", f"/v1/releases/{preview}", *RIGHTS)
    assert (answer.status_code, "is no release" in answer.text) == (404, True)


async def test_who_joins_is_looked_at_and_added_once(
    call: Call, acme: Ids, cause: str, database: Database
) -> None:
    preview = await foreseen(call, database, cause)
    made = await done(call, release(acme), asked(preview))
    place = f"/v1/releases/{made['batch']['batch_id']}"
    assert "no case has joined" in await refused(call, f"{place}/joined")

    await open_cases(database, acme, "exc_4", "exc_5")
    assert (await call("GET", place, *RIGHTS)).json()["joined"] == 2
    joined = await foreseen(call, database, f"{place}/joined")
    assert await listed(database, joined) == ["exc_4", "exc_5"]
    for _ in range(2):
        added = await done(call, f"{place}/add", {"preview": joined})
        assert (total(added), added["joined"]) == (5, 0)

    mended = {"item": {"item": "ai", "erp_item": "OTHER"}}
    other = await foreseen(call, database, cause, mend=mended)
    assert "is of another mend" in await refused(call, f"{place}/add", {"preview": other})
    stopped = "update batches set state = 'stopped', ended_at = now() where kind = 'release'"
    await write(database, stopped)
    assert "has come to its end" in await refused(call, f"{place}/add", {"preview": joined})


async def test_an_undo_says_first_what_it_would_take_back(
    call: Call, acme: Ids, database: Database
) -> None:
    preview = await foreseen(call, database, f"/v1/causes/{acme.cause}/preview")
    made = await done(call, release(acme), asked(preview))
    place = f"/v1/releases/{made['batch']['batch_id']}/undo"
    rights = ("exceptions:read", "invoices:decide", "mappings:write")
    why = {"reason": "wrong article"}
    running = await call("POST", place, *rights, json=why)
    assert (running.status_code, "is running" in running.text) == (409, True)
    document = {"document_id": acme.invoice, "void": False}
    await write(
        database,
        "update batch_items set outcome = 'done', found = jsonb_build_object('documents', "
        "jsonb_build_array(%(document)s::jsonb)) where batch_id = %(id)s",
        document=json.dumps(document),
        id=made["batch"]["batch_id"],
    )
    await write(
        database,
        "update batches set state = 'ended', ended_at = now() where id = %(id)s",
        id=made["batch"]["batch_id"],
    )
    would = (await call("GET", place, *rights)).json()
    assert (would["many"], would["totals"]) == (0, [])
    (told,) = would["documents"]
    assert (told["document_id"], told["why"].partition(",")[0]) == (acme.invoice, "is settled")
    assert would["mappings"] == [{"kind": "item", "source": "ai", "holds": False, "before": None}]
    nothing = await call("POST", place, *rights, json=why)
    assert (nothing.status_code, "can be taken back" in nothing.text) == (422, True)
    alone = await call("POST", place, "exceptions:read", "invoices:decide", json=why)
    assert (alone.status_code, "mappings" in alone.text) == (403, True)
    none = await call("GET", f"/v1/releases/{acme.batch}/undo", *rights)
    assert (none.status_code, "is no release" in none.text) == (404, True)
