"""Causes: what is wrong, all that it holds, and what was done about it."""

from datetime import datetime

from canonical_models.base import Canonical
from canonical_models.mends import Form
from canonical_models.states import CauseState
from canonical_models.views import CauseView, ExceptionView, HistoryLine
from operations import merges
from operations.context import AppContext
from operations.errors import NotFound
from operations.forms import form
from operations.paging import Page, cursor, cut, moment
from persistence import causes, exceptions
from persistence.causes import ALL, News, Waiting, Which
from persistence.together import together

__all__ = [
    "CauseDetail",
    "News",
    "Waiting",
    "Which",
    "list_",
    "news",
    "said_since",
    "show",
    "waiting",
]


class CauseDetail(Canonical):
    """`cases` are open ones, the newest first; `next` continues them in the list of exceptions of
    this cause. `form` is of its newest case: the same mend answers all."""

    cause: CauseView
    cases: tuple[ExceptionView, ...]
    next: str | None
    form: Form | None
    history: tuple[HistoryLine, ...]


async def list_(
    context: AppContext,
    tenant: str,
    *,
    state: CauseState = CauseState.OPEN,
    which: Which = ALL,
    after: str | None = None,
    limit: int = 50,
) -> Page[CauseView]:
    """Those that are due first."""
    async with context.database.statement() as conn:
        found = await causes.page(
            conn, tenant, state=state, which=which, after=moment(after), limit=limit + 1
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].due_at.isoformat(), items[-1].cause_id) if more else None
    return Page[CauseView](items=items, next=following)


async def waiting(context: AppContext, tenant: str, who: str) -> tuple[Waiting, ...]:
    """What waits for each team, and of it what `who` has."""
    async with context.database.statement() as conn:
        return await causes.waiting(conn, tenant, who)


async def news(
    context: AppContext, tenant: str, since: datetime, *, who: str, owner: str | None = None
) -> News:
    """What others than `who` have changed after a list was made; of one team, or of all."""
    async with context.database.statement() as conn:
        return await causes.news(conn, tenant, since, who=who, owner=owner)


async def said_since(
    context: AppContext, tenant: str, about: str, since: datetime, *, who: str
) -> HistoryLine | None:
    """The last that others have done to a case or a cause after it was shown."""
    async with context.database.statement() as conn:
        return await causes.said_since(conn, tenant, about, since, who=who)


async def show(context: AppContext, tenant: str, cause_id: str, *, limit: int = 50) -> CauseDetail:
    """Raises NotFound."""
    async with context.database.transaction() as conn:
        cause, found, told = await together(
            conn,
            lambda on: causes.get(on, tenant, cause_id),
            lambda on: exceptions.page(on, tenant, which=Which(cause=cause_id), limit=limit + 1),
            lambda on: causes.history(on, tenant, cause_id),
        )
        if cause is None:
            raise unknown(cause_id)
        items, more = cut(found, limit)
        asked = await form(conn, tenant, items[0]) if items else None
    if asked is not None:
        asked = await merges.proposed(context, tenant, items[0], asked)
    return CauseDetail(
        cause=cause,
        cases=items,
        next=cursor(items[-1].opened_at.isoformat(), items[-1].exception_id) if more else None,
        form=asked,
        history=told,
    )


def unknown(cause_id: str) -> NotFound:
    return NotFound(
        f"there is no cause {cause_id}", remedy="list the open ones", see=("causes", "")
    )
