"""Erasing what is personal of a customer: what goes, what stays and why, and what ends by itself.

Billing and the ERP hold their own, and are asked first: what billing still tells of the customer is
kept again until retention drops it. Whoever erases again erases what has come since.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field

from canonical_models.base import Canonical
from operations.context import AppContext
from operations.errors import Conflict
from persistence import privacy
from persistence.database import Database
from persistence.personal import BODIES, KEPT
from persistence.privacy import Erasure, Scope

_END_FIRST = {
    "changes": "let them settle, or cancel them",
    "exceptions": "decide them",
    "overdue invoices": "let finance end them",
    "subscriptions": "end them in billing: they still run",
    "webhooks": "see that a worker runs that reads them",
}


class Place(Canonical):
    """Of `rows` of a table something was erased, or would be."""

    name: str
    rows: int


class Kept(Canonical):
    table: str
    rows: int
    why: str


class Histories(Canonical):
    """Temporal's, which hold ids and figures. `gone_by` is None while some of their workflows are
    `open`: each goes `kept_days` after it has ended."""

    open: int
    kept_days: float
    gone_by: datetime | None


class Erased(Canonical):
    """`done` is False for a rehearsal, which counts and changes nothing. `ended_at` is when all of
    it was erased; `resumed` says that it was begun before, by whoever is on record for it."""

    customer_id: str
    done: bool
    resumed: bool = False
    ended_at: datetime | None = None
    goes_on: dict[str, list[str]] = Field(
        default_factory=dict, description="What has to end first, with the ids of some."
    )
    places: tuple[Place, ...] = Field(
        description="What is erased, and nothing where there is none."
    )
    kept: tuple[Kept, ...]
    histories: Histories


async def erase(
    context: AppContext, tenant: str, customer_id: str, *, by: str, dry_run: bool = False
) -> Erased:
    """Raises Conflict while something of the customer goes on, and Unavailable without Temporal;
    nothing is erased then. One that was broken off is gone on with."""
    database = context.database
    kept_for = await context.engine.kept_for()
    still_open = await context.engine.open_of(tenant, customer_id)
    async with database.transaction() as conn:
        theirs = await privacy.scope(conn, tenant, customer_id)
        goes_on = await privacy.open_of(conn, theirs)
    if dry_run:
        histories = _histories(still_open, kept_for, None)
        return await _rehearsed(database, theirs, goes_on, histories)
    _refuse(customer_id, goes_on)
    async with database.transaction() as conn:
        begun = await privacy.begin(conn, tenant, customer_id, by=by)
    resumed = begun.up_to > 0
    begun = await _bodies(database, theirs, begun, by=by)
    async with database.transaction() as conn:
        begun = await privacy.begin(conn, tenant, customer_id, by=by)
        _refuse(customer_id, await privacy.open_of(conn, theirs))
        counts = {**begun.counts, **await privacy.places(conn, theirs, erase=True)}
        ended_at = await privacy.ended(conn, replace(begun, counts=counts))
        kept = await privacy.kept(conn, theirs)
    return Erased(
        customer_id=customer_id,
        done=True,
        resumed=resumed,
        ended_at=ended_at,
        places=_places(counts),
        kept=_kept(kept),
        histories=_histories(still_open, kept_for, ended_at),
    )


async def _bodies(database: Database, theirs: Scope, begun: Erasure, *, by: str) -> Erasure:
    """In small transactions, each of which says how far it has come."""
    while True:
        async with database.transaction() as conn:
            begun = await privacy.begin(conn, theirs.tenant, theirs.customer, by=by)
            last, count, unread = await privacy.bodies(conn, theirs, after=begun.up_to, erase=True)
            if unread:
                _refuse(theirs.customer, await privacy.open_of(conn, theirs))
            if last is None:
                return begun
            counts = {**begun.counts, BODIES: begun.counts.get(BODIES, 0) + count}
            begun = replace(begun, up_to=last, counts=counts)
            await privacy.reached(conn, begun)


async def _rehearsed(
    database: Database, theirs: Scope, goes_on: dict[str, list[str]], histories: Histories
) -> Erased:
    counts, last = {BODIES: 0}, 0
    while True:
        async with database.statement() as conn:
            found, count, _ = await privacy.bodies(conn, theirs, after=last, erase=False)
        if found is None:
            break
        last, counts[BODIES] = found, counts[BODIES] + count
    async with database.transaction() as conn:
        counts |= await privacy.places(conn, theirs, erase=False)
        kept = await privacy.kept(conn, theirs)
    return Erased(
        customer_id=theirs.customer,
        done=False,
        goes_on=goes_on,
        places=_places(counts),
        kept=_kept(kept),
        histories=histories,
    )


def _refuse(customer_id: str, still: dict[str, list[str]]) -> None:
    if still:
        said = "; ".join(f"{what} {', '.join(ids)}" for what, ids in still.items())
        raise Conflict(
            f"something of {customer_id} goes on: {said}",
            # Changes last: what there is to see of them goes on from there.
            remedy="; ".join(
                f"{what}: {_END_FIRST[what]}" for what in sorted(still, key="changes".__eq__)
            ),
            see=("cancel", still["changes"][0]) if "changes" in still else None,
        )


def _histories(still_open: int, kept_for: timedelta, ended_at: datetime | None) -> Histories:
    return Histories(
        open=still_open,
        kept_days=kept_for / timedelta(days=1),
        gone_by=None if still_open or ended_at is None else ended_at + kept_for,
    )


def _places(counts: dict[str, int]) -> tuple[Place, ...]:
    return tuple(Place(name=name, rows=rows) for name, rows in counts.items() if rows)


def _kept(rows: dict[str, int]) -> tuple[Kept, ...]:
    stays = [Kept(table=table, rows=rows[table], why=why) for table, (_, why) in KEPT.items()]
    return tuple(one for one in stays if one.rows)
