"""What is told to the outside: events of each tenant, and numbers over all."""

from datetime import UTC, datetime

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
