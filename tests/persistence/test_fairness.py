"""Who is served: tenants in turn, each lane its share, and nobody behind those that wait."""

from datetime import UTC, datetime

from persistence.change_queue import Claim, Turns
from persistence.database import Database
from tests.harness.flow import write
from tests.persistence.test_change_queue import claim

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def queue(database: Database, tenant: str, count: int, *, lane: int = 1) -> None:
    await write(
        database,
        "insert into changes (id, tenant, connection, subject, event_id, kind, lane) "
        "select %(tenant)s || %(lane)s || n, %(tenant)s, 'billing', 'sub_' || %(lane)s || n, "
        "%(lane)s || '/' || n, 'other', %(lane)s::integer "
        "from generate_series(1, %(count)s::integer) as n",
        tenant=tenant,
        count=count,
        lane=str(lane),
    )


async def finish(database: Database, claims: tuple[Claim, ...]) -> None:
    await write(
        database,
        "update changes set state = 'settled', outcome = 'completed' where id = any(%(ids)s)",
        ids=[each.change_id for each in claims],
    )


async def test_a_tenant_with_one_change_is_served_in_the_next_claim(database: Database) -> None:
    """500 of one tenant wait, and all places but one have just been taken by it."""
    await queue(database, "big", 500)
    turns = Turns("d")
    assert len(await claim(database, in_flight=32, most=31, turns=turns)) == 31
    await queue(database, "small", 1)
    assert [each.tenant for each in await claim(database, in_flight=32, turns=turns)] == ["small"]


async def test_a_place_is_kept_for_those_who_have_nothing_at_work(database: Database) -> None:
    await queue(database, "big", 100)
    turns = Turns("d", reserved=4)
    assert len(await claim(database, in_flight=32, turns=turns)) == 28
    assert await claim(database, in_flight=32, turns=turns) == ()
    await queue(database, "small", 9)
    claims = await claim(database, in_flight=32, turns=turns)
    assert [each.tenant for each in claims] == ["small"]


async def test_tenants_share_the_places(database: Database) -> None:
    for tenant in ("a", "b", "c"):
        await queue(database, tenant, 50)
    claims = await claim(database, in_flight=30)
    assert [sum(each.tenant == tenant for each in claims) for tenant in "abc"] == [10, 10, 10]


async def test_they_take_turns_at_a_single_place(database: Database) -> None:
    for tenant in ("a", "b", "c"):
        await queue(database, tenant, 5)
    turns = Turns("d")
    order = []
    for _ in range(9):
        claims = await claim(database, in_flight=1, turns=turns)
        order += [each.tenant for each in claims]
        await finish(database, claims)
    assert order == ["a", "b", "c"] * 3


async def test_bulk_has_its_share_while_live_changes_never_end(database: Database) -> None:
    await queue(database, "acme", 100)
    await queue(database, "acme", 100, lane=4)
    turns = Turns("d")
    claims = await claim(database, in_flight=9, turns=turns)
    assert sorted(each.lane for each in claims) == [1] * 8 + [4]
    served = []
    for _ in range(45):
        await finish(database, claims[:1])
        fresh = await claim(database, in_flight=9, turns=turns)
        served += [each.lane for each in fresh]
        claims = (*claims[1:], *fresh)
    assert 4 <= served.count(4) <= 6


async def test_sagas_that_wait_or_do_not_come_on_take_no_place(database: Database) -> None:
    """32 that retry a dead ERP held every place for a quarter of an hour."""
    await queue(database, "acme", 100)
    turns = Turns("d")
    assert len(await claim(database, in_flight=8, turns=turns)) == 8
    assert await claim(database, in_flight=8, turns=turns) == ()
    await write(
        database,
        "update changes set state = 'running', claimed_at = now() - interval '11 s' "
        "where state = 'starting'",
    )
    assert len(await claim(database, in_flight=8, turns=turns)) == 8
    await write(database, "update changes set state = 'waiting' where state = 'starting'")
    assert len(await claim(database, in_flight=8, turns=turns)) == 8
