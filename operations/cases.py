"""Who has a case or a cause, its tags, and what is said about it. Nothing of it reaches another
system."""

from pydantic import Field

from canonical_models.base import Canonical, Slug
from canonical_models.views import HistoryLine
from operations.causes import unknown
from operations.context import AppContext
from operations.errors import NotFound
from persistence import causes
from persistence.causes import Table

#: A person, as their key or account is called.
_WHO = Field(default=None, min_length=1, max_length=200)


class AssignRequest(Canonical):
    """`to` is a person's name as keys and accounts have it; null gives it back to the team."""

    to: str | None = _WHO
    note: str = Field(default="", max_length=2000)


class TagsRequest(Canonical):
    """All tags that it has from now on."""

    tags: tuple[Slug, ...] = Field(max_length=20)


class CommentRequest(Canonical):
    text: str = Field(min_length=1, max_length=4000)


class Noted(Canonical):
    """What was said and done until now, the oldest first."""

    history: tuple[HistoryLine, ...]


async def assign(
    context: AppContext, table: Table, tenant: str, about: str, given: AssignRequest, *, by: str
) -> Noted:
    """Raises NotFound."""
    async with context.database.transaction() as conn:
        if not await causes.assign(conn, table, tenant, about, given.to, by=by, note=given.note):
            raise _unknown(table, about)
        return Noted(history=await causes.history(conn, tenant, about))


async def tag(
    context: AppContext, table: Table, tenant: str, about: str, given: TagsRequest, *, by: str
) -> Noted:
    """Raises NotFound."""
    async with context.database.transaction() as conn:
        if not await causes.tag(conn, table, tenant, about, given.tags, by=by):
            raise _unknown(table, about)
        return Noted(history=await causes.history(conn, tenant, about))


async def comment(
    context: AppContext, table: Table, tenant: str, about: str, given: CommentRequest, *, by: str
) -> Noted:
    """Raises NotFound."""
    async with context.database.transaction() as conn:
        if not await causes.exists(conn, table, tenant, about):
            raise _unknown(table, about)
        await causes.add(conn, tenant, about, by=by, what="commented", note=given.text)
        return Noted(history=await causes.history(conn, tenant, about))


def _unknown(table: Table, about: str) -> NotFound:
    if table == "causes":
        return unknown(about)
    return NotFound(
        f"there is no exception {about}",
        remedy="list the open ones",
        see=("exceptions", ""),
    )
