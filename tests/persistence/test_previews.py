"""What goes through of a preview, and which case is tried before the others."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from canonical_models.batch import BatchKind
from canonical_models.money import Money
from persistence import batches, previews, release_approvals, releases
from persistence.batches import Listed
from persistence.database import Database
from tests.api.seeding import Ids, change_row, exception_row
from tests.harness.rows import add

CASES: list[tuple[str, str, list[tuple[str, int | None]]]] = [
    ("exc_1", "goes_through", [("LE-DE", 900)]),
    ("exc_2", "goes_through", [("LE-NL", 100)]),
    ("exc_3", "then_waits", [("LE-DE", 100)]),
    # A credit note of 200, and what is only taken back.
    ("exc_4", "goes_through", [("LE-DE", -200), ("LE-DE", None)]),
    ("exc_5", "goes_through", []),
    ("exc_6", "goes_through", [("LE-DE", 150), ("LE-DE", 150)]),
]


@pytest.fixture
async def foreseen(database: Database) -> Database:
    def found(comes: str, documents: list[tuple[str, int | None]]) -> dict[str, Any]:
        posted = [
            {"legal_entity": entity, "gross": minor and {"minor": minor, "currency": "EUR"}}
            for entity, minor in documents
        ]
        return {"comes": comes, "documents": posted, "digest": "d", "summary": "s"}

    async with database.transaction() as conn:
        for batch in ("pre_1", "rel_1"):
            kind = BatchKind.PREVIEW if batch == "pre_1" else BatchKind.RELEASE
            await batches.begin(conn, "acme", batch, kind, subject=batch, given={}, by="fay")
        await batches.add(conn, "acme", "pre_1", [Listed(key) for key, _, _ in CASES])
        for key, comes, documents in CASES:
            await conn.execute(
                "update batch_items set found = %s where key = %s",
                (Jsonb(found(comes, documents)), key),
            )
    return database


@pytest.mark.parametrize(
    ("wanted", "first"), [(None, "exc_4"), ("exc_2", "exc_2"), ("exc_3", None), ("exc_9", None)]
)
async def test_the_smallest_of_the_commonest_entity_is_first(
    foreseen: Database, wanted: str | None, first: str | None
) -> None:
    async with foreseen.transaction() as conn:
        assert await previews.that_go_through(conn, "acme", "pre_1", wanted) == (5, first)
        assert await previews.that_go_through(conn, "globex", "pre_1") == (0, None)


async def test_they_are_released_in_their_order_and_once(foreseen: Database) -> None:
    async with foreseen.transaction() as conn:
        for first in ("exc_4", None):
            await previews.release(conn, "acme", "rel_1", "pre_1", first)
        listed = await batches.items(conn, "acme", "rel_1", limit=9)
        given = await conn.execute(
            "select distinct given - 'gross' from batch_items where batch_id = 'rel_1'"
        )
        looked_at = {"digest": "d", "summary": "s", "preview": "pre_1"}
        assert await given.fetchall() == [(looked_at,)]
    assert [(item.number, item.key) for item in listed] == [
        *((1, "exc_4"), (2, "exc_1"), (3, "exc_2"), (4, "exc_5"), (5, "exc_6"))
    ]


async def test_what_a_yes_to_a_release_is_to_changes_with_its_list(foreseen: Database) -> None:
    async with foreseen.transaction() as conn:
        release = await batches.get(conn, "acme", "rel_1")
        assert release is not None
        empty = await release_approvals.listed(conn, "acme", release)
        await previews.release(conn, "acme", "rel_1", "pre_1")
        all_of_it = await release_approvals.listed(conn, "acme", release)
        again = await release_approvals.listed(conn, "acme", release)
        await batches.add(conn, "acme", "rel_1", [Listed("exc_9", {"digest": "d"})])
        more = await release_approvals.listed(conn, "acme", release)
    assert (empty.cases, empty.amounts, empty.unknown) == (0, (), 0)
    # What is credited counts as what is charged does, and of one nobody knows the amount.
    assert all_of_it.amounts == (Money(minor=1500, currency="EUR"),)
    assert (all_of_it.cases, all_of_it.unknown) == (5, 1)
    assert again == all_of_it
    assert (more.cases, more.amounts) == (6, all_of_it.amounts)
    assert len({empty.content, all_of_it.content, more.content}) == 3


async def test_one_that_waits_in_two_places_has_not_joined_its_release(database: Database) -> None:
    """A preview has one case of each change."""
    ids = Ids("acme")
    async with database.transaction() as conn:
        for key in ("one", "late"):
            await add(conn, change_row(ids, key, "waiting", subject=f"sub_{key}"))
        for track in ("books", "access"):
            await add(conn, exception_row(ids, f"exc_{track}", "one", subject="new", track=track))
        for batch in ("pre_1", "rel_1"):
            kind = BatchKind.PREVIEW if batch == "pre_1" else BatchKind.RELEASE
            given = {"preview": "pre_1"} if kind is BatchKind.RELEASE else {}
            await batches.begin(conn, "acme", batch, kind, subject=batch, given=given, by="fay")
            await batches.add(conn, "acme", batch, [Listed("exc_books")])
        found = await conn.execute("select cause from exceptions where id = 'exc_books'")
        (cause,) = await found.fetchone() or ()
        assert await releases.joined(conn, "acme", "rel_1", cause) == 0
        await add(conn, exception_row(ids, "exc_late", "late", subject="new"))
        assert await releases.joined(conn, "acme", "rel_1", cause) == 1
