"""Looking into the inbox and replaying what is in it."""

import psycopg
import pytest

from canonical_models.states import InboxStatus
from persistence import inbox
from persistence.database import Database
from tests.harness.flow import receive, write
from tests.harness.webhooks import TENANT


@pytest.fixture
async def filled(database: Database) -> Database:
    await receive(database.dsn, [(f"evt_{number}", b"x" * number) for number in range(1, 8)])
    await receive(database.dsn, [("evt_theirs", b"{}")], tenant="globex")
    await write(database, "update inbox set status = 'ignored' where event_id = 'evt_3'")
    await write(
        database,
        "update inbox set status = 'dead_lettered', reason = 'why', event_type = 'unreadable', "
        "settled_at = now() where event_id in ('evt_5', 'evt_theirs')",
    )
    return database


async def test_pages_go_through_all_of_the_tenant_once(filled: Database) -> None:
    seen: list[inbox.InboxView] = []
    async with filled.transaction() as conn:
        while page := await inbox.page(
            conn, TENANT, before=seen[-1].inbox_id if seen else None, limit=3
        ):
            assert len(page) <= 3
            seen += page
    assert [view.event_id for view in seen] == [f"evt_{number}" for number in range(7, 0, -1)]
    assert [view.size for view in seen] == [7, 6, 5, 4, 3, 2, 1]


async def test_pages_by_status_and_type(filled: Database) -> None:
    async with filled.transaction() as conn:
        dead = await inbox.page(conn, TENANT, status=InboxStatus.DEAD_LETTERED)
        unreadable = await inbox.page(conn, TENANT, event_type="unreadable")
        none = await inbox.page(conn, TENANT, status=InboxStatus.IGNORED, event_type="unreadable")
    assert [(view.event_id, view.reason) for view in dead] == [("evt_5", "why")]
    assert (unreadable, none) == (dead, ())


async def test_one_is_found_by_number_and_receipt_in_its_own_tenant_only(filled: Database) -> None:
    async with filled.transaction() as conn:
        (newest, *_) = await inbox.page(conn, TENANT)
        assert await inbox.get(conn, TENANT, newest.inbox_id) == newest
        assert await inbox.find(conn, TENANT, newest.receipt) == newest
        assert await inbox.body(conn, TENANT, newest.inbox_id) == b"x" * 7
        assert await inbox.get(conn, "globex", newest.inbox_id) is None
        assert await inbox.find(conn, "globex", newest.receipt) is None
        assert await inbox.body(conn, "globex", newest.inbox_id) is None


async def test_a_replay_receives_again_counts_and_wakes(filled: Database) -> None:
    async with await psycopg.AsyncConnection.connect(filled.dsn, autocommit=True) as listener:
        await listener.execute("listen trueup_inbox")
        async with filled.transaction() as conn:
            all_of_them = [view.inbox_id for view in await inbox.page(conn, TENANT)]
            (theirs,) = await inbox.page(conn, "globex")
        async with filled.transaction() as conn:
            replayed = await inbox.replay(conn, TENANT, [*all_of_them, theirs.inbox_id])
        assert [note async for note in listener.notifies(timeout=5, stop_after=1)]
    assert {view.status for view in replayed} == {"received"}
    assert len(replayed) == 7
    # Those that had not been read yet are not replayed, and another tenant's are not there.
    assert {view.event_id: view.replays for view in replayed if view.replays} == {
        "evt_3": 1,
        "evt_5": 1,
    }
    assert all(view.reason is None and view.settled_at is None for view in replayed)
    async with filled.transaction() as conn:
        (after,) = await inbox.page(conn, "globex")
    assert after == theirs
