"""Decisions by the console's forms: through the one door, kept with who and whence, once."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from temporalio.testing import WorkflowEnvironment

from canonical_models.decisions import Door, Target
from operations import cases
from operations.cases import AssignRequest
from operations.context import AppContext
from persistence import decisions, mappings
from persistence.connection import Connection
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.seeding import seeded
from tests.api.stuck import at_temporal, stuck
from tests.api.yes import asks_for_a_yes
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.deciding import delivering
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        delivering(database, temporal.client),
    ):
        yield working


@pytest.fixture
def working(
    temporal: WorkflowEnvironment, database: Database, tenant_settings: TenantSettings, sagas: Sagas
) -> FastAPI:
    return console_of(at_temporal(database, temporal.client, tenant_settings))


async def mapped_to(conn: Connection, item: str) -> list[str]:
    """The ERP articles that an item of billing is now."""
    known = await mappings.page(conn, "acme", kind="item", limit=50)
    return [each.target["erp_item"] for each in known if each.source == item]


async def test_a_case_is_corrected_by_its_form(
    working: FastAPI, sagas: Sagas, database: Database
) -> None:
    waits = await stuck(sagas)
    at = f"/acme/cases/{waits.exception.exception_id}"
    async with at_desk(working, "fay") as fay:
        shown = await fay.get(at)
        assert "has no ERP article" in shown.text
        assert form_to(shown, "/decide correct")["item.item"] == "new"
        # What is not filled in is named at its field, and nothing is done.
        refused = await fills(fay, at, "/decide correct", note="because")
        assert refused.status_code == 422
        assert "ERP article: fill this in" in refused.text
        assert 'value="because"' in refused.text
        done = await fills(fay, at, "/decide correct", item__erp_item="NEW", note="sold since May")
        assert done.status_code == 303, done.text
        assert done.headers["location"] == f"{at}?done=decided"
    await waits.handle.result()
    async with database.transaction() as conn:
        (made,) = await decisions.on(conn, "acme", Target.EXCEPTION, waits.exception.exception_id)
        mapped = await mapped_to(conn, "new")
    assert (made.by, made.door, made.action, made.reason) == (
        "fay",
        Door.CONSOLE,
        "correct",
        "sold since May",
    )
    assert mapped == ["NEW"]
    async with at_desk(working, "fay") as fay:
        after = await fay.get(at)
        assert "in the console" in after.text
        assert "Answered" in after.text


async def test_of_two_one_is_first_and_the_other_is_told_and_keeps_what_was_typed(
    working: FastAPI, sagas: Sagas
) -> None:
    waits = await stuck(sagas)
    at = f"/acme/cases/{waits.exception.exception_id}"
    async with at_desk(working, "fay") as fay, at_desk(working, "chris") as chris:
        seen = form_to(await chris.get(at), "/decide correct")
        done = await fills(fay, at, "/decide correct", item__erp_item="NEW")
        assert done.status_code == 303
        sent = {**seen, "item.erp_item": "OTHER", "note": "I would say"}
        late = await chris.post(f"{at}/decide", data=sent)
        assert late.status_code == 409
        assert "fay" in late.text
        assert "OTHER" in late.text
        assert "I would say" in late.text
    await waits.handle.result()


async def test_the_same_press_twice_is_one_decision(
    working: FastAPI, sagas: Sagas, database: Database
) -> None:
    waits = await stuck(sagas)
    at = f"/acme/cases/{waits.exception.exception_id}"
    async with at_desk(working, "fay") as fay:
        sent = {**form_to(await fay.get(at), "/decide correct"), "item.erp_item": "NEW"}
        for _ in range(2):
            assert (await fay.post(f"{at}/decide", data=sent)).status_code == 303
    await waits.handle.result()
    async with database.transaction() as conn:
        made = await decisions.on(conn, "acme", Target.EXCEPTION, waits.exception.exception_id)
    assert len(made) == 1


async def test_ten_presses_at_a_time_are_one_decision(
    working: FastAPI, sagas: Sagas, database: Database
) -> None:
    waits = await stuck(sagas)
    at = f"/acme/cases/{waits.exception.exception_id}"
    async with at_desk(working, "fay") as fay:
        sent = {**form_to(await fay.get(at), "/decide correct"), "item.erp_item": "NEW"}
        answers = await asyncio.gather(*(fay.post(f"{at}/decide", data=sent) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {303}
    await waits.handle.result()
    async with database.transaction() as conn:
        made = await decisions.on(conn, "acme", Target.EXCEPTION, waits.exception.exception_id)
        assert await mapped_to(conn, "new") == ["NEW"]
    assert len(made) == 1


async def test_many_things_are_undone_by_who_has_typed_how_many(
    context: AppContext, database: Database
) -> None:
    ids = await seeded(database, "acme")
    async with database.transaction() as conn:
        # As many effects as a large change has.
        await conn.execute(
            "insert into effects (key, tenant, change_id, step, system, operation, state, "
            "request_hash, confirmed_at) select 'many/' || n, tenant, change_id, "
            "'erp.document/in_' || n, 'erp', 'post in_' || n, 'confirmed', '', now() "
            "from exceptions, generate_series(1, 11) n where tenant = 'acme' and id = %s",
            (ids.exception,),
        )
    at = f"/acme/cases/{ids.exception}/undo"
    async with at_desk(console_of(context), "fay") as fay:
        shown = await fay.get(at)
        assert "things are undone. Type that number" in shown.text
        for typed in ("", "1", "many"):
            refused = await fills(fay, at, "/decide abort", note="wrong", count=typed)
            assert refused.status_code == 422, typed
            assert "that number was not given" in refused.text
            assert 'value="wrong"' in refused.text
    async with database.transaction() as conn:
        assert await decisions.on(conn, "acme", Target.EXCEPTION, ids.exception) == ()


async def test_a_yes_of_two_people_by_the_form(context: AppContext, database: Database) -> None:
    await asks_for_a_yes(database, await seeded(database, "acme"))
    app = console_of(context)
    at = "/acme/approvals/exc_yes"
    async with at_desk(app, "sam") as sam:
        shown = await sam.get(at)
        assert "To approve: needs" in shown.text
        refused = await sam.post(
            "/acme/cases/exc_yes/decide",
            data={"csrf": form_to(shown, "/find")["csrf"], "action": "approve"},
        )
        assert refused.status_code == 403
    async with at_desk(app, "fay") as fay:
        assert "exc_yes" in (await fay.get("/acme/approvals")).text
        first = await fills(fay, at, "/decide approve", note="agreed")
        assert (first.status_code, first.headers["location"]) == (
            303,
            "/acme/approvals?done=one-yes",
        )
        twice = await fills(fay, at, "/decide approve")
        assert twice.status_code == 409
        assert "has approved" in twice.text
    async with at_desk(app, "chris") as chris:
        shown = await chris.get(at)
        assert "given by fay" in shown.text
        second = await fills(chris, at, "/decide approve")
        assert second.status_code == 303
    async with database.transaction() as conn:
        made = await decisions.on(conn, "acme", Target.EXCEPTION, "exc_yes")
    assert [(each.by, each.door) for each in reversed(made)] == [
        ("fay", Door.CONSOLE),
        ("chris", Door.CONSOLE),
    ]


async def test_who_has_a_case_its_tags_and_what_is_said(
    context: AppContext, database: Database
) -> None:
    ids = await seeded(database, "acme")
    app = console_of(context)
    async with at_desk(app, "fay") as fay:
        for at in (f"/acme/cases/{ids.exception}", f"/acme/causes/{ids.cause}?whole=true"):
            assert (await fills(fay, at, "/assign", to="chris")).status_code == 303
            assert (await fills(fay, at, "/tags", tags="vat, Month-End vat")).status_code == 303
            wrong = await fills(fay, at, "/tags", tags="<b>")
            assert wrong.status_code == 422
            assert (await fills(fay, at, "/comments", text="asked the customer")).status_code == 303
            empty = await fills(fay, at, "/comments", text="  ")
            assert empty.status_code == 422
            page = (await fay.get(at)).text
            assert "to chris" in page
            assert 'value="month-end vat"' in page
            assert "asked the customer" in page
        work = (await fay.get("/acme/work?tag=vat")).text
        assert "has no ERP article" in work
        assert "Nothing fits these filters" in (await fay.get("/acme/work?tag=none")).text
        assert ids.cause not in (await fay.get("/acme/work?who=me")).text
    async with at_desk(app, "chris") as chris:
        assert ids.cause in (await chris.get("/acme/work?who=me")).text


async def test_what_is_looked_for_is_found_by_any_id(
    context: AppContext, database: Database
) -> None:
    ids = await seeded(database, "acme")
    async with at_desk(console_of(context), "sam") as sam:
        for said, page in (
            (ids.exception, f"/acme/cases/{ids.exception}"),
            (f" {ids.subscription} ", f"/acme/subscriptions/{ids.subscription}"),
            (ids.change("done"), f"/acme/changes/{ids.change('done')}"),
            (ids.receipt, f"/acme/messages/{ids.receipt}"),
            (ids.invoice, f"/acme/documents/{ids.invoice}"),
            (ids.customer, f"/acme/subscriptions?customer={ids.customer}"),
        ):
            found = await fills(sam, "/acme/work", "/find", q=said)
            assert (found.status_code, found.headers.get("location")) == (303, page), said
        for nothing in ("exc_globex_open", "no such thing", "", "<script>"):
            assert (await fills(sam, "/acme/work", "/find", q=nothing)).status_code in {404, 422}


async def test_what_came_since_is_counted_and_moves_nothing(
    context: AppContext, database: Database
) -> None:
    ids = await seeded(database, "acme")
    async with at_desk(console_of(context), "fay") as fay:
        assert "1 new." in (await fay.get("/acme/news?since=0")).text
        assert "new" not in (await fay.get("/acme/news?since=0&team=support")).text
        now = int(time.time() * 1000)
        for quiet in ("", f"&about={ids.cause}", f"&about={ids.exception}"):
            later = await fay.get(f"/acme/news?since={now}{quiet}")
            assert (later.status_code, later.text.strip()) == (200, "")
        # One's own acts are no news to oneself.
        for who, told in (("fay", ""), ("chris", "chris assigned it")):
            asked = AssignRequest(to=who)
            await cases.assign(context, "exceptions", "acme", ids.exception, asked, by=who)
            for about in (ids.cause, ids.exception):
                said = (await fay.get(f"/acme/news?since={now}&about={about}")).text
                assert (told in said) if told else not said.strip(), said
        assert "1 changed by others." in (await fay.get(f"/acme/news?since={now}")).text
        assert (await fay.get("/acme/news?since=soon")).status_code == 422
