"""What people call things by: the whole id, or as much of its beginning as no other has."""

from operations.context import AppContext
from operations.errors import Invalid, NotFound
from persistence import known_ids
from persistence.known_ids import Kind

__all__ = ["Kind", "beginning_with", "whole"]

#: More candidates than these are not told.
_MOST = 5


async def whole(
    context: AppContext, tenant: str, kind: Kind, given: str, *, must_be: bool = False
) -> str:
    """The id that is `given`, or that alone begins with it; unchanged where none does.

    Raises Invalid where several do, and NotFound where it `must_be` there and is not.
    """
    async with context.database.statement() as conn:
        if await known_ids.known(conn, tenant, kind, given):
            return given
        found = await known_ids.beginning_with(conn, tenant, kind, given, limit=_MOST + 1)
        if len(found) == 1:
            return found[0]
        if found:
            raise Invalid(
                f"several begin with {given}: {_told(found)}",
                remedy="write as much of it as no other has",
            )
        if not must_be:
            return given
        there = await known_ids.beginning_with(conn, tenant, kind, "", limit=_MOST + 1)
    raise NotFound(
        f"no {kind} {given} is known",
        remedy=f"those that are: {_told(there)}" if there else "none is known yet",
    )


async def beginning_with(
    context: AppContext, tenant: str, kind: Kind, beginning: str, *, limit: int = 50
) -> tuple[str, ...]:
    async with context.database.statement() as conn:
        return await known_ids.beginning_with(conn, tenant, kind, beginning, limit=limit)


def _told(found: tuple[str, ...]) -> str:
    more = " and more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more
