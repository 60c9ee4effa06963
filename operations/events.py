"""The feed of canonical events: at least once, in order, from any position on."""

from canonical_models.base import Canonical
from canonical_models.events import Event
from operations.context import AppContext
from operations.paging import cursor, number
from persistence import outbox


class Feed(Canonical):
    """`next` is always there: a reader keeps it and asks again later."""

    items: tuple[Event, ...]
    next: str


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Feed:
    """Oldest first. An empty page gives back the position that it was asked for."""
    position = number(after) or 0
    async with context.database.statement() as conn:
        found = await outbox.feed(conn, tenant, after=position, limit=limit)
    return Feed(
        items=tuple(event for _, event in found),
        next=cursor(found[-1][0] if found else position),
    )
