"""What is told to the outside: events of each tenant, and numbers over all."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from canonical_models import events
from canonical_models.base import Canonical
from canonical_models.events import Event
from persistence import metrics, outbox
from persistence.database import Database
from tests.harness.flow import write
from tests.persistence.issued import document, post, see


def told(tenant: str, event_id: str = "in_1/paid") -> Event:
    return Event(
        id=event_id,
        source=f"/tenants/{tenant}",
        type="io.trueup.payment.confirmed.v1",
        subject="in_1",
        time=datetime(2026, 11, 16, tzinfo=UTC),
        data={"of": tenant},
    )


async def test_tenants_may_have_events_of_the_same_id(database: Database) -> None:
    for tenant in ("acme", "globex", "acme"):
        async with database.transaction() as conn:
            await outbox.publish(conn, tenant, [told(tenant)])
    async with database.transaction() as conn:
        for tenant in ("acme", "globex"):
            assert [event for _, event in await outbox.page(conn, tenant)] == [told(tenant)]
            found = await outbox.feed(conn, tenant, after=0, limit=9)
            assert [event for _, event in found] == [told(tenant)]


async def test_the_feed_waits_for_what_has_drawn_a_lower_position(
    database: Database, dsn: str
) -> None:
    other = Database(dsn)
    async with AsyncExitStack() as open_:
        first = await open_.enter_async_context(other.transaction())
        async with database.transaction() as second:
            # It has begun to write before the other one, and draws its position after it.
            await second.execute("select pg_current_xact_id()")
            await outbox.publish(first, "acme", [told("acme", "first")])
            await outbox.publish(second, "acme", [told("acme", "second")])
        assert await _feed(database) == []
    assert await _feed(database) == ["first", "second"]
    await other.close()


async def test_an_old_version_is_read_as_the_newest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PaymentConfirmed(Canonical):
        about: str
        channel: str | None

    monkeypatch.setitem(events.TYPES, "payment.confirmed.v3", PaymentConfirmed)
    for old, new, upcast in (
        ("v1", "v2", lambda data: {"about": data["of"]}),
        ("v2", "v3", lambda data: {**data, "channel": None}),
    ):
        newer = (f"payment.confirmed.{new}", upcast)
        monkeypatch.setitem(events.UPCASTERS, f"payment.confirmed.{old}", newer)
    async with database.transaction() as conn:
        await outbox.publish(conn, "acme", [told("acme")])
    async with database.statement() as conn:
        ((_, read),) = await outbox.feed(conn, "acme", after=0, limit=9)
    assert (read.id, read.type) == ("in_1/paid", "io.trueup.payment.confirmed.v3")
    assert read.data == {"about": "acme", "channel": None}


async def _feed(database: Database) -> list[str]:
    async with database.statement() as conn:
        return [event.id for _, event in await outbox.feed(conn, "acme", after=0, limit=9)]


async def test_posting_takes_from_the_event_to_the_document(database: Database) -> None:
    await see(database, document("in_1"), document("in_2"))
    await post(database, document("in_1"))
    await write(
        database,
        "insert into changes (id, tenant, connection, subject, event_id, kind, received_at) "
        "values ('chg_1', 'acme', 'billing', 'sub_1', 'evt_1', 'other', now() - interval '3 s')",
    )
    await write(
        database,
        "insert into effects (key, tenant, change_id, step, system, operation, request_hash, "
        "state, confirmed_at) select effect_key, 'acme', change_id, 'erp.document', 'erp', 'post', "
        "'', 'confirmed', now() from documents where effect_key is not null",
    )
    async with database.transaction() as conn:
        found = await metrics.read(conn)
    assert found.counts["documents"] == {"posted": 1, "seen": 1}
    assert found.counts["invoices"] == {"unposted": 2}
    assert found.counts["changes"] == {"pending": 1}
    assert [3 <= seconds < 60 for seconds in found.posting_seconds] == [True]
