"""What has changed of late, for pages that are open: where to look again, never what is there."""

from collections.abc import Collection
from datetime import timedelta

from canonical_models.acts import Act
from operations.context import AppContext
from persistence import positions
from persistence.positions import Change

__all__ = ["Change", "act_of", "of_late"]

#: What somebody has to be allowed to see of it, by the first word of a topic.
_ACTS = {
    "work": Act.EXCEPTIONS_READ,
    "cases": Act.EXCEPTIONS_READ,
    "causes": Act.EXCEPTIONS_READ,
    "batches": Act.BATCHES_READ,
    "connections": Act.CHANGES_READ,
}


def act_of(topic: str) -> Act:
    """What the page of a topic is read by."""
    return _ACTS[topic.partition("/")[0]]


async def of_late(
    context: AppContext, tenants: Collection[str], within: timedelta
) -> tuple[Change, ...]:
    """What has changed within that time. One statement, however many look."""
    async with context.database.statement() as conn:
        return await positions.of_late(conn, tenants, within)
