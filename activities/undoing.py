"""The end of a change that was undone."""

from activities.contracts.amendment import UndoneInput
from activities.telling import undone
from persistence import changes, exceptions, outbox
from persistence.database import Database


async def settle_undone(database: Database, given: UndoneInput) -> None:
    """Nobody is asked any more, events say so, and the change is settled. May be repeated."""
    async with database.transaction() as session:
        change = await changes.get(session, given.tenant, given.change_id)
        if change is None or change.state == "settled":
            return
        await exceptions.cancel_of_change(session, given.tenant, given.change_id)
        await outbox.publish(session, given.tenant, [undone(given, change)])
        await changes.settle(
            session,
            given.tenant,
            given.change_id,
            outcome=given.outcome,
            summary=f"{change.summary or change.kind.value} - undone: {given.reason}",
        )
