"""A single document taken back on its page: why it stays where it does, or why somebody wants it
out."""

import pytest
from fastapi import FastAPI

from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.flow import write

ACME = Ids("acme")
AT = f"/acme/documents/{ACME.invoice}"


@pytest.fixture
async def app(context: AppContext, database: Database) -> FastAPI:
    await seeded(database, "acme")
    return console_of(context)


async def test_what_stands_in_the_books_is_taken_back_with_why(
    app: FastAPI, database: Database
) -> None:
    async with at_desk(app, "fay") as fay, at_desk(app, "olu") as olu:
        paid = await fay.get(AT)
        assert "It is settled, at least in part" in paid.text
        assert f'action="{AT}/take-back"' not in paid.text
        csrf = form_to(paid, "/refresh")["csrf"]
        refused = await fay.post(f"{AT}/take-back", data={"csrf": csrf, "reason": "wrong"})
        assert refused.status_code == 409
        assert "is settled, at least in part" in refused.text

        await write(
            database,
            "update documents set posted = jsonb_set(posted, '{open}', document -> 'gross'), "
            "document = jsonb_set(document, '{remaining}', document -> 'gross') "
            "where document_id = %(of)s",
            of=ACME.invoice,
        )
        theirs = await olu.get(AT)
        assert "To take it back: needs finance" in theirs.text
        given = {"csrf": form_to(theirs, "/find")["csrf"], "reason": "mine"}
        assert (await olu.post(f"{AT}/take-back", data=given)).status_code == 403
        without = await fills(fay, AT, "/take-back", reason=" ")
        assert without.status_code == 422
        assert "fill this in" in without.text
        before = await fay.get(AT)
        taken = await fills(fay, AT, "/take-back", reason="posted with a wrong article")
        assert taken.status_code == 303, taken.text
        assert taken.headers["location"] == f"{AT}?done=taken-back"
        shown = await fay.get(taken.headers["location"])
        assert "It is being taken back by fay." in shown.text
        # Somebody presses what they have had open since before.
        given = {**form_to(before, "/take-back"), "reason": "again"}
        again = await fay.post(f"{AT}/take-back", data=given)
        assert again.headers["location"] == f"{AT}?done=taken-back-already"
    async with database.statement() as conn:
        found = await conn.execute(
            "select action, decided_by, reason from decisions where target_kind = 'document'"
        )
        assert await found.fetchall() == [("take_back", "fay", "posted with a wrong article")]
