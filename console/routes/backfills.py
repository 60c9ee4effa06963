"""/{company}/backfills: what is missing or has changed is brought about in bulk, once it was
rehearsed and its effects and its money were looked at."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.batch import BatchKind, BatchState, ItemOutcome
from console import render
from console.asked import After, Id, Known
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from console.routes.batches import MOVES, paced, pressed
from operations import backfills, batches
from operations.backfills import BackfillAsked
from operations.errors import NotDone

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.BATCHES_READ))]
Writer = Annotated[Here, Depends(Needs(Act.BACKFILL_WRITE))]
Mover = Annotated[Here, Depends(Needs(Act.BATCHES_WRITE))]


@router.get("/{company}/backfills")
async def list_(here: Reader, after: After = None) -> Response:
    return await _list(here, after=after)


async def _list(
    here: Here, refusal: Refused = NOTHING_SENT, *, after: str | None = None
) -> Response:
    found = await batches.list_(
        here.context, here.company, kind=BatchKind.BACKFILL, after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/backfills.html",
        status=refusal.status,
        batches=found.items,
        following=found.next and here.url("backfills", after=found.next),
        may=here.may("backfill:write"),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/backfills/rehearse")
async def rehearse(given: Form, here: Writer) -> Response:
    """Every system is asked what would be done; nothing is."""
    try:
        asked = taken(
            BackfillAsked,
            subject=given.get("subject", ""),
            customers=tuple(dict.fromkeys(given.get("customers", "").replace(",", " ").split())),
            since=_begins(here, given, "since"),
            until=_begins(here, given, "until"),
            item=given.get("item", "").strip() or None,
            target=given.get("target", "").strip() or None,
            reason=given.get("reason", "").strip(),
        )
        made = await backfills.begin(here.context, here.company, asked, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _list(here, await refused(here, fault, given))
    return RedirectResponse(here.url("backfills", made.batch.batch_id), 303)


def _begins(here: Here, given: dict[str, str], name: str) -> datetime | None:
    """The day as it begins in the zone of the page. Raises Wrong."""
    said = given.get(name, "").strip()
    try:
        day = date.fromisoformat(said) if said else None
    except ValueError:
        raise Wrong({name: "give a day, such as 2026-12-31"}) from None
    if day is None:
        return None
    return datetime.combine(day, time(), ZoneInfo(here.clock.zone)).astimezone(UTC)


@router.get("/{company}/backfills/{batch_id}")
async def show(
    here: Reader, batch_id: Id, after: After = None, outcome: ItemOutcome | None = None
) -> Response:
    return await _page(here, batch_id, after=after, outcome=outcome)


async def _page(
    here: Here,
    batch_id: str,
    refusal: Refused = NOTHING_SENT,
    *,
    after: str | None = None,
    outcome: ItemOutcome | None = None,
) -> Response:
    known = await batches.whole(
        here.context, here.company, batch_id, outcome=outcome, after=after, limit=here.rows
    )
    found = await backfills.report(here.context, here.company, known.batch)
    following = known.items.next
    ended = known.batch.ended_at
    return render.page(
        here,
        "pages/backfill.html",
        status=refusal.status,
        found=found,
        batch=known.batch,
        items=known.items.items,
        outcome=outcome,
        outcomes=tuple(ItemOutcome),
        following=following and here.url("backfills", batch_id, after=following, outcome=outcome),
        whole=known.batch.state is BatchState.ENDED,
        old=ended is not None and here.clock.now - ended > backfills.BELIEVED,
        apart=sum(found.comes.values()) - found.agree,
        may=here.may("backfill:write"),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/backfills/{batch_id}/apply")
async def apply(given: Form, here: Writer, batch_id: Id) -> Response:
    """What this rehearsal has found to differ, and nothing else."""
    try:
        rehearsed = await backfills.show(here.context, here.company, batch_id)
        said: dict[str, Any] = rehearsed.of.selection.model_dump()
        asked = taken(
            BackfillAsked,
            **said,
            apply=True,
            rehearsal=batch_id,
            rate=given.get("rate", "").strip() or None,
            trial=given.get("trial") == "true",
            reason=given.get("reason", "").strip(),
        )
        made = await backfills.begin(here.context, here.company, asked, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _page(here, batch_id, await refused(here, fault, given))
    return RedirectResponse(here.url("backfills", made.batch.batch_id), 303)


@router.post("/{company}/backfills/{batch_id}/pace")
async def pace(given: Form, here: Mover, batch_id: Id) -> Response:
    """Slower or faster, from the next hand-over on."""
    try:
        await paced(here, batch_id, given)
    except NotDone as fault:
        return await _page(here, batch_id, await refused(here, fault, given))
    return RedirectResponse(here.url("backfills", batch_id, done="paced"), 303)


@router.post("/{company}/backfills/{batch_id}/{move}")
async def move(
    given: Form, here: Mover, batch_id: Id, move: Literal["pause", "resume", "stop"]
) -> Response:
    """Pause, go on, stop: by anyone who may, whoever has begun it."""
    del given
    try:
        await pressed(here, batch_id, move)
    except NotDone as fault:
        return await _page(here, batch_id, await refused(here, fault, {}))
    return RedirectResponse(here.url("backfills", batch_id, done=MOVES[move]), 303)
