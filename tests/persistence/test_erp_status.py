"""Where documents stand in the ERP: which may still move, and what billing has been told."""

from datetime import UTC, datetime, timedelta

from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.ledgering import DocumentState, ErpStatus
from canonical_models.records import Hold, HoldKind
from persistence import documents
from persistence.database import Database
from tests.persistence.issued import (
    ISSUED,
    TENANT,
    document,
    eur,
    ids,
    in_erp,
    post,
    record,
    see,
)

SAID = ErpStatus(
    document_id="101",
    number="ERP-101",
    state=DocumentState.PAID,
    document_date=None,
    due_on=None,
    net=eur(10000),
    tax=eur(1900),
    open=eur(0),
)


async def in_books(database: Database, *shown: BillingDocument) -> None:
    await see(database, *shown)
    for each in shown:
        await post(database, each, in_erp(each, f"erp_{each.document_id}"))


async def stands(
    database: Database,
    document_id: str,
    erp_status: str,
    *,
    said: ErpStatus | None = None,
    tell_again: bool = False,
    told: str | None = None,
) -> bool:
    async with database.transaction() as conn:
        changed = await documents.stands(
            conn, TENANT, document_id, erp_status=erp_status, said=said, tell_again=tell_again
        )
        if told is not None:
            await documents.shown(conn, TENANT, document_id, told)
    return changed


async def moving(
    database: Database, *, before: datetime | None = None, limit: int = 50
) -> list[str]:
    async with database.statement() as conn:
        found = await documents.moving(
            conn, TENANT, before=before or datetime.now(UTC) + timedelta(hours=1), limit=limit
        )
    return ids(found)


async def test_a_standing_is_another_or_the_same(database: Database) -> None:
    await in_books(database, document())
    changed = [
        await stands(database, "in_1", erp_status, told=erp_status)
        for erp_status in ("unposted", "posted", "posted", "paid", "posted")
    ]
    assert changed == [False, True, False, True, True]
    assert not await stands(database, "in_9", "paid")
    found = await record(database)
    assert (found.erp_status, found.erp_status_shown) == ("posted", "posted")
    assert found.erp_status_at is not None


async def test_what_the_erp_says_is_read_into_its_document(database: Database) -> None:
    await see(database, document())
    await post(database, document())
    assert await stands(database, "in_1", "paid", said=SAID)
    settled = in_erp(document(), open_=0, state=DocumentState.PAID)
    assert (await record(database)).posted == settled
    async with database.statement() as conn:
        # Billing still waits for the money.
        assert ids(await documents.differences(conn, TENANT, after=None, limit=9)) == ["in_1"]


async def test_what_is_said_of_another_document_changes_none(database: Database) -> None:
    await see(database, document())
    await post(database, document(), in_erp(document(), "102"))
    assert await stands(database, "in_1", "paid", said=SAID)
    assert (await record(database)).posted == in_erp(document(), "102")


async def test_what_billing_has_still_to_hear_again(database: Database) -> None:
    await in_books(database, document(status=DocumentStatus.PAID))
    await stands(database, "in_1", "paid", told="paid")
    assert await moving(database) == []
    assert not await stands(database, "in_1", "paid", tell_again=True)
    assert await moving(database) == ["in_1"]


async def test_those_that_may_stand_elsewhere_by_now(database: Database) -> None:
    open_, done = DocumentStatus.OPEN, DocumentStatus.PAID
    rows = {
        "in_1": ("unposted", "", open_),
        "in_2": ("posted", "posted", open_),
        "in_3": ("overdue", "overdue", open_),
        "in_4": ("paid", "paid", done),
        # Paid in the ERP, and billing has not said so: it may have been taken back.
        "in_5": ("paid", "paid", open_),
        "in_6": ("credited", "credited", open_),
        # Billing has not been told.
        "in_7": ("paid", "posted", done),
        "in_8": ("credited", "", done),
        "in_9": ("paid", "paid", DocumentStatus.UNCOLLECTIBLE),
    }
    await in_books(
        database, *(document(key, status=status) for key, (_, _, status) in rows.items())
    )
    for key, (erp_status, told, _) in rows.items():
        await stands(database, key, erp_status, told=told)
    assert await moving(database) == ["in_1", "in_2", "in_3", "in_5", "in_7", "in_8"]


async def test_what_the_erp_does_not_have_is_not_asked_for(database: Database) -> None:
    await see(database, document())
    assert await moving(database) == []
    await post(database, document())
    assert await moving(database) == ["in_1"]
    # Billing shows what is no more, and hears of it.
    await stands(database, "in_1", "paid", told="paid")
    async with database.transaction() as conn:
        aborted = Hold(kind=HoldKind.ABORTED, reason="twice", by="Jane", at=ISSUED)
        await documents.reversed_(conn, TENANT, "in_1", erp=None, hold=aborted)
        await documents.hold(conn, TENANT, "in_1", None)
    assert await moving(database) == ["in_1"]
    await stands(database, "in_1", "unposted", told="unposted")
    assert await moving(database) == []


async def test_the_longest_not_looked_up_go_first_and_each_once(database: Database) -> None:
    await in_books(database, *(document(f"in_{n}") for n in range(4)))
    began = datetime.now(UTC)
    await stands(database, "in_2", "posted")
    async with database.transaction() as conn:
        await documents.looked_up(conn, TENANT, "in_0")
    assert await moving(database, before=began) == ["in_1", "in_3"]
    assert await moving(database, before=began, limit=1) == ["in_1"]
    assert await moving(database) == ["in_1", "in_3", "in_2", "in_0"]


async def test_the_sweep_reads_only_what_may_move(database: Database) -> None:
    """Ten thousand that are settled are not read to find three that are not."""
    await in_books(database, document("in_0", status=DocumentStatus.PAID))
    await stands(database, "in_0", "paid", told="paid")
    async with database.transaction() as conn:
        await conn.execute(
            "insert into documents select (jsonb_populate_record(d, jsonb_build_object("
            "'document_id', 'in_x' || n, 'erp_document_id', 'x' || n))).* "
            "from documents d, generate_series(1, 10000) n"
        )
    await in_books(database, *(document(f"iy_{n}") for n in range(3)))
    async with database.statement() as conn:
        await conn.execute("analyze documents")
    async with database.transaction() as conn:
        found = await documents.moving(conn, TENANT, before=datetime.now(UTC), limit=50)
        scans = await conn.execute("select pg_stat_get_xact_numscans('documents_moving'::regclass)")
        assert await scans.fetchone() == (1,)
    assert ids(found) == ["iy_0", "iy_1", "iy_2"]
