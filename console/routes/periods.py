"""/{company}/periods: months that finance closes, what keeps one open, and its sealed report."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.closing import MONTH
from console import render
from console.asked import After, Id, Known
from console.forms import Wrong
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import closing, closing_accepting
from operations.closing_page import page_of
from operations.errors import Invalid, NotDone, NotFound

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.PERIODS_READ))]
Closer = Annotated[Here, Depends(Needs(Act.PERIODS_CLOSE))]
Month = Annotated[str, Path(pattern=MONTH)]


@router.get("/{company}/periods")
async def list_(here: Reader, after: After = None) -> Response:
    return await _list(here, after=after)


async def _list(
    here: Here, refusal: Refused = NOTHING_SENT, *, after: str | None = None
) -> Response:
    found = await closing.list_(here.context, here.company, after=after, limit=here.rows)
    return render.page(
        here,
        "pages/periods.html",
        status=refusal.status,
        periods=found.items,
        following=found.next and here.url("periods", after=found.next),
        problem=refusal.problem,
        sent=refusal.sent,
    )


@router.post("/{company}/periods/begin")
async def begin(given: Form, here: Closer) -> Response:
    """Of a month that nobody has begun to close."""
    entity, month = given.get("legal_entity", "").strip(), given.get("period", "").strip()
    try:
        if not entity or not month:
            raise Invalid("a month is of a legal entity", remedy="give both")
        await closing.close(here.context, here.company, entity, month, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _list(here, await refused(here, fault, given))
    return RedirectResponse(here.url("periods", entity, month), 303)


@router.get("/{company}/periods/{entity}/{month}")
async def show(here: Reader, entity: Id, month: Month) -> Response:
    return await _page(here, entity, month)


async def _page(here: Here, entity: str, month: str, refusal: Refused = NOTHING_SENT) -> Response:
    found = await closing_accepting.show(here.context, here.company, entity, month)
    report = None
    if found.close_id is not None:
        try:
            kept = await closing.report(here.context, here.company, entity, month)
            report = kept.read()
        except NotFound:
            report = None
    return render.page(
        here,
        "pages/period.html",
        status=refusal.status,
        found=found,
        report=report,
        problem=refusal.problem,
        sent=refusal.sent,
    )


@router.get("/{company}/periods/{entity}/{month}/report")
async def report(here: Reader, entity: Id, month: Month) -> Response:
    """As it was sealed, as a file of its own."""
    kept = await closing.report(here.context, here.company, entity, month)
    name = f"{entity}-{month}-v{kept.version}.html"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(page_of(kept), media_type="text/html; charset=utf-8", headers=headers)


@router.post("/{company}/periods/{entity}/{month}/close")
async def close(given: Form, here: Closer, entity: Id, month: Month) -> Response:
    note = given.get("note", "").strip()[:2000]
    doing = closing.close(here.context, here.company, entity, month, by=here.who.name, note=note)
    return await _done(here, entity, month, doing, given)


@router.post("/{company}/periods/{entity}/{month}/reopen")
async def reopen(given: Form, here: Closer, entity: Id, month: Month) -> Response:
    doing = closing.reopen(
        here.context, here.company, entity, month, _reason(given), by=here.who.name
    )
    return await _done(here, entity, month, doing, given)


@router.post("/{company}/periods/{entity}/{month}/accept")
async def accept(given: Form, here: Closer, entity: Id, month: Month) -> Response:
    """A difference stands as it is, with why; of another content it is asked anew."""
    doing = closing_accepting.accept(
        here.context,
        here.company,
        entity,
        month,
        given.get("difference", ""),
        _reason(given),
        by=here.who.name,
    )
    return await _done(here, entity, month, doing, given)


def _reason(given: dict[str, str]) -> str:
    return given.get("reason", "").strip()[:2000]


async def _done(
    here: Here, entity: str, month: str, doing: Awaitable[object], given: dict[str, str]
) -> Response:
    """The same page, with what came of it."""
    try:
        await doing
    except NotDone as fault:
        return await _page(here, entity, month, await refused(here, fault, given))
    return RedirectResponse(here.url("periods", entity, month, done="looked"), 303)
