"""/{company}/previews/{id}, /releases/{id}, /batches: what was foreseen, tried on one, released."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response, StreamingResponse

from canonical_models.acts import Act
from canonical_models.batch import BatchKind, BatchState, ItemOutcome
from canonical_models.preview import Foreseen
from console import render, tables
from console.asked import After, Id, Known
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import batches, permissions, preview, release_approving, releases
from operations.errors import NotDone
from operations.paging import LARGEST_PAGE
from operations.release_approving import ReleaseYes
from operations.releases import MoreAsked, ReleaseAsked

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.BATCHES_READ))]
Releaser = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_WRITE))]
Mover = Annotated[Here, Depends(Needs(Act.BATCHES_WRITE))]
Approver = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_APPROVE))]

#: How a list is pressed on: each is refused where the batch is not so.
MOVES = {"pause": "paused", "resume": "resumed", "stop": "stopped"}
#: Those that have a page of their own; others are shown as a release is.
_PAGES = {BatchKind.PREVIEW: "previews", BatchKind.BACKFILL: "backfills"}


@router.get("/{company}/batches")
async def list_(here: Reader, after: After = None) -> Response:
    found = await batches.list_(here.context, here.company, after=after, limit=here.rows)
    return render.page(
        here,
        "pages/batches.html",
        batches=found.items,
        following=found.next and here.url("batches", after=found.next),
        kinds=_PAGES,
    )


@router.get("/{company}/batches/{batch_id}")
async def one(here: Reader, batch_id: Id) -> Response:
    """By whatever kind it is."""
    found = await batches.show(here.context, here.company, batch_id)
    return RedirectResponse(here.url(_PAGES.get(found.kind, "releases"), batch_id), 303)


@router.get("/{company}/previews/{batch_id}")
async def show_preview(
    here: Reader, batch_id: Id, after: After = None, outcome: ItemOutcome | None = None
) -> Response:
    return await _preview(here, batch_id, after=after, outcome=outcome)


async def _preview(
    here: Here,
    batch_id: str,
    refusal: Refused = NOTHING_SENT,
    *,
    after: str | None = None,
    outcome: ItemOutcome | None = None,
) -> Response:
    found = await preview.show(here.context, here.company, batch_id)
    page = await batches.items(
        here.context, here.company, batch_id, outcome=outcome, after=after, limit=here.rows
    )
    items = [
        (item, Foreseen.model_validate(item.found, strict=False) if item.found else None)
        for item in page.items
    ]
    old = here.clock.now - found.made_at > releases.BELIEVED
    return render.page(
        here,
        "pages/preview.html",
        status=refusal.status,
        found=found,
        items=items,
        through=[item for item, would in items if would and would.comes == "goes_through"],
        following=page.next and here.url("previews", batch_id, after=page.next, outcome=outcome),
        whole=found.batch.state is BatchState.ENDED,
        old=old,
        paged=after is not None or outcome is not None,
        problem=refusal.problem,
        sent=refusal.sent,
    )


@router.post("/{company}/previews/{batch_id}/release")
async def release(given: Form, here: Releaser, batch_id: Id) -> Response:
    """The mend rides on one case alone; then it waits to be let go on."""
    looked_at = await preview.show(here.context, here.company, batch_id)
    try:
        for scope in preview.scopes_of(looked_at):
            permissions.require(here.who, Act(scope))
        asked = taken(
            ReleaseAsked,
            preview=batch_id,
            first=given.get("first") or None,
            rate=given.get("rate") or "60",
            reason=given.get("reason", "").strip(),
        )
        by = here.who.name
        if looked_at.sheet is not None:
            made = await releases.begin_sheet(here.context, here.company, asked, by=by)
        else:
            cause_id = looked_at.cause_id or ""
            made = await releases.begin(here.context, here.company, cause_id, asked, by=by)
    except (NotDone, Wrong) as fault:
        return await _preview(here, batch_id, await refused(here, fault, given))
    return RedirectResponse(here.url("releases", made.batch.batch_id), 303)


@router.get("/{company}/releases/{batch_id}")
async def show_release(
    here: Reader, batch_id: Id, after: After = None, outcome: ItemOutcome | None = None
) -> Response:
    return await _release(here, batch_id, after=after, outcome=outcome)


async def _release(
    here: Here,
    batch_id: str,
    refusal: Refused = NOTHING_SENT,
    *,
    after: str | None = None,
    outcome: ItemOutcome | None = None,
) -> Response:
    """Any other batch is shown alike, without what a release and its undo have besides."""
    found = await batches.whole(
        here.context,
        here.company,
        batch_id,
        outcome=outcome,
        after=after,
        limit=here.rows,
    )
    items = found.items.items
    of_release = found.batch.kind in (BatchKind.RELEASE, BatchKind.UNDO)
    beside, approval = None, None
    if of_release:
        beside = await releases.beside(here.context, here.company, found.batch, items)
        approval = await release_approving.asked(here.context, here.company, found.batch)
    following = found.items.next
    return render.page(
        here,
        "pages/release.html",
        status=refusal.status,
        paged=after is not None,
        batch=found.batch,
        given=found.batch.given,
        beside=beside,
        approval=approval,
        items=items,
        outcome=outcome,
        outcomes=tuple(ItemOutcome),
        following=following and here.url("releases", batch_id, after=following, outcome=outcome),
        problem=refusal.problem,
        sent=refusal.sent,
    )


@router.get("/{company}/releases/{batch_id}/table")
async def table(here: Reader, batch_id: Id, outcome: ItemOutcome | None = None) -> Response:
    """All rows as a file, in their order."""
    columns = ("number", "key", "outcome", "reason", "change_id", "at")
    first = await batches.items(
        here.context, here.company, batch_id, outcome=outcome, limit=LARGEST_PAGE
    )

    async def lines() -> AsyncIterator[str]:
        yield tables.row(columns)
        page = first
        while True:
            for item in page.items:
                said = item.model_dump(mode="json")
                yield tables.row([said[name] for name in columns])
            if page.next is None:
                return
            page = await batches.items(
                here.context,
                here.company,
                batch_id,
                outcome=outcome,
                after=page.next,
                limit=LARGEST_PAGE,
            )

    headers = {"content-disposition": f'attachment; filename="{batch_id}.csv"'}
    return StreamingResponse(lines(), headers=headers, media_type="text/csv; charset=utf-8")


@router.post("/{company}/releases/{batch_id}/pace")
async def pace(given: Form, here: Mover, batch_id: Id) -> Response:
    """Slower or faster, from the next hand-over on."""
    try:
        await paced(here, batch_id, given)
    except NotDone as fault:
        return await _release(here, batch_id, await refused(here, fault, given))
    return RedirectResponse(here.url("releases", batch_id, done="paced"), 303)


@router.post("/{company}/releases/{batch_id}/joined")
async def look_at_joined(given: Form, here: Releaser, batch_id: Id) -> Response:
    del given
    return await _or_told(here, batch_id, _looked_at(here, batch_id))


@router.post("/{company}/releases/{batch_id}/add")
async def add(given: Form, here: Releaser, batch_id: Id) -> Response:
    return await _or_told(here, batch_id, _added(here, batch_id, given.get("preview", "-")))


@router.post("/{company}/releases/{batch_id}/approve")
async def approve(given: Form, here: Approver, batch_id: Id) -> Response:
    """Of a release or an undo as a whole, as it was shown."""
    try:
        asked = taken(
            ReleaseYes, digest=given.get("digest", ""), note=given.get("note", "").strip()
        )
        now = await release_approving.approve(
            here.context, here.company, batch_id, asked, who=here.who
        )
    except (NotDone, Wrong) as fault:
        return await _release(here, batch_id, await refused(here, fault, given))
    done = "one-yes" if now.missing else "approved-release"
    return RedirectResponse(here.url("releases", batch_id, done=done), 303)


@router.post("/{company}/releases/{batch_id}/{move}")
async def move(
    given: Form, here: Mover, batch_id: Id, move: Literal["pause", "resume", "stop"]
) -> Response:
    """Pause, go on, stop: by anyone who may, whoever has begun it."""
    del given
    return await _or_told(here, batch_id, _moved(here, batch_id, move))


async def _looked_at(here: Here, batch_id: str) -> Response:
    made = await releases.look_at_joined(here.context, here.company, batch_id, by=here.who.name)
    return RedirectResponse(here.url("previews", made.batch.batch_id), 303)


async def _added(here: Here, batch_id: str, looked_at: str) -> Response:
    await releases.add(here.context, here.company, batch_id, MoreAsked(preview=looked_at))
    return RedirectResponse(here.url("releases", batch_id, done="added"), 303)


async def _moved(here: Here, batch_id: str, move: str) -> Response:
    await pressed(here, batch_id, move)
    return RedirectResponse(here.url("releases", batch_id, done=MOVES[move]), 303)


async def pressed(here: Here, batch_id: str, move: str) -> None:
    """Raises NotDone."""
    match move:
        case "pause":
            await batches.pause(here.context, here.company, batch_id, by=here.who.name)
        case "resume":
            await batches.resume(here.context, here.company, batch_id)
        case _:
            await batches.stop(here.context, here.company, batch_id, by=here.who.name)


async def paced(here: Here, batch_id: str, given: Mapping[str, str]) -> None:
    """Raises NotDone."""
    said = given.get("rate", "").strip()
    rate = int(said) if said.isdecimal() and len(said) < 6 else 0
    await batches.pace(here.context, here.company, batch_id, rate)


async def _or_told(here: Here, batch_id: str, doing: Awaitable[Response]) -> Response:
    """The same page, with why it was not done."""
    try:
        return await doing
    except NotDone as fault:
        return await _release(here, batch_id, await refused(here, fault, {}))
