"""What is done in bulk: begun, looked at, paused, resumed, stopped. A row says how far it has come,
so whoever asks, worker or API, may be gone in between."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from canonical_models.base import Canonical
from canonical_models.batch import (
    UNDER_WAY,
    Batch,
    BatchItem,
    BatchKind,
    BatchState,
    ItemOutcome,
)
from operations import release_approving
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.paging import Page, cursor, cut, moment, number
from persistence import batch_looks, batches, release_approvals
from persistence.batches import AlreadyOpen
from persistence.connection import Connection
from persistence.together import together

_PREFIXES = {
    BatchKind.ADOPT: "ado",
    BatchKind.REPLAY: "bat",
    BatchKind.PREVIEW: "pre",
    BatchKind.RELEASE: "rel",
    BatchKind.BACKFILL: "bfl",
    BatchKind.TRIAL: "tri",
    BatchKind.UNDO: "und",
}

#: Where an item may stand that was handed over, and go on from.
MAY_MOVE = (*UNDER_WAY, ItemOutcome.NEEDS_APPROVAL, ItemOutcome.WAITS)
#: Items a minute.
FASTEST = 6000


@dataclass(frozen=True)
class Begun:
    """`subject` is what no other open batch of the kind may be about; None where any may."""

    kind: BatchKind
    given: Mapping[str, Any]
    by: str
    subject: str | None = None
    rate: int | None = None
    trial: bool = False
    listed: bool = True


class BatchDetail(Canonical):
    batch: Batch
    items: Page[BatchItem]


async def begin(conn: Connection, tenant: str, begun: Begun) -> str:
    """Its id; who carries it out is told with the commit. Raises Conflict."""
    made = f"{_PREFIXES[begun.kind]}_{secrets.token_hex(6)}"
    try:
        await batches.begin(
            conn,
            tenant,
            made,
            begun.kind,
            subject=begun.subject or made,
            given=begun.given,
            by=begun.by,
            rate=begun.rate,
            trial=begun.trial,
            listed=begun.listed,
        )
    except AlreadyOpen as fault:
        raise Conflict(
            f"batch {fault.batch_id} is about the same and has not come to its end",
            remedy="resume or stop it first",
            see=("batch", fault.batch_id),
        ) from fault
    return made


async def list_(
    context: AppContext,
    tenant: str,
    *,
    kind: BatchKind | None = None,
    state: BatchState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Batch]:
    """Newest first."""
    async with context.database.statement() as conn:
        found = await batches.page(
            conn, tenant, kind=kind, state=state, before=moment(after), limit=limit + 1
        )
    page, more = cut(found, limit)
    following = cursor(page[-1].begun_at.isoformat(), page[-1].batch_id) if more else None
    return Page[Batch](items=page, next=following)


async def show(context: AppContext, tenant: str, batch_id: str) -> Batch:
    """As it stands now: what waited may have gone on since. Raises NotFound."""
    async with context.database.transaction() as conn:
        found = await _known(conn, tenant, batch_id)
        await batch_looks.look(conn, tenant, found)
        return await _known(conn, tenant, batch_id)


async def whole(
    context: AppContext,
    tenant: str,
    batch_id: str,
    *,
    outcome: ItemOutcome | None = None,
    after: str | None = None,
    limit: int = 50,
) -> BatchDetail:
    """As `show`, with what is asked for of its list as `items` has it. Raises NotFound."""
    async with context.database.transaction() as conn:
        found = await _known(conn, tenant, batch_id)
        if found.count(*MAY_MOVE):
            await batch_looks.look(conn, tenant, found)
        found, rows = await together(
            conn,
            lambda on: batches.get(on, tenant, batch_id),
            lambda on: batches.items(
                on, tenant, batch_id, outcome=outcome, after=number(after) or 0, limit=limit + 1
            ),
        )
    page, more = cut(rows, limit)
    following = cursor(page[-1].number) if more else None
    return BatchDetail(batch=found, items=Page[BatchItem](items=page, next=following))


async def items(
    context: AppContext,
    tenant: str,
    batch_id: str,
    *,
    outcome: ItemOutcome | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[BatchItem]:
    """In the order of its list; each count of the batch is as many as are found by its outcome.
    Raises NotFound."""
    async with context.database.statement() as conn:
        await _known(conn, tenant, batch_id)
        found = await batches.items(
            conn, tenant, batch_id, outcome=outcome, after=number(after) or 0, limit=limit + 1
        )
    page, more = cut(found, limit)
    return Page[BatchItem](items=page, next=cursor(page[-1].number) if more else None)


async def pause(context: AppContext, tenant: str, batch_id: str, *, by: str) -> Batch:
    """Nothing more is handed over until it is resumed. Raises NotFound, Conflict."""

    async def pausing(conn: Connection) -> bool:
        return await batches.pause(conn, tenant, batch_id, f"paused by {by}")

    return await _moved(context, tenant, batch_id, pausing)


async def resume(context: AppContext, tenant: str, batch_id: str) -> Batch:
    """It goes on with what is left; what has failed so far counts as looked at, and so does its
    trial. Raises NotFound, and Conflict, also where somebody's yes to it as a whole is missing."""

    async def resuming(conn: Connection) -> bool:
        found = await _known(conn, tenant, batch_id)
        if found.state is BatchState.PAUSED and _goes_beyond_a_trial(found):
            await release_approving.require(conn, context, tenant, found)
        return await batches.resume(conn, tenant, batch_id)

    return await _moved(context, tenant, batch_id, resuming)


def _goes_beyond_a_trial(batch: Batch) -> bool:
    """Whether resuming a release or an undo hands over more than the one that is tried."""
    if batch.kind not in release_approvals.KINDS:
        return False
    begun = batch.total - batch.count(ItemOutcome.NOT_BEGUN)
    tried = batch.count(ItemOutcome.DONE) if batch.kind is BatchKind.RELEASE else begun
    return not batch.trial or tried > 0


async def pace(context: AppContext, tenant: str, batch_id: str, rate: int) -> Batch:
    """So many a minute from now on. Raises NotFound, Invalid, Conflict."""
    if not 1 <= rate <= FASTEST:
        raise Invalid(f"{rate} a minute is no rate", remedy=f"give a number from 1 to {FASTEST}")

    async def pacing(conn: Connection) -> bool:
        return await batches.pace(conn, tenant, batch_id, rate)

    return await _moved(context, tenant, batch_id, pacing)


async def stop(context: AppContext, tenant: str, batch_id: str, *, by: str) -> Batch:
    """For good: what is done stays done, what was handed over goes on, and the rest stays as it
    is. Raises NotFound, Conflict."""

    async def stopping(conn: Connection) -> bool:
        return await batches.stop(conn, tenant, batch_id, f"stopped by {by}")

    return await _moved(context, tenant, batch_id, stopping)


async def _moved(
    context: AppContext,
    tenant: str,
    batch_id: str,
    act: Callable[[Connection], Awaitable[bool]],
) -> Batch:
    async with context.database.transaction() as conn:
        await _known(conn, tenant, batch_id)
        done = await act(conn)
        found = await _known(conn, tenant, batch_id)
    if not done:
        why = f" ({found.why})" if found.why else ""
        raise Conflict(
            f"batch {batch_id} is {found.state.value}{why}",
            remedy="see where it stands",
            see=("batch", batch_id),
        )
    return found


async def _known(conn: Connection, tenant: str, batch_id: str) -> Batch:
    found = await batches.get(conn, tenant, batch_id)
    if found is None:
        raise NotFound(f"there is no batch {batch_id}", remedy="list them", see=("batches", ""))
    return found
