"""Claims: the oldest of each subject, live first, bounded, and never two for one."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.occasion import SyncAsked
from canonical_models.states import ChangeOutcome
from persistence import change_queue, change_watch, changes
from persistence.change_queue import Claim, Turns
from persistence.database import Database
from persistence.inbox import Arrival
from tests.harness.flow import states, write

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def triggered(
    event_id: str,
    subscription: str | None = "sub_1",
    *,
    customer: str | None = None,
    kind: ChangeKind = ChangeKind.UPGRADE,
    document: str | None = None,
    bulk: bool = False,
    replays: int = 0,
) -> tuple[Arrival, ChangeTrigger]:
    trigger = ChangeTrigger(
        event_id=event_id,
        subscription_id=subscription,
        customer_id=customer,
        kind=kind,
        occurred_at=NOW,
        document_id=document,
        bulk=bulk,
    )
    return Arrival(1, "acme", "billing", event_id, "any", replays, NOW, b""), trigger


async def add(
    database: Database, pairs: Sequence[tuple[Arrival, ChangeTrigger]]
) -> tuple[str, ...]:
    async with database.transaction() as conn:
        return await change_queue.add(conn, pairs)


async def claim(
    database: Database, in_flight: int = 100, most: int = 100, turns: Turns | None = None
) -> tuple[Claim, ...]:
    async with database.transaction() as conn:
        return await change_queue.claim(conn, in_flight=in_flight, most=most, turns=turns)


async def settle(database: Database, event_id: str) -> None:
    await write(
        database,
        "update changes set state = 'settled', outcome = 'completed' where event_id = %(event)s",
        event=event_id,
    )


def events(claims: Sequence[Claim]) -> list[str]:
    return [claim.event_id for claim in claims]


async def test_the_oldest_of_each_subscription_while_none_is_open(database: Database) -> None:
    await add(database, [triggered("a1", "a"), triggered("a2", "a"), triggered("b1", "b")])
    assert events(await claim(database)) == ["a1", "b1"]
    assert events(await claim(database)) == []
    for state in ("running", "waiting"):
        await write(database, "update changes set state = %(s)s where event_id = 'a1'", s=state)
        assert events(await claim(database)) == []
    await settle(database, "a1")
    assert events(await claim(database)) == ["a2"]


async def test_an_account_has_an_order_of_its_own(database: Database) -> None:
    await add(
        database,
        [
            triggered("a1", customer="cus_1", document="in_1"),
            triggered("c1", None, customer="cus_1", document="cn_1"),
            triggered("c2", None, customer="cus_1"),
            triggered("d1", None, customer="cus_2"),
        ],
    )
    claims = await claim(database)
    assert [
        (each.event_id, each.subject, each.subscription_id, each.customer_id, each.documents)
        for each in claims
    ] == [
        ("a1", "sub_1", "sub_1", "cus_1", ("in_1",)),
        ("c1", "account:cus_1", None, "cus_1", ("cn_1",)),
        ("d1", "account:cus_2", None, "cus_2", ()),
    ]
    await settle(database, "c1")
    assert events(await claim(database)) == ["c2"]


async def test_an_event_of_nobody_makes_no_change(database: Database) -> None:
    with pytest.raises(ValueError, match="event a1 names no one"):
        await add(database, [triggered("a1", None)])
    assert await states(database) == {}


async def follow(database: Database, subject: str, why: str, **words: Any) -> str:
    async with database.transaction() as conn:
        return await change_queue.follow(
            conn, "acme", subject, why=SyncAsked(why), kind=ChangeKind.OTHER, **words
        )


async def test_an_occasion_of_ours_makes_one_change(database: Database) -> None:
    first = await follow(database, "sub_1", "1", documents=["in_1", "in_2"], whole=True)
    assert await follow(database, "sub_1", "1") == first
    assert await follow(database, "sub_1", "2", customer_id="cus_1") != first
    await follow(database, "account:cus_1", "3", lane=change_queue.RECONCILIATION)
    async with database.transaction() as conn:
        view = await changes.get(conn, "acme", first)
        ahead = await changes.unsettled(conn, "acme", "sub_1")
        of_account = await changes.page(conn, "acme", subject="account:cus_1")
    assert view is not None
    assert (view.subject, view.subscription_id, view.documents) == (
        "sub_1",
        "sub_1",
        ("in_1", "in_2"),
    )
    assert [each.event_id for each in ahead] == ["sync/1", "sync/2"]
    assert [(each.subscription_id, each.customer_id, each.lane) for each in of_account] == [
        (None, "cus_1", change_queue.RECONCILIATION)
    ]
    claims = await claim(database)
    assert [(each.subject, each.documents) for each in claims] == [
        ("sub_1", ("in_1", "in_2")),
        ("account:cus_1", ()),
    ]


async def test_what_waits_while_a_newer_one_of_its_subject_does(database: Database) -> None:
    await add(database, [triggered("a1", "a"), triggered("a2", "a"), triggered("b1", "b")])
    first, other = await claim(database)
    for state in ("running", "waiting"):
        await write(database, "update changes set state = %(s)s where state <> 'pending'", s=state)
    await write(database, "update changes set started_at = now() - interval '1 h'")
    async with database.transaction() as conn:
        (kept,) = await change_watch.outwaited(conn)
        open_ = await change_watch.at_work(
            conn, since=timedelta(minutes=1), after=first.seq, limit=9
        )
        assert [each.change_id for each in open_] == [other.change_id]
        assert (kept.change_id, kept.subject) == (first.change_id, "a")
        assert kept.newest > kept.seq
        await changes.settle(conn, "acme", kept.change_id, outcome=ChangeOutcome.COMPLETED)
    assert events(await claim(database)) == ["a2"]


async def test_live_changes_go_before_renewals_and_bulk(database: Database) -> None:
    await add(
        database,
        [
            triggered("bulk", "d", bulk=True),
            triggered("older", "a", bulk=True),
            triggered("renewal", "b", kind=ChangeKind.RENEWAL),
            triggered("behind_older", "a"),
        ],
    )
    # A live change does not overtake an older one of its own subscription, but takes it along.
    assert events(await claim(database, most=1)) == ["older"]
    assert events(await claim(database, most=1)) == ["renewal"]
    assert events(await claim(database)) == ["bulk"]


async def test_no_more_than_are_allowed_in_flight_and_waiting_ones_do_not_count(
    database: Database,
) -> None:
    await add(database, [triggered(f"e{number}", f"s{number}") for number in range(6)])
    assert events(await claim(database, in_flight=2)) == ["e0", "e1"]
    assert events(await claim(database, in_flight=2)) == []
    await write(database, "update changes set state = 'waiting' where event_id = 'e0'")
    assert events(await claim(database, in_flight=2)) == ["e2"]
    assert events(await claim(database, in_flight=1)) == []


async def test_dispatchers_of_one_moment_claim_no_change_twice_and_keep_their_bounds(
    database: Database,
) -> None:
    await add(database, [triggered(f"e{number}", f"s{number % 20}") for number in range(60)])
    turns = [Turns(f"d{number}") for number in range(4)]
    claims = await asyncio.gather(
        *(claim(database, in_flight=4, most=4, turns=each) for each in turns)
    )
    assert all(len(some) <= 4 for some in claims)
    claimed = [event for some in claims for event in events(some)]
    assert len(claimed) == len(set(claimed)) > 0
    assert len(await claim(database)) == 20 - len(claimed)


async def test_what_was_put_back_waits_its_turn_and_is_not_overtaken(database: Database) -> None:
    await add(database, [triggered("a1", "a"), triggered("a2", "a")])
    (first,) = await claim(database)
    async with database.transaction() as conn:
        await change_queue.put_back(conn, [first.change_id], reset_attempts=False)
    assert events(await claim(database)) == []
    await write(database, "update changes set claimed_at = now() - interval '31 s'")
    assert events(await claim(database)) == ["a1"]
    async with database.transaction() as conn:
        await change_queue.put_back(conn, [first.change_id], reset_attempts=True)
    assert events(await claim(database)) == ["a1"]


async def test_a_settled_change_is_neither_put_back_nor_started(database: Database) -> None:
    (made,) = await add(database, [triggered("a1")])
    await claim(database)
    await settle(database, "a1")
    async with database.transaction() as conn:
        await change_queue.put_back(conn, [made], reset_attempts=True)
        await change_queue.started(conn, made, "run")
    assert await states(database) == {"a1": "completed"}


async def test_claims_that_nobody_renews_are_taken_over(database: Database) -> None:
    await add(database, [triggered("a1", "a"), triggered("b1", "b"), triggered("c1", "c")])
    mine, renewed, dead = await claim(database)
    await write(database, "update changes set claimed_at = now() - interval '10 s'")
    async with database.transaction() as conn:
        await change_queue.renew(conn, [renewed.change_id])
    lease = timedelta(seconds=5)
    async with database.transaction() as conn:
        again = await change_queue.reclaim(conn, lease=lease, mine=[mine.change_id])
        none = await change_queue.reclaim(conn, lease=lease, mine=[mine.change_id])
    assert (again, none) == ((dead,), ())


async def test_an_event_makes_one_change_whatever_comes_twice(database: Database) -> None:
    first = await add(database, [triggered("a1"), triggered("a1")])
    assert first[0] == first[1]
    assert await add(database, [triggered("a1")]) == first[:1]
    assert await states(database) == {"a1": "pending"}


async def test_a_replay_makes_a_new_change_once_all_others_have_settled(
    database: Database,
) -> None:
    (made,) = await add(database, [triggered("a1")])
    assert await add(database, [triggered("a1", replays=1)]) == (made,)
    await settle(database, "a1")
    (again,) = await add(database, [triggered("a1", replays=2)])
    assert again != made
    assert await add(database, [triggered("a1", replays=3)]) == (again,)
    await settle(database, "a1#r2")
    await add(database, [triggered("a1", replays=4)])
    assert await states(database) == {"a1": "completed", "a1#r2": "completed", "a1#r4": "pending"}


@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["add", "claim", "settle", "wait", "back"]), st.integers(0, 4)),
        max_size=30,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_changes_of_a_subscription_settle_in_the_order_of_arrival(
    database: Database, moves: list[tuple[str, int]]
) -> None:
    await write(database, "truncate changes")
    made = 0
    done: dict[str, list[str]] = {}
    open_: list[Claim] = []
    for move, number in [*moves, *[("claim", 0), ("settle", 0)] * (len(moves) * 2)]:
        if move == "add":
            made += 1
            await add(database, [triggered(f"e{made:03}", f"s{number}")])
        elif move == "claim":
            open_ += await claim(database, in_flight=3, most=number + 1)
            assert len({each.subject for each in open_}) == len(open_)
        elif open_:
            chosen = open_.pop(number % len(open_))
            async with database.transaction() as conn:
                if move == "back":
                    await change_queue.put_back(conn, [chosen.change_id], reset_attempts=True)
            if move == "settle":
                await settle(database, chosen.event_id)
                done.setdefault(chosen.subject, []).append(chosen.event_id)
            elif move == "wait":
                open_.append(chosen)
    assert all(order == sorted(order) for order in done.values())
    assert sum(map(len, done.values())) == made
