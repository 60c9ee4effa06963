"""What settles documents: the newest truth of billing, and each entered in the ERP once."""

import asyncio
from datetime import date

import pytest

from canonical_models.documents import Settlement, SettlementKind
from canonical_models.ledgering import SettlementEntry
from canonical_models.records import SettlementRecord
from persistence import settlements
from persistence.database import Database
from tests.harness.waiting import until
from tests.persistence.issued import (
    DAY,
    ISSUED,
    TENANT,
    document,
    eur,
    line,
    outcome,
    paid,
    planned,
    see,
)

REFUND = Settlement(
    settlement_id="re_1",
    kind=SettlementKind.REFUND,
    about="in_1",
    amount=eur(-1900),
    at=ISSUED + 2 * DAY,
    note="asked for",
)
GOODWILL = Settlement(
    settlement_id="cbtxn_1", kind=SettlementKind.GOODWILL, amount=eur(500), at=ISSUED
)
ENTRY = SettlementEntry(
    entry_id="9001",
    legal_entity="LE-DE",
    external_id="pi_1",
    number="BNK/7",
    amount=eur(1900),
    posted_on=date(2026, 11, 17),
    url="https://erp.example/9001",
)
KEY = "settlement:acme/pi_1"


async def see_all(database: Database, *shown: Settlement, subject: str = "sub_1") -> None:
    async with database.transaction() as conn:
        await settlements.seen(conn, TENANT, "cus_1", subject, shown)


async def claim(database: Database, settlement_id: str = "pi_1", key: str = KEY) -> bool:
    async with database.transaction() as conn:
        return await settlements.claim(conn, TENANT, settlement_id, effect_key=key)


async def enter(database: Database, document_id: str | None = "in_1") -> None:
    async with database.transaction() as conn:
        await settlements.entered(conn, TENANT, "pi_1", entry=ENTRY, document_id=document_id)


async def record(database: Database, settlement_id: str = "pi_1") -> SettlementRecord:
    async with database.statement() as conn:
        found = await settlements.by_id(conn, TENANT, settlement_id)
    assert found is not None
    return found


async def test_a_movement_is_kept_as_billing_shows_it(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900), REFUND)
    await see_all(database)
    assert await record(database, "re_1") == SettlementRecord(
        settlement=REFUND, customer_id="cus_1"
    )
    later = REFUND.model_copy(update={"note": "given"})
    await see_all(database, later)
    assert (await record(database, "re_1")).settlement == later


async def test_what_is_entered_stays_when_billing_shows_it_again(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900))
    assert await claim(database)
    await enter(database)
    entered = await record(database)
    assert (entered.entry_id, entered.entry_number, entered.url) == (
        ENTRY.entry_id,
        ENTRY.number,
        ENTRY.url,
    )
    assert (entered.legal_entity, entered.settles) == ("LE-DE", "in_1")
    moved = paid("pi_1", 1900, document_id="in_2")
    await see_all(database, moved, subject="account:cus_1")
    assert await record(database) == entered.model_copy(update={"settlement": moved})


async def test_what_is_as_it_was_is_not_written(database: Database) -> None:
    async def version() -> object:
        async with database.statement() as conn:
            return await (await conn.execute("select ctid::text from settlements")).fetchone()

    await see_all(database, paid("pi_1", 1900))
    before = await version()
    await see_all(database, paid("pi_1", 1900))
    assert await version() == before
    await see_all(database, paid("pi_1", 1900), subject="account:cus_1")
    assert await version() != before


async def test_a_movement_is_entered_by_one_effect(database: Database) -> None:
    assert not await claim(database)
    await see_all(database, paid("pi_1", 1900))
    # Until it is entered, another attempt may see it through.
    assert [await claim(database), await claim(database)] == [True, True]
    await enter(database)
    assert not await claim(database)
    assert not await claim(database, key="settlement:acme/pi_1/2")


async def test_who_claims_while_it_is_being_entered_comes_too_late(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900))
    async with database.transaction() as conn:
        await settlements.claim(conn, TENANT, "pi_1", effect_key=KEY)
        late = asyncio.create_task(claim(database, key="settlement:acme/other"))
        await until(lambda: waits_for_a_lock(database), "the other one waits")
        await settlements.entered(conn, TENANT, "pi_1", entry=ENTRY, document_id="in_1")
    assert not await late
    async with database.statement() as conn:
        found = await conn.execute("select effect_key from settlements")
        assert await found.fetchone() == (KEY,)


async def waits_for_a_lock(database: Database) -> bool:
    async with database.statement() as conn:
        found = await conn.execute(
            "select count(*) from pg_stat_activity "
            "where wait_event_type = 'Lock' and datname = current_database()"
        )
        return await found.fetchone() != (0,)


async def test_the_effect_that_enters_it_is_told_with_it(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900))
    await claim(database)
    assert (await record(database)).effect is None
    async with database.transaction() as conn:
        await conn.execute(
            "insert into effects (key, tenant, change_id, step, system, operation, request_hash, "
            "state) values (%s, 'acme', 'chg_1', 'erp.settle', 'erp', 'settle', '', 'uncertain')",
            (KEY,),
        )
    assert (await record(database)).effect == "uncertain"


async def test_money_that_came_first_settles_its_document_later(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900))
    assert await claim(database)
    await enter(database, None)
    assert (await record(database)).settles is None
    # By an effect of its own, once.
    later = f"{KEY}/in_1"
    assert await claim(database, key=later)
    await enter(database)
    assert (await record(database)).settles == "in_1"
    assert not await claim(database, key=later)


async def test_what_stands_on_the_account_for_good_is_entered_once(database: Database) -> None:
    await see_all(database, paid("pi_1", 500, document_id=None))
    assert await claim(database)
    await enter(database, None)
    assert not await claim(database, key=f"{KEY}/2")


async def test_what_a_change_has_entered(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900), paid("pi_2", 100))
    for settlement_id in ("pi_1", "pi_2"):
        assert await claim(database, settlement_id, f"settlement:acme/{settlement_id}")
    async with database.transaction() as conn:
        for settlement_id in ("pi_1", "pi_2"):
            await conn.execute(
                "insert into effects (key, tenant, change_id, step, system, operation, "
                "request_hash) values (%s, 'acme', 'chg_1', 's', 'erp', 'settle', '')",
                (f"settlement:acme/{settlement_id}",),
            )
    await enter(database)
    await planned(database, "chg_1")
    await planned(database, "chg_2")
    found, other = await outcome(database, "chg_1"), await outcome(database, "chg_2")
    assert found is not None
    assert other is not None
    assert [each.settlement.settlement_id for each in found.moved] == ["pi_1"]
    assert other.moved == ()
    assert await outcome(database, "chg_1", "globex") is None


async def test_movements_are_found_by_whom_they_concern(database: Database) -> None:
    await see_all(database, REFUND, paid("pi_1", 1900), paid("pi_2", 100, document_id="in_2"))
    await see_all(database, GOODWILL, subject="account:cus_1")

    def names(found: tuple[SettlementRecord, ...]) -> list[str]:
        return [each.settlement.settlement_id for each in found]

    async with database.statement() as conn:
        assert names(await settlements.of_documents(conn, TENANT, ["in_1"])) == ["pi_1", "re_1"]
        assert names(await settlements.of_documents(conn, TENANT, [])) == []
        of_subject = await settlements.of_subject(conn, TENANT, "sub_1")
        assert names(of_subject) == ["pi_1", "pi_2", "re_1"]
        of_customer = await settlements.of_customer(conn, TENANT, "cus_1")
        assert names(of_customer) == ["cbtxn_1", "pi_1", "pi_2", "re_1"]
        assert await settlements.of_customer(conn, "globex", "cus_1") == ()
        assert await settlements.by_id(conn, "globex", "pi_1") is None


SUB, ALONE = ("sub_1", "cus_1", "in_1"), ("account:cus_1", "cus_1", "in_2")


@pytest.mark.parametrize(
    ("payment_id", "document_id", "found"),
    [
        ("pi_1", None, SUB),
        # A refund is about a document, and settles none.
        ("re_1", None, SUB),
        ("pi_9", "in_2", ALONE),
        (None, "in_2", ALONE),
        # The movement says more than the event.
        ("pi_1", "in_2", SUB),
        # What is of no document is found by its customer alone.
        ("cbtxn_1", None, None),
        ("pi_9", "in_9", None),
        (None, None, None),
    ],
)
async def test_whose_a_payment_is(
    database: Database,
    payment_id: str | None,
    document_id: str | None,
    found: tuple[str, str, str] | None,
) -> None:
    await see(database, document("in_1"), document("in_2", line(of=None)))
    await see_all(database, paid("pi_1", 1900), REFUND, GOODWILL, subject="account:cus_1")
    async with database.statement() as conn:
        assert await settlements.subject_of(conn, TENANT, payment_id, document_id) == found


async def test_what_settled_a_document_that_was_undone_finds_it_anew(database: Database) -> None:
    await see_all(database, paid("pi_1", 1900))
    assert await claim(database)
    await enter(database)
    async with database.transaction() as conn:
        await settlements.freed(conn, TENANT, "in_2")
    assert not await claim(database, key="settlement:acme/pi_1/in_1/2")
    async with database.transaction() as conn:
        await settlements.freed(conn, TENANT, "in_1")
    found = await record(database)
    assert (found.entry_id, found.settles) == (ENTRY.entry_id, None)
    assert await claim(database, key="settlement:acme/pi_1/in_1/2")
