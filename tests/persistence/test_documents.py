"""Billing's documents as they were last read: the newest truth, and nobody's name."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.money import Money
from canonical_models.records import DocumentRecord, RecordState
from persistence import documents, planning_context
from persistence.database import Database
from tests.persistence.issued import (
    BOOKS_FROM,
    DAY,
    ISSUED,
    TENANT,
    document,
    ids,
    in_erp,
    line,
    paid,
    post,
    record,
    see,
)


async def test_a_document_is_kept_whole_without_whom_it_names(database: Database) -> None:
    shown = document(settlements=[paid("pi_1", 1900)], remaining=10000, made_for="sub_1")
    await see(database, shown)
    kept = await record(database)
    assert kept.document == shown.kept()
    assert kept.document.content == shown.content
    assert (kept.state, kept.generation, kept.subject) == (RecordState.SEEN, 1, "sub_1")
    assert (kept.in_books, kept.erp_status, kept.erp_status_shown) == (False, "unposted", "")
    async with database.statement() as conn:
        row = await (await conn.execute("select d::text from documents d")).fetchone()
    assert row is not None
    for personal in ("Jane", "doe.example", "Hauptstr", "DE123456789"):
        assert personal not in row[0]


async def test_the_table_refuses_whom_a_document_names(database: Database) -> None:
    await see(database, document())
    async with database.statement() as conn:
        with pytest.raises(psycopg.errors.CheckViolation, match="personal_data"):
            await conn.execute(
                "update documents set document = document || %s",
                (Jsonb({"bill_to": {"name": "Jane Doe GmbH"}}),),
            )


async def test_the_newest_truth_replaces_the_one_before(database: Database) -> None:
    await see(database, document())
    now = document(status=DocumentStatus.PAID, settlements=[paid("pi_1", 11900)])
    await see(database, now)
    assert (await record(database)).document == now.kept()
    async with database.statement() as conn:
        found = await conn.execute("select status, remaining_minor from documents")
        assert await found.fetchall() == [("paid", 0)]
        assert await documents.unpaid(conn, TENANT, ["in_1", "in_9"]) == {"in_1": Money.zero("EUR")}
        assert await documents.get(conn, "globex", "in_1") is None


async def test_what_is_as_it_was_is_not_written(database: Database) -> None:
    await see(database, document("in_1"), document("in_2"))

    async def versions() -> dict[str, object]:
        async with database.statement() as conn:
            found = await conn.execute("select document_id, (ctid, seen_at)::text from documents")
            return dict(await found.fetchall())

    before = await versions()
    await see(database, document("in_1"), document("in_2", status=DocumentStatus.VOID))
    after = await versions()
    assert after["in_1"] == before["in_1"]
    assert after["in_2"] != before["in_2"]
    await see(database)
    assert await versions() == after


async def test_seeing_it_again_leaves_what_became_of_it(database: Database) -> None:
    await see(database, document())
    await post(database, document())
    before = await record(database)
    now = document(status=DocumentStatus.PAID, settlements=[paid("pi_1", 11900)])
    await see(database, now)
    assert await record(database) == before.model_copy(update={"document": now.kept()})


async def test_what_was_issued_before_the_cutover_stays_so(database: Database) -> None:
    old = document("in_old", issued_at=BOOKS_FROM.replace(year=2025))
    await see(database, old, document("in_new", issued_at=BOOKS_FROM))
    # Another date, or another look, changes nothing of what is known.
    changed = old.model_copy(update={"status": DocumentStatus.PAID})
    await see(database, changed, books_from=datetime(2020, 1, 1, tzinfo=UTC))
    assert (await record(database, "in_old")).state is RecordState.BEFORE_CUTOVER
    assert (await record(database, "in_new")).state is RecordState.SEEN


async def test_one_shown_twice_at_once_counts_as_it_was_last(database: Database) -> None:
    await see(database, document(), document(status=DocumentStatus.VOID))
    assert (await record(database)).document.status is DocumentStatus.VOID


async def test_two_who_see_the_same_in_another_order_do_not_block_each_other(
    database: Database,
) -> None:
    shown = [document(f"in_{number:02}") for number in range(30)]
    for status in (DocumentStatus.PAID, DocumentStatus.VOID, DocumentStatus.OPEN):
        now = [each.model_copy(update={"status": status}) for each in shown]
        await asyncio.gather(see(database, *now), see(database, *reversed(now)))
    async with database.statement() as conn:
        assert len(await documents.of_subject(conn, TENANT, "sub_1")) == 30


async def test_whose_a_document_is(database: Database) -> None:
    await see(
        database,
        document("in_sub"),
        document("in_alone", line(of=None)),
        document("in_both", line("il_1"), line("il_2", of=None), made_for="sub_1"),
    )
    async with database.statement() as conn:
        assert ids(await documents.of_subject(conn, TENANT, "sub_1")) == ["in_sub"]
        account = await documents.of_subject(conn, TENANT, "account:cus_1")
        assert ids(account) == ["in_alone", "in_both"]
        known = {
            key: await documents.subject_of_document(conn, TENANT, key)
            for key in ("in_sub", "in_alone", "in_9")
        }
    assert known == {
        "in_sub": ("sub_1", "cus_1"),
        "in_alone": ("account:cus_1", "cus_1"),
        "in_9": None,
    }


async def test_documents_of_a_subject_are_oldest_first_and_found_by_id(database: Database) -> None:
    await see(database, *(document(f"in_{n}", issued_at=ISSUED - n * DAY) for n in range(3)))
    async with database.statement() as conn:
        assert ids(await documents.of_subject(conn, TENANT, "sub_1")) == ["in_2", "in_1", "in_0"]
        assert set(await documents.named(conn, TENANT, ["in_0", "in_2", "in_9"])) == {
            "in_0",
            "in_2",
        }
        assert await documents.named(conn, TENANT, []) == {}


@pytest.mark.parametrize(
    ("shown", "covers"),
    [
        (document(status=DocumentStatus.PAID), True),
        (document(), True),
        (document(status=DocumentStatus.VOID), False),
        # The end of a period is the next one's.
        (document("in_1", line(until=ISSUED + DAY), status=DocumentStatus.PAID), False),
        (document("in_1", line(since=ISSUED + DAY), status=DocumentStatus.PAID), True),
        (document("in_1", line(since=None, until=None), status=DocumentStatus.PAID), False),
        # Not paid, whatever it was for.
        (document("in_1", line(until=ISSUED + DAY)), True),
        (document("in_1", line(until=ISSUED + DAY), remaining=0), False),
        (document("in_1", line(of="sub_2"), line("il_2", of=None), made_for="sub_1"), True),
        (document("in_1", line(of="sub_2"), status=DocumentStatus.PAID), False),
        # A line of another subscription covers nothing of this one.
        (
            document(
                "in_1",
                line(until=ISSUED + DAY),
                line("il_2", of="sub_2"),
                status=DocumentStatus.PAID,
            ),
            False,
        ),
        # What is of no subscription itself was billed with one.
        (
            document("in_1", line(of=None), made_for="sub_1", status=DocumentStatus.PAID),
            True,
        ),
    ],
)
async def test_what_pays_for_a_moment(
    database: Database, shown: BillingDocument, covers: bool
) -> None:
    await see(database, shown)
    found = await covering(database, ISSUED + DAY)
    assert ids(found) == (["in_1"] if covers else [])


async def covering(database: Database, at: datetime) -> tuple[DocumentRecord, ...]:
    async with database.statement() as conn:
        known = await planning_context.books(
            conn, TENANT, subject="sub_1", customer_id="cus_1", named=(), covering=at
        )
    return known.covering


async def test_what_a_debt_is_compared_with(database: Database) -> None:
    """What paid when it was issued tells what was sold by then; what came after, what is new."""

    def then(key: str, day: int, since: int, until: int, **changes: Any) -> BillingDocument:
        period = line(since=ISSUED + since * DAY, until=ISSUED + until * DAY)
        given: dict[str, Any] = {"status": DocumentStatus.PAID, "issued_at": ISSUED + day * DAY}
        return document(key, period, **given | changes)

    other = document("in_9", line(of="sub_2"), issued_at=ISSUED - 90 * DAY)
    past = (then("in_0", -40, -40, -10), then("in_1", -10, -10, 20), then("in_2", 1, 1, 2))
    await see(database, other, *past)

    async def found() -> list[str]:
        return ids(await covering(database, ISSUED + 50 * DAY))

    assert await found() == []
    debt = then("in_3", 0, -40, -30, status=DocumentStatus.OPEN)
    await see(database, debt)
    assert await found() == ["in_1", "in_3", "in_2"]
    await see(database, debt.model_copy(update={"status": DocumentStatus.UNCOLLECTIBLE}))
    assert await found() == []


async def test_pages_go_through_all_once_newest_first(database: Database) -> None:
    await see(database, *(document(f"in_{n}", issued_at=ISSUED + n // 2 * DAY) for n in range(7)))
    seen: list[str] = []
    before: tuple[datetime, str] | None = None
    async with database.statement() as conn:
        while page := await documents.page(conn, TENANT, before=before, limit=3):
            seen += ids(page)
            before = (page[-1].document.issued_at, page[-1].document.document_id)
    assert seen == [f"in_{n}" for n in range(6, -1, -1)]


async def test_pages_by_whom_where_and_number(database: Database) -> None:
    theirs = document("in_2", line(of="sub_2"), customer_id="cus_2")
    note = document("cn_1", kind=DocumentKind.CREDIT_NOTE, status=DocumentStatus.ISSUED)
    await see(database, document("in_1"), theirs, note)
    await post(database, theirs, in_erp(theirs, "77"))
    async with database.statement() as conn:
        assert ids(await documents.page(conn, TENANT, customer_id="cus_2")) == ["in_2"]
        assert ids(await documents.page(conn, TENANT, subject="sub_1")) == ["in_1", "cn_1"]
        assert ids(await documents.page(conn, TENANT, number="N-cn_1")) == ["cn_1"]
        assert ids(await documents.page(conn, TENANT, number="ERP-77")) == ["in_2"]
        assert ids(await documents.page(conn, TENANT, number="ERP-77", customer_id="cus_1")) == []
        assert ids(await documents.page(conn, TENANT, erp_status="paid")) == []
        assert ids(await documents.page(conn, "globex")) == []
