"""Where billing and the ERP do not say the same, and what of a subject is not settled."""

from datetime import datetime

import pytest

from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.ledgering import ErpDocument
from canonical_models.records import Hold, HoldKind
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
    line,
    post,
    see,
)

OPEN = document()
PAID = document(status=DocumentStatus.PAID)
VOID = document(status=DocumentStatus.VOID)
GIVEN_UP = document(status=DocumentStatus.UNCOLLECTIBLE)
OLD = document(issued_at=BOOKS_FROM - DAY)
OLD_PAID = document(issued_at=BOOKS_FROM - DAY, status=DocumentStatus.PAID)
NOTE = document(
    "in_1", line(net=-10000), kind=DocumentKind.CREDIT_NOTE, status=DocumentStatus.ISSUED
)
SPENT_NOTE = NOTE.model_copy(update={"remaining": eur(0)})
ABORTED = Hold(kind=HoldKind.ABORTED, reason="twice", by="Jane", at=ISSUED)
LEFT = Hold(kind=HoldKind.HELD, reason="aborted by Jane", by="Jane", at=ISSUED)


async def differing(database: Database) -> bool:
    async with database.statement() as conn:
        return ids(await documents.differences(conn, TENANT, after=None, limit=9)) == ["in_1"]


async def unsettled(database: Database) -> bool:
    async with database.statement() as conn:
        found = await documents.of_subject(conn, TENANT, "sub_1", unsettled_only=True)
    return ids(found) == ["in_1"]


@pytest.mark.parametrize(
    ("shown", "differs", "is_unsettled"),
    [
        (OPEN, True, True),
        (PAID, True, True),
        (GIVEN_UP, True, True),
        (SPENT_NOTE, True, True),
        # Nobody need ever post it.
        (VOID, False, False),
        # The process before us has posted it, or not.
        (OLD, False, True),
        (OLD_PAID, False, False),
    ],
)
async def test_what_is_not_in_the_books(
    database: Database, shown: BillingDocument, differs: bool, is_unsettled: bool
) -> None:
    await see(database, shown)
    assert await differing(database) is differs
    assert await unsettled(database) is is_unsettled


@pytest.mark.parametrize(
    ("shown", "held", "differs", "is_unsettled"),
    [
        (OPEN, in_erp(OPEN), False, True),
        (OPEN, in_erp(OPEN, open_=0), True, True),
        (PAID, in_erp(PAID), False, False),
        (PAID, in_erp(PAID, open_=100), True, True),
        (PAID, in_erp(PAID, net=eur(10001), tax=eur(1899)), True, True),
        (PAID, in_erp(PAID, net=eur(10001)), True, True),
        (GIVEN_UP, in_erp(GIVEN_UP), False, False),
        (VOID, in_erp(VOID), True, True),
        (NOTE, in_erp(NOTE), False, True),
        (SPENT_NOTE, in_erp(SPENT_NOTE), False, False),
    ],
)
async def test_what_is_in_the_books(
    database: Database,
    shown: BillingDocument,
    held: ErpDocument,
    differs: bool,
    is_unsettled: bool,
) -> None:
    await see(database, shown)
    await post(database, shown, held)
    assert await differing(database) is differs
    assert await unsettled(database) is is_unsettled


async def test_what_billing_has_edited_is_to_be_looked_at(database: Database) -> None:
    await see(database, PAID)
    await post(database, PAID, content="of another content")
    assert not await differing(database)
    assert await unsettled(database)


async def test_what_a_person_has_left_as_it_was_posted_differs(database: Database) -> None:
    await see(database, PAID)
    await post(database, PAID, content="of another content")
    async with database.transaction() as conn:
        assert not await documents.leave(conn, TENANT, "sub_2", "in_1", LEFT)
        assert await documents.leave(conn, TENANT, "sub_1", "in_1", LEFT)
        # The first word counts.
        assert not await documents.leave(conn, TENANT, "sub_1", "in_1", ABORTED)
    assert await differing(database)
    async with database.transaction() as conn:
        assert await documents.hold(conn, TENANT, "in_1", None)
    assert not await differing(database)


async def test_what_is_to_be_taken_back_is_so_until_somebody_says_no(database: Database) -> None:
    async with database.transaction() as conn:
        assert not await documents.take_back(conn, TENANT, "in_1", ABORTED)
    await see(database, OPEN)
    async with database.transaction() as conn:
        assert not await documents.take_back(conn, TENANT, "in_1", ABORTED)
    await post(database, OPEN)
    async with database.transaction() as conn:
        assert await documents.take_back(conn, TENANT, "in_1", ABORTED)
    # Billing shows it again.
    await see(database, OPEN.model_copy(update={"metadata": {"seen": "again"}}))

    async def held() -> bool:
        async with database.statement() as conn:
            found = await documents.get(conn, TENANT, "in_1")
        return found is not None and found.hold == ABORTED

    assert await held()
    async with database.transaction() as conn:
        assert not await documents.leave(conn, TENANT, "sub_2", "in_1", LEFT)
        assert await documents.leave(conn, TENANT, "sub_1", "in_1", LEFT)
        found = await documents.get(conn, TENANT, "in_1")
    assert found is not None
    assert (found.hold, found.in_books) == (None, True)


async def test_what_agrees_is_not_left_as_it_was_posted(database: Database) -> None:
    await see(database, PAID)
    await post(database, PAID)
    async with database.transaction() as conn:
        assert not await documents.leave(conn, TENANT, "sub_1", "in_1", LEFT)
        assert not await documents.leave(conn, TENANT, "sub_1", "in_9", LEFT)


async def test_what_was_left_ends_where_billing_says_the_same_again(database: Database) -> None:
    changed = PAID.model_copy(update={"number": "INV-1b"})
    await see(database, PAID)
    await post(database, PAID)
    await see(database, changed)
    async with database.transaction() as conn:
        assert await documents.leave(conn, TENANT, "sub_1", "in_1", LEFT)
    await see(database, changed.model_copy(update={"metadata": {"seen": "again"}}))
    assert await differing(database)
    await see(database, PAID)
    async with database.statement() as conn:
        found = await documents.get(conn, TENANT, "in_1")
    assert found is not None
    assert found.hold is None
    assert not await differing(database)


@pytest.mark.parametrize(("shown", "differs"), [(OLD_PAID, False), (OLD, False)])
async def test_what_the_process_before_us_made(
    database: Database, shown: BillingDocument, differs: bool
) -> None:
    await see(database, shown)
    async with database.transaction() as conn:
        assert await documents.link(
            conn, TENANT, "in_1", in_erp(shown), party="C-1", by="Jane", change_id=None
        )
    assert await differing(database) is differs
    # It is paid in billing, and the ERP has not heard.
    await see(database, shown.model_copy(update={"remaining": eur(0)}))
    assert await differing(database) is (shown is OLD)


@pytest.mark.parametrize(
    ("shown", "hold", "remains"),
    [(VOID, None, False), (OPEN, ABORTED, True), (VOID, ABORTED, False)],
)
async def test_what_was_taken_back(
    database: Database, shown: BillingDocument, hold: Hold | None, remains: bool
) -> None:
    await see(database, shown)
    await post(database, shown)
    async with database.transaction() as conn:
        await documents.reversed_(conn, TENANT, "in_1", erp=in_erp(shown, open_=0), hold=hold)
    assert await differing(database) is remains
    assert await unsettled(database) is remains


async def test_a_difference_that_was_accepted_is_one(database: Database) -> None:
    await see(database, PAID)
    async with database.transaction() as conn:
        skipped = ABORTED.model_copy(update={"kind": HoldKind.SKIPPED})
        assert await documents.hold(conn, TENANT, "in_1", skipped)
    assert await differing(database)


async def test_differences_go_by_pages_oldest_first(database: Database) -> None:
    await see(database, *(document(f"in_{n}", issued_at=ISSUED - n // 2 * DAY) for n in range(5)))
    seen: list[str] = []
    after: tuple[datetime, str] | None = None
    async with database.statement() as conn:
        assert await documents.differences(conn, "globex", after=None, limit=9) == ()
        while page := await documents.differences(conn, TENANT, after=after, limit=2):
            seen += ids(page)
            after = (page[-1].document.issued_at, page[-1].document.document_id)
    assert seen == ["in_4", "in_2", "in_3", "in_0", "in_1"]


async def test_ten_thousand_that_agree_are_not_read_to_find_one_that_does_not(
    database: Database,
) -> None:
    await see(database, PAID)
    await post(database, PAID)
    async with database.transaction() as conn:
        await conn.execute(
            "insert into documents select (jsonb_populate_record(d, jsonb_build_object("
            "'document_id', 'in_x' || n, 'erp_document_id', 'x' || n, "
            "'subject', 'sub_' || n % 100))).* "
            "from documents d, generate_series(1, 10000) n"
        )
        await conn.execute("analyze documents")
    await see(database, document("in_2"))
    async with database.transaction() as conn:
        assert ids(await documents.differences(conn, TENANT, after=None, limit=9)) == ["in_2"]
        found = await documents.of_subject(conn, TENANT, "sub_1", unsettled_only=True)
        assert ids(found) == ["in_2"]
        scans = await conn.execute(
            "select pg_stat_get_xact_numscans('documents_differing'::regclass), "
            "pg_stat_get_xact_numscans('documents_unsettled'::regclass)"
        )
        assert await scans.fetchone() == (1, 1)
