"""Events in the inbox and changes in the queue, without HTTP."""

from collections.abc import Iterable

from persistence.database import Database
from persistence.inbox_writer import Delivery, InboxWriter
from tests.harness.webhooks import CONNECTION, TENANT, subscription_event


async def receive(dsn: str, bodies: Iterable[tuple[str, bytes]], *, tenant: str = TENANT) -> None:
    """(event id, body) pairs into the inbox, in this order."""
    writer = InboxWriter(dsn)
    writer.start()
    for event_id, body in bodies:
        await writer.keep(Delivery(tenant, CONNECTION, event_id, "any", body))
    await writer.close()


async def receive_changes(dsn: str, events: Iterable[tuple[str, str]]) -> None:
    """(event id, subscription) pairs, as events about subscriptions."""
    await receive(dsn, [(event, subscription_event(event, of)) for event, of in events])


async def states(database: Database) -> dict[str, str]:
    """The state of each change by event id; the outcome of one that has settled."""
    async with database.transaction() as conn:
        found = await conn.execute(
            "select event_id, coalesce(outcome, state) from changes order by seq"
        )
        return {row[0]: row[1] for row in await found.fetchall()}


async def statuses(database: Database) -> dict[str, str]:
    """The status of each inbox row by event id."""
    async with database.transaction() as conn:
        found = await conn.execute("select event_id, status from inbox order by id")
        return {row[0]: row[1] for row in await found.fetchall()}


async def write(database: Database, statement: str, **values: object) -> None:
    """What no repository does, to bring a test's situation about."""
    async with database.transaction() as conn:
        await conn.execute(statement.encode(), values or None)
