"""What becomes of a document: posted, taken back, held, released, corrected, linked."""

from datetime import date

import pytest

from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from persistence import documents
from persistence.database import Database
from tests.persistence.issued import (
    BOOKS_FROM,
    DAY,
    ISSUED,
    TENANT,
    document,
    eur,
    ids,
    in_erp,
    outcome,
    planned,
    post,
    record,
    see,
)


def held(kind: HoldKind = HoldKind.HELD) -> Hold:
    return Hold(kind=kind, reason="asked", by="Jane", at=ISSUED, until=date(2026, 12, 1))


async def decide(database: Database, hold: Hold | None, document_id: str = "in_1") -> bool:
    async with database.transaction() as conn:
        return await documents.hold(conn, TENANT, document_id, hold)


async def take_back(
    database: Database, erp: ErpDocument | None = None, hold: Hold | None = None
) -> None:
    async with database.transaction() as conn:
        await documents.reversed_(conn, TENANT, "in_1", erp=erp, hold=hold)


async def link(
    database: Database,
    erp: ErpDocument,
    document_id: str = "in_1",
    by: str = "Jane",
    change_id: str | None = "chg_9",
) -> bool:
    async with database.transaction() as conn:
        return await documents.link(
            conn, TENANT, document_id, erp, party="C-7", by=by, change_id=change_id
        )


@pytest.fixture
async def posted(database: Database) -> DocumentRecord:
    await see(database, document())
    await post(database, document())
    return await record(database)


async def test_what_was_posted_is_known_whole(posted: DocumentRecord) -> None:
    of = document()
    assert posted.posted == in_erp(of)
    assert (posted.state, posted.in_books) == (RecordState.POSTED, True)
    assert (posted.legal_entity, posted.party) == ("LE-DE", "C-1001")
    assert (posted.posted_content, posted.change_id) == (of.content, "chg_1")


async def test_posting_again_is_the_same(database: Database, posted: DocumentRecord) -> None:
    await post(database, document())
    assert await record(database) == posted


@pytest.mark.parametrize("generation", [1, 3])
async def test_what_is_older_overwrites_nothing(database: Database, generation: int) -> None:
    await see(database, document())
    await post(database, document())
    await take_back(database, hold=held(HoldKind.ABORTED))
    assert await decide(database, None)
    before = await record(database)
    with pytest.raises(RuntimeError, match=f"as generation {generation}, which it is not at"):
        await post(database, document(), generation=generation)
    assert await record(database) == before


async def test_what_was_never_seen_cannot_be_posted(database: Database) -> None:
    with pytest.raises(RuntimeError, match="in_1"):
        await post(database, document())


async def test_what_the_erp_says_later_is_read_back(
    database: Database, posted: DocumentRecord
) -> None:
    settled = in_erp(document(), open_=0, state=DocumentState.PAID)
    async with database.transaction() as conn:
        await documents.read_back(conn, TENANT, "in_1", settled)
        # Of another document nothing is taken over.
        await documents.read_back(conn, TENANT, "in_1", in_erp(document(), "999"))
    assert await record(database) == posted.model_copy(update={"posted": settled})


async def test_a_hold_is_kept_replaced_and_ended(database: Database) -> None:
    await see(database, document())
    assert await decide(database, held())
    assert (await record(database)).hold == held()
    assert await decide(database, held(HoldKind.SKIPPED))
    assert (await record(database)).hold == held(HoldKind.SKIPPED)
    assert await decide(database, None)
    released = await record(database)
    assert (released.hold, released.state, released.generation) == (None, RecordState.SEEN, 1)
    assert not await decide(database, None)


async def test_what_is_in_the_books_or_unknown_is_not_held(
    database: Database, posted: DocumentRecord
) -> None:
    assert not await decide(database, held())
    assert not await decide(database, None)
    assert not await decide(database, held(), "in_9")
    assert await record(database) == posted


async def test_what_was_posted_while_it_was_held_is_a_fact(database: Database) -> None:
    await see(database, document())
    assert await decide(database, held())
    await post(database, document())
    assert (await record(database)).hold is None


async def test_what_billing_voided_is_reversed_and_not_held(
    database: Database, posted: DocumentRecord
) -> None:
    now = in_erp(document(), open_=0, credits=("102",))
    await take_back(database, now)
    after = await record(database)
    assert (after.state, after.in_books) == (RecordState.REVERSED, False)
    assert (after.hold, after.posted) == (None, now)
    # There is nothing to release.
    assert not await decide(database, None)


async def test_the_document_that_took_it_back_is_named_and_nothing_stays_open(
    database: Database, posted: DocumentRecord
) -> None:
    note = in_erp(document(), "102", open_=0, external_id="in_1/void")
    for _ in range(2):
        await take_back(database, note)
        after = await record(database)
        assert after.state is RecordState.REVERSED
        assert after.posted == in_erp(document(), open_=0, credits=("102",))
    async with database.statement() as conn:
        found = await conn.execute("select erp_document_id, erp_open_minor from documents")
        assert await found.fetchone() == ("101", 0)


async def test_what_a_change_is_about(database: Database) -> None:
    shown = [document(f"in_{n}", issued_at=ISSUED - n * DAY) for n in range(4)]
    await see(database, *shown)
    await post(database, shown[2])
    await planned(database, "chg_1", "in_0", "in_1")
    await planned(database, "chg_2")
    found, other = await outcome(database, "chg_1"), await outcome(database, "chg_2")
    assert found is not None
    assert other is not None
    assert ids(found.records) == ["in_2", "in_1", "in_0"]
    assert other.records == ()


async def test_what_was_aborted_is_posted_again_under_the_next_generation(
    database: Database, posted: DocumentRecord
) -> None:
    await take_back(database, hold=held(HoldKind.ABORTED))
    aborted = await record(database)
    assert (aborted.state, aborted.generation) == (RecordState.REVERSED, 1)
    assert (aborted.hold, aborted.posted) == (held(HoldKind.ABORTED), posted.posted)

    assert await decide(database, None)
    released = await record(database)
    assert (released.state, released.generation) == (RecordState.SEEN, 2)
    assert (released.hold, released.posted, released.posted_content) == (None, None, None)

    await post(database, document(), in_erp(document(), "103"), generation=2)
    again = await record(database)
    assert (again.state, again.generation) == (RecordState.POSTED, 2)
    assert again.posted is not None
    assert again.posted.document_id == "103"


async def test_what_was_aborted_before_it_was_posted_has_a_new_key_too(
    database: Database,
) -> None:
    """Its effect was withdrawn, and what was withdrawn cannot happen any more."""
    await see(database, document())
    assert await decide(database, held(HoldKind.ABORTED))
    assert await decide(database, None)
    assert (await record(database)).generation == 2


async def test_a_document_of_before_the_cutover_stays_one(database: Database) -> None:
    await see(database, document(issued_at=BOOKS_FROM - DAY))
    for hold in (held(HoldKind.ABORTED), None):
        assert await decide(database, hold)
    after = await record(database)
    assert (after.state, after.generation) == (RecordState.BEFORE_CUTOVER, 1)


async def test_a_correction_replaces_the_one_before(database: Database) -> None:
    await see(database, document())
    for correction in (
        DocumentCorrection(document_id="in_1", posting_date=date(2026, 12, 1)),
        DocumentCorrection(document_id="in_1", tax_code="19 % USt"),
    ):
        async with database.transaction() as conn:
            assert await documents.correct(conn, TENANT, correction)
        assert (await record(database)).correction == correction
    async with database.transaction() as conn:
        unknown = DocumentCorrection(document_id="in_9", tax_code="19 % USt")
        assert not await documents.correct(conn, TENANT, unknown)


async def test_a_document_made_by_hand_is_taken_for_it(database: Database) -> None:
    of = document()
    await see(database, of)
    assert await decide(database, held())
    by_hand = in_erp(of, "55", ours=False, external_id="")
    assert await link(database, by_hand)
    linked = await record(database)
    assert (linked.state, linked.in_books, linked.posted) == (RecordState.POSTED, True, by_hand)
    assert (linked.posted_content, linked.party, linked.linked_by) == (of.content, "C-7", "Jane")
    assert linked.change_id == "chg_9"
    assert linked.hold is None
    # In the books already.
    assert not await link(database, in_erp(of, "56"))
    assert await record(database) == linked


@pytest.mark.parametrize("state", ["before_cutover", "reversed"])
async def test_what_may_be_linked(database: Database, state: str) -> None:
    of = document(issued_at=BOOKS_FROM - DAY if state == "before_cutover" else ISSUED)
    await see(database, of)
    if state == "reversed":
        await post(database, of)
        await take_back(database, hold=held(HoldKind.ABORTED))
    assert await link(database, in_erp(of, "55"))
    linked = await record(database)
    assert linked.in_books
    assert linked.state.value == ("before_cutover" if state == "before_cutover" else "posted")


async def test_a_document_of_the_erp_stands_for_one_of_billing(
    database: Database, posted: DocumentRecord
) -> None:
    other = document("in_2")
    await see(database, other)
    assert not await link(database, in_erp(other, "101"), "in_2")
    assert not await link(database, in_erp(other, "55"), "in_9")
    # Ids of another legal entity are other documents.
    assert await link(database, in_erp(other, "101", legal_entity="LE-US"), "in_2")


async def test_amounts_of_the_erp_are_those_of_its_document(database: Database) -> None:
    of = document()
    await see(database, of)
    await post(database, of, in_erp(of, net=eur(10001), tax=eur(1899), open_=11000))
    async with database.statement() as conn:
        found = await conn.execute(
            "select erp_gross_minor, erp_tax_minor, erp_open_minor, erp_number from documents"
        )
        assert await found.fetchone() == (11900, 1899, 11000, "ERP-101")


async def test_decisions_are_of_one_tenant(database: Database, posted: DocumentRecord) -> None:
    async with database.transaction() as conn:
        await documents.reversed_(conn, "globex", "in_1", erp=None, hold=held())
        assert not await documents.hold(conn, "globex", "in_1", held())
    assert await record(database) == posted
