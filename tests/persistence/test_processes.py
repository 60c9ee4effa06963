"""News of processes is a row: counted, told once by whoever holds it, and kept when it was not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.process import Process, ProcessKind
from persistence import processes
from persistence.database import Database


def process(key: str = "cus_1", kind: ProcessKind = ProcessKind.ENTITLEMENT) -> Process:
    return Process(kind=kind, tenant="acme", key=key, customer_id="cus_1")


async def brings(database: Database, *told: Process) -> None:
    async with database.transaction() as conn:
        await processes.news(conn, told)


async def counts(database: Database) -> dict[str, tuple[int, int]]:
    """(news, acknowledged) of each process."""
    async with database.statement() as conn:
        found = await conn.execute(
            "select workflow_id, news, acknowledged from processes order by 1"
        )
        return {row[0]: (row[1], row[2]) for row in await found.fetchall()}


async def tell(database: Database) -> Process | None:
    async with processes.unacknowledged(database) as found:
        return found


async def test_news_is_counted_and_told_up_to_what_was_seen(database: Database) -> None:
    await brings(database, process())
    await brings(database, process())
    assert await counts(database) == {"entitlement/acme/cus_1": (2, 0)}

    assert await tell(database) == process()

    assert await counts(database) == {"entitlement/acme/cus_1": (2, 2)}
    assert await tell(database) is None
    await brings(database, process())
    assert await tell(database) == process()
    async with database.statement() as conn:
        assert await processes.revision(conn, "entitlement/acme/cus_1") == 3
        assert await processes.revision(conn, "entitlement/acme/cus_2") == 0


async def test_no_news_is_nothing(database: Database) -> None:
    await brings(database)
    assert await counts(database) == {}
    assert await tell(database) is None


async def test_the_longest_untold_goes_first(database: Database) -> None:
    for key in ("cus_2", "cus_1", "cus_3"):
        await brings(database, process(key))
    told = [await tell(database) for _ in range(3)]
    assert [found and found.key for found in told] == ["cus_2", "cus_1", "cus_3"]


async def test_what_is_told_keeps_its_kind_and_whom_it_is_about(database: Database) -> None:
    told = Process(
        kind=ProcessKind.DUNNING,
        tenant="acme",
        key="in_1",
        subscription_id="sub_1",
        customer_id="cus_1",
    )
    await brings(database, told)
    assert await tell(database) == told


async def test_a_telling_that_fails_leaves_it_untold(database: Database) -> None:
    await brings(database, process())
    with pytest.raises(RuntimeError, match="away"):
        async with processes.unacknowledged(database):
            raise RuntimeError("away")
    assert await counts(database) == {"entitlement/acme/cus_1": (1, 0)}
    assert await tell(database) == process()


async def test_a_transaction_that_fails_brings_no_news(database: Database) -> None:
    async def rolled_back() -> None:
        async with database.transaction() as conn:
            await processes.news(conn, [process()])
            raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        await rolled_back()
    assert await counts(database) == {}


async def test_two_tellers_never_tell_the_same(database: Database) -> None:
    await brings(database, *(process(f"cus_{n}") for n in range(2)))
    async with (
        processes.unacknowledged(database) as first,
        processes.unacknowledged(database) as second,
    ):
        assert first is not None
        assert second is not None
        assert {first.key, second.key} == {"cus_0", "cus_1"}
        async with processes.unacknowledged(database) as third:
            assert third is None
    assert await tell(database) is None


async def test_many_tellers_tell_each_once(database: Database) -> None:
    await brings(database, *(process(f"cus_{n}") for n in range(20)))
    told: list[str] = []

    async def teller() -> None:
        while (found := await tell(database)) is not None:
            told.append(found.key)

    await asyncio.gather(*(teller() for _ in range(4)))
    assert sorted(told) == sorted(f"cus_{n}" for n in range(20))


async def test_news_while_it_is_told_is_told_again(database: Database) -> None:
    """It waits for the telling to end, and is not swallowed by it."""
    await brings(database, process())
    async with processes.unacknowledged(database) as found:
        assert found == process()
        later = asyncio.create_task(brings(database, process()))
    await later
    assert await counts(database) == {"entitlement/acme/cus_1": (2, 1)}
    assert await tell(database) == process()


@pytest.mark.parametrize(("told", "after"), [(True, (2, 2)), (False, (2, 0))])
async def test_what_a_process_finds_itself_need_not_be_told(
    database: Database, told: bool, after: tuple[int, int]
) -> None:
    """But what was not told before still is."""
    await brings(database, process())
    if told:
        await tell(database)
    async with database.transaction() as conn:
        at = datetime(2026, 11, 16, tzinfo=UTC)
        await processes.advance(conn, process().workflow_id, at=at)
        assert await processes.changed(conn, process().workflow_id) == at
        assert await processes.changed(conn, "entitlement/acme/cus_2") is None
    assert await counts(database) == {"entitlement/acme/cus_1": after}
    assert (await tell(database) is None) is told


async def test_processes_of_tenants_and_kinds_are_apart(database: Database) -> None:
    await brings(database, process("x"), process("x", ProcessKind.DUNNING))
    await brings(database, process("x").model_copy(update={"tenant": "other"}))
    assert await counts(database) == {
        "dunning/acme/x": (1, 0),
        "entitlement/acme/x": (1, 0),
        "entitlement/other/x": (1, 0),
    }


@pytest.mark.parametrize(("known", "held", "after"), [(1, 0, 2), (1, 1, 2), (1, 70, 71), (3, 1, 4)])
async def test_news_may_have_to_be_above_what_somebody_holds(
    database: Database, known: int, held: int, after: int
) -> None:
    for _ in range(known):
        await brings(database, process())
    async with database.transaction() as conn:
        await processes.news(conn, [process()], above=held)
    assert await counts(database) == {"entitlement/acme/cus_1": (after, 0)}


async def test_the_first_news_is_above_it_too(database: Database) -> None:
    async with database.transaction() as conn:
        await processes.news(conn, [process()], above=70)
    assert await counts(database) == {"entitlement/acme/cus_1": (71, 0)}


@pytest.mark.parametrize(("held", "after"), [(70, (71, 71)), (1, (2, 2)), (0, (1, 1))])
async def test_a_process_that_is_being_told_counts_above_what_it_finds(
    database: Database, held: int, after: tuple[int, int]
) -> None:
    await brings(database, process())
    await tell(database)
    async with database.transaction() as conn:
        assert await processes.above(conn, process().workflow_id, held) == after[0]
    assert await counts(database) == {"entitlement/acme/cus_1": after}


async def unchecked(database: Database, limit: int = 10) -> list[str]:
    async with database.transaction() as conn:
        later = datetime.now(UTC) + timedelta(minutes=1)
        found = await processes.unchecked(conn, before=later, limit=limit)
    return sorted(one.workflow_id for one in found)


async def test_what_was_told_is_looked_for(database: Database) -> None:
    await brings(database, process("cus_1"), process("cus_2"))
    await tell(database)
    # What has still to be told is told, not looked for.
    assert await unchecked(database) == ["entitlement/acme/cus_1"]
    await tell(database)
    assert await unchecked(database) == ["entitlement/acme/cus_1", "entitlement/acme/cus_2"]
    async with database.transaction() as conn:
        assert (
            await processes.unchecked(conn, before=datetime(2020, 1, 1, tzinfo=UTC), limit=9) == ()
        )


async def test_no_plan_takes_more_than_the_limit(database: Database) -> None:
    for number in range(4):
        await brings(database, process(f"cus_{number}"))
        await tell(database)
    async with database.transaction() as conn:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "indexscan"):
            await conn.execute(f"set local enable_{way} = off".encode())
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert len(await processes.unchecked(conn, before=later, limit=2)) == 2


async def test_two_lookers_look_for_different_ones_the_longest_unseen_first(
    database: Database,
) -> None:
    await brings(database, *(process(f"cus_{n}") for n in range(3)))
    while await tell(database):
        pass
    now = datetime.now(UTC) + timedelta(minutes=1)
    async with database.transaction() as one, database.transaction() as two:
        first = await processes.unchecked(one, before=now, limit=2)
        second = await processes.unchecked(two, before=now, limit=2)
    assert [len(first), len(second)] == [2, 1]
    assert len({told.workflow_id for told in (*first, *second)}) == 3


async def test_one_that_is_gone_is_told_of_again_unless_it_was(database: Database) -> None:
    await brings(database, process("cus_1"), process("cus_2"))
    while await tell(database):
        pass
    async with database.transaction() as conn:
        later = datetime.now(UTC) + timedelta(minutes=1)
        gone = await processes.unchecked(conn, before=later, limit=9)
    await brings(database, process("cus_2"))
    await tell(database)
    async with database.transaction() as conn:
        await processes.forgotten(conn, gone)
    assert await counts(database) == {
        "entitlement/acme/cus_1": (1, 0),
        "entitlement/acme/cus_2": (2, 2),
    }
    assert await tell(database) == process("cus_1")


async def test_one_that_has_ended_is_looked_for_after_the_next_news(database: Database) -> None:
    await brings(database, process())
    await tell(database)
    async with database.transaction() as conn:
        later = datetime.now(UTC) + timedelta(minutes=1)
        await processes.ended(conn, await processes.unchecked(conn, before=later, limit=9))
    assert await unchecked(database) == []
    await brings(database, process())
    await tell(database)
    assert await unchecked(database) == ["entitlement/acme/cus_1"]


async def test_those_that_could_not_be_asked_for_come_first_again(database: Database) -> None:
    await brings(database, process())
    await tell(database)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    async with database.transaction() as conn:
        later = datetime.now(UTC) + timedelta(minutes=1)
        found = await processes.unchecked(conn, before=later, limit=9)
        await processes.not_checked(conn, found, at=long_ago)
        again = await processes.unchecked(conn, before=long_ago + timedelta(days=1), limit=9)
    assert found == again
