"""Bringing about in bulk what is missing or has changed, after it was rehearsed: the history of
customers, what a mapping is about, and what targets and support were told."""

from datetime import timedelta
from typing import Any

from pydantic import Field

from canonical_models.backfill import Backfilling, BackfillSubject, Selection
from canonical_models.base import Canonical, Identifier
from canonical_models.batch import Batch, BatchKind, ItemOutcome
from canonical_models.preview import Comes
from canonical_models.process import SUPPORT_TARGET
from operations import batches
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.estimating import Estimate, estimate, requests_of
from persistence import backfills, breakers, previews
from persistence.backfills import WriteTotal
from persistence.connection import Connection
from persistence.previews import PreviewTotal
from persistence.together import together

#: What was rehearsed is believed for so long.
BELIEVED = timedelta(days=1)


class BackfillAsked(Selection):
    """`apply` carries out what a rehearsal of the same selection has found to differ; without it,
    it is rehearsed. `rehearsal` names that one, by default the newest of the last 24 hours;
    `confirmed` goes without one, over the whole selection. `rate` is how many a minute after the
    first 1, 5 and 20, by default as many as vendors take; `trial` does one and waits to be told to
    go on."""

    apply: bool = False
    rehearsal: Identifier | None = None
    confirmed: bool = False
    rate: int | None = Field(default=None, ge=1, le=60_000)
    trial: bool = False
    reason: str = Field(default="", max_length=2000)


class BackfillReport(Canonical):
    """`of` is what it was begun with. What was found in the rehearsal: `comes` counts its items by
    what they would come to, `agree` those of which nothing is to be written; `writes` are all
    effects by system, `totals` the money that would be posted, by legal entity and currency.
    `estimate` is of all that differs, None until the rehearsal is whole. A backfill shows those of
    the rehearsal that it carries out."""

    batch: Batch
    of: Backfilling
    comes: dict[Comes, int]
    agree: int
    writes: tuple[WriteTotal, ...]
    totals: tuple[PreviewTotal, ...]
    estimate: Estimate | None


async def begin(
    context: AppContext, tenant: str, asked: BackfillAsked, *, by: str
) -> BackfillReport:
    """It goes on by itself. Raises Invalid, NotFound, and Conflict where it was not rehearsed or
    another is open."""
    selection = _checked(context, tenant, asked)
    async with context.database.transaction() as conn:
        rehearsed = await _rehearsed(conn, tenant, asked, selection) if asked.apply else None
        given = Backfilling(
            selection=selection,
            rehearsal=not asked.apply,
            rehearsed=rehearsed,
            reason=asked.reason,
        )
        pages = rehearsed is None and _asks_billing(selection)
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.BACKFILL,
                # One at a time: what it needs of vendors is bounded for live changes' sake.
                subject="apply" if asked.apply else "rehearsal",
                given=given.model_dump(mode="json"),
                by=by,
                rate=asked.rate,
                trial=asked.trial,
                listed=not pages,
            ),
        )
        if not pages:
            await _freeze(context, conn, tenant, made, given)
    return await show(context, tenant, made)


async def show(context: AppContext, tenant: str, backfill: str) -> BackfillReport:
    """Raises NotFound."""
    return await report(context, tenant, await batches.show(context, tenant, backfill))


async def report(context: AppContext, tenant: str, batch: Batch) -> BackfillReport:
    """Of a batch as it was just read. Raises NotFound for one of another kind."""
    backfill = batch.batch_id
    if batch.kind is not BatchKind.BACKFILL:
        raise NotFound(
            f"{backfill} is no backfill", remedy="list what is done in bulk", see=("batches", "")
        )
    of = Backfilling.model_validate(batch.given, strict=False)
    found = backfill if of.rehearsal else of.rehearsed
    if found is None:
        return BackfillReport(
            batch=batch, of=of, comes={}, agree=0, writes=(), totals=(), estimate=None
        )
    whole = batch.listed and not (of.rehearsal and batch.count(ItemOutcome.NOT_BEGUN))
    async with context.database.statement() as conn:
        comes, agree, writes, totals, asked, views = await together(
            conn,
            lambda on: previews.comes(on, tenant, found),
            lambda on: backfills.agree(on, tenant, found),
            lambda on: backfills.writes(on, tenant, found),
            lambda on: previews.totals(on, tenant, found),
            lambda on: backfills.requests(on, tenant, found),
            lambda on: breakers.of_tenant(on, tenant),
        )
    expected = None
    if whole:
        requests = requests_of(context, tenant, asked, writes)
        left = sum(comes.values()) - agree
        expected = estimate(context, tenant, requests, views, items=left, rate=batch.rate)
    return BackfillReport(
        batch=batch,
        of=of,
        comes=comes,
        agree=agree,
        writes=writes,
        totals=totals,
        estimate=expected,
    )


def _checked(context: AppContext, tenant: str, asked: BackfillAsked) -> Selection:
    """Raises Invalid for what does not go together, NotFound for a target that is not there."""
    given = Selection(**{name: getattr(asked, name) for name in Selection.model_fields})
    subject, apart = given.subject, _apart(given)
    if apart:
        raise Invalid(
            f"a backfill of {subject.value} does not go by {', '.join(apart)}",
            remedy="leave that out, or choose another subject",
        )
    if given.since and given.until and given.since >= given.until:
        raise Invalid("the time ends before it begins", remedy="give an end behind the beginning")
    named = (given.item is not None) + len(given.customers)
    if subject is BackfillSubject.MAPPING and named != 1:
        raise Invalid(
            "it is not said which mapping has changed",
            remedy="name one: the key of an item, or one customer whose account is mapped",
        )
    if given.target is not None and given.target not in (known := _targets(context, tenant)):
        raise NotFound(
            f"no entitlement target is called {given.target}",
            remedy=f"use one of {', '.join(known)}",
        )
    return given


def _apart(given: Selection) -> list[str]:
    """Fields that are not of this subject."""
    others: dict[str, Any] = {"since": given.since, "until": given.until}
    match given.subject:
        case BackfillSubject.HISTORY:
            others = {"item": given.item, "target": given.target}
        case BackfillSubject.MAPPING:
            others |= {"target": given.target}
        case BackfillSubject.PUBLISH:
            others |= {"item": given.item}
    return [name for name, value in others.items() if value is not None]


def _asks_billing(of: Selection) -> bool:
    return of.subject is BackfillSubject.HISTORY and of.since is None and of.until is None


async def _rehearsed(
    conn: Connection, tenant: str, asked: BackfillAsked, selection: Selection
) -> str | None:
    """The rehearsal whose list is carried out; None where it goes without."""
    if asked.confirmed:
        return None
    found = await backfills.rehearsed(
        conn,
        tenant,
        selection.model_dump(mode="json"),
        within=BELIEVED,
        batch_id=asked.rehearsal,
    )
    if found is None:
        named = f"{asked.rehearsal} is no whole rehearsal" if asked.rehearsal else "there is none"
        raise Conflict(
            "a backfill carries out what was rehearsed of exactly this selection within the last "
            f"{BELIEVED.total_seconds() / 3600:.0f} hours, and {named}",
            remedy="rehearse it and look at what it finds, or confirm that it goes without",
            see={
                BackfillSubject.HISTORY: ("unrehearsed_history", ""),
                BackfillSubject.MAPPING: ("unrehearsed_mapping", ""),
                BackfillSubject.PUBLISH: ("unrehearsed_publish", ""),
            }[selection.subject],
        )
    return found


async def _freeze(
    context: AppContext, conn: Connection, tenant: str, made: str, given: Backfilling
) -> None:
    """The list of it. Raises Invalid where there is nothing on it."""
    of = given.selection
    if given.rehearsed is not None:
        if not await backfills.freeze_rehearsed(conn, tenant, made, given.rehearsed):
            raise Invalid(
                f"rehearsal {given.rehearsed} has found nothing that differs",
                remedy="nothing is to be done",
            )
        return
    match of.subject:
        case BackfillSubject.HISTORY:
            many = await backfills.freeze_moved(conn, tenant, made, of)
            none = "nothing has moved in that time, as far as it is known here"
        case BackfillSubject.MAPPING:
            many = await backfills.freeze_mapped(conn, tenant, made, of)
            none = f"no subscription is known that is of {of.item or of.customers[0]}"
        case BackfillSubject.PUBLISH:
            targets = _targets(context, tenant) if of.target is None else (of.target,)
            many = await backfills.freeze_told(conn, tenant, made, of, targets)
            none = "there is nothing that could be told of these customers"
    if not many:
        raise Invalid(none, remedy="choose another time, mapping or customer")


def _targets(context: AppContext, tenant: str) -> tuple[str, ...]:
    settings = context.tenants.get(tenant)
    return (*(settings.targets if settings else ()), SUPPORT_TARGET)
