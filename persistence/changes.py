"""One change and what becomes of it: the saga's side. Claiming is in `change_queue`."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from canonical_models.preview import Overlay
from canonical_models.states import ChangeOutcome, ChangeState
from canonical_models.views import ChangeView
from persistence.connection import Connection
from persistence.ownership import Owner, require
from persistence.rows import all_of, fetch, fetch_one, select

#: Wakes the dispatcher: a place in flight is free, or the subject's next change may start.
CHANNEL = "trueup_changes"

#: Whom a document names is given when it is posted, and kept nowhere.
_WHOM: Any = {"books": {"documents": {"__all__": {"draft": {"bill_to"}}}}}


_SELECT = select(ChangeView, "changes", change_id="id")


async def get(conn: Connection, tenant: str, change_id: str) -> ChangeView | None:
    one = f"{_SELECT} where tenant = %s and id = %s"
    return await fetch_one(conn, ChangeView, one, (tenant, change_id))


async def page(
    conn: Connection,
    tenant: str,
    *,
    before: int | None = None,
    limit: int = 50,
    state: ChangeState | None = None,
    outcome: ChangeOutcome | None = None,
    lost: bool = False,
    subject: str | None = None,
) -> tuple[ChangeView, ...]:
    """Newest first; `before` is the `seq` of the last one seen."""
    which = all_of(
        {
            "seq < %(before)s": before,
            "state = %(state)s": state,
            "outcome = %(outcome)s": outcome,
            "requeued > 0": lost or None,
            "subject = %(subject)s": subject,
        }
    )
    return await fetch(
        conn,
        ChangeView,
        f"{_SELECT} where tenant = %(tenant)s and {which} order by seq desc limit %(limit)s",
        {
            "tenant": tenant,
            "before": before,
            "state": state,
            "outcome": outcome,
            "subject": subject,
            "limit": limit,
        },
    )


async def unsettled(conn: Connection, tenant: str, subject: str) -> tuple[ChangeView, ...]:
    """The subject's changes that are still to be made, in their order."""
    still = f"{_SELECT} where tenant = %s and subject = %s and state <> 'settled' order by seq"
    return await fetch(conn, ChangeView, still, (tenant, subject))


async def unsettled_of(
    conn: Connection, tenant: str, subjects: Collection[str]
) -> tuple[ChangeView, ...]:
    """Of these subjects, in their order."""
    # The two halves have an index each.
    still = (
        f"{_SELECT} where tenant = %s and subject = any(%s) and (state = 'pending' "
        "or state in ('starting', 'running', 'waiting')) order by seq"
    )
    return await fetch(conn, ChangeView, still, (tenant, list(subjects)))


async def save_plan(
    conn: Connection,
    owner: Owner,
    plan: AmendmentPlan,
    snapshot: BillingSnapshot | AccountSnapshot,
    *,
    instead_of: str,
    reading: int,
    read_at: datetime,
) -> bool:
    """The plan, and the snapshot that it was made from without whom its documents name.

    False where it comes late: the run has another plan by now than the one, by its digest, that
    this is `instead_of` (empty: none), or the change is not its any more. `reading` is the number
    of the reading that it was made from, and `read_at` when that began."""
    kept = tuple(document.kept() for document in snapshot.documents)
    saved = await conn.execute(
        "update changes set kind = %(kind)s, customer_id = %(customer)s, summary = %(summary)s, "
        "plan = %(plan)s::jsonb, plan_digest = %(digest)s, plan_epoch = epoch, "
        "plan_reading = %(reading)s, "
        "snapshot = %(snapshot)s::jsonb, read_at = %(read_at)s "
        "where tenant = %(tenant)s and id = %(change)s and epoch = %(epoch)s "
        "and state in ('starting', 'running', 'waiting') "
        "and case when plan_epoch = epoch then plan_digest else '' end = %(before)s",
        {
            "kind": plan.amendment.kind.value,
            "customer": plan.amendment.customer_id,
            "summary": plan.amendment.summary,
            "plan": plan.model_dump_json(exclude=_WHOM),
            "digest": plan.digest,
            "snapshot": snapshot.model_copy(update={"documents": kept}).model_dump_json(),
            "read_at": read_at,
            "tenant": owner.tenant,
            "change": owner.change_id,
            "epoch": owner.epoch,
            "before": instead_of,
            "reading": reading,
        },
    )
    return saved.rowcount > 0


async def plan(conn: Connection, tenant: str, change_id: str) -> AmendmentPlan | None:
    """The plan that was kept; None before there is one."""
    found = await conn.execute(
        "select plan::text as plan from changes where tenant = %s and id = %s and plan is not null",
        (tenant, change_id),
    )
    row = await found.fetchone()
    return AmendmentPlan.model_validate_json(row[0]) if row else None


async def note(conn: Connection, change_id: str, what: str, words: str) -> None:
    """Write down what was done to it beside its sagas, for its timeline."""
    await conn.execute(
        "update changes set happened = happened || jsonb_build_object('at', "
        "to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
        "'what', %s::text, 'note', %s::text) where id = %s",
        (what, words, change_id),
    )


async def waits(
    conn: Connection, tenant: str, change_id: str, stage: str, *, run_id: str | None = None
) -> None:
    """The saga waits for a person and gives its place in flight to another. `run_id` is its own:
    whoever started it may have died before it wrote that down."""
    await conn.execute(
        "update changes set state = 'waiting', stage = %s, run_id = coalesce(%s, run_id), "
        "started_at = coalesce(started_at, now()) "
        "where tenant = %s and id = %s and state <> 'settled'",
        (stage, run_id, tenant, change_id),
    )
    await _wake(conn)


async def runs(conn: Connection, tenant: str, change_id: str, *, anyway: bool = False) -> None:
    """The saga goes on, unless something else is still asked of it: then it waits as before. It
    goes on `anyway` after a decision, which has all of it tried again."""
    await conn.execute(
        "update changes set state = 'running', stage = null "
        "where tenant = %s and id = %s and state <> 'settled' and (%s or not exists ("
        "select from exceptions e where e.tenant = changes.tenant and e.change_id = changes.id "
        "and e.state = 'open'))",
        (tenant, change_id, anyway),
    )


# Nobody is asked any more what an earlier run has asked. Who waits for a place hears of it, where
# somebody does; what comes behind it of its subject is told by its mark, after this statement.
# What a later reading has taken in than the one that the plan was made from - of an attempt that
# came too late to be heard - is not part of it, and comes after it; with what is undone all of it
# ends.
_SETTLE = f"""
with this as (
  update changes set state = 'settled', outcome = %(outcome)s, stage = %(outcome)s,
    summary = coalesce(%(summary)s, summary), proof = coalesce(%(proof)s::jsonb, proof),
    settled_at = now()
  where tenant = %(tenant)s and id = %(change)s and state <> 'settled'
    and (%(epoch)s::int is null or epoch = %(epoch)s and state <> 'pending')
  returning id, tenant, subject, summary, case when outcome in ('completed', 'no_change')
    then coalesce(plan_reading, reading) else reading end as read
), answered as (
  update exceptions set state = 'resolved', resolution = 'cancelled', resolved_by = 'trueup',
    note = 'it has answered itself', resolved_at = now()
  from this where exceptions.tenant = this.tenant and exceptions.change_id = this.id
    and exceptions.state = 'open'
), taken_in as (
  update changes set state = 'settled', outcome = %(outcome)s, stage = %(outcome)s,
    summary = concat_ws(': ', 'taken in by ' || this.id, this.summary), settled_at = now()
  from this
  where changes.tenant = this.tenant and changes.subject = this.subject
    and changes.state = 'pending' and changes.taken_in_by = this.id
    and coalesce(changes.taken_at, 0) <= this.read
), unread as (
  update changes set taken_in_by = null from this
  where changes.tenant = this.tenant and changes.subject = this.subject
    and changes.state = 'pending' and changes.taken_in_by = this.id
    and changes.taken_at > this.read
)
select count(*), count(pg_notify('{CHANNEL}', '')) filter (where
  (select true from changes where ready order by lane, tenant, seq limit 1))
from this
"""  # noqa: S608 - put together from constants


async def settle(
    conn: Connection,
    tenant: str,
    change_id: str,
    *,
    outcome: ChangeOutcome,
    summary: str | None = None,
    proof: str | None = None,
    owner: Owner | None = None,
) -> None:
    """The end of a change, of those that its saga has taken in, and of what was asked of it.
    Settling again changes nothing. `proof` is JSON. Raises Overtaken where the run that settles it
    is given, and is not its `owner`."""
    done = await conn.execute(
        _SETTLE,
        {
            "outcome": outcome,
            "summary": summary,
            "proof": proof,
            "tenant": tenant,
            "change": change_id,
            "epoch": owner.epoch if owner else None,
        },
    )
    (settled, _) = await done.fetchone() or (0, 0)
    if owner is not None and not settled:
        await require(conn, owner)


async def _wake(conn: Connection) -> None:
    await conn.execute(f"notify {CHANNEL}")


async def proof(conn: Connection, tenant: str, change_id: str) -> dict[str, Any] | None:
    """What every system said when the change was settled."""
    found = await conn.execute(
        "select proof from changes where tenant = %s and id = %s", (tenant, change_id)
    )
    row = await found.fetchone()
    return row[0] if row else None


async def lock(conn: Connection, change_id: str) -> None:
    """Nobody else moves it until the end of the transaction."""
    await conn.execute("select from changes where id = %s for no key update", (change_id,))


async def cancel_pending(conn: Connection, tenant: str, change_id: str, summary: str) -> bool:
    """Settle a change that nobody has begun; False when it has been begun or settled."""
    # Before the row: see the order of locks in the schema.
    await conn.execute(
        "select lock_subject(tenant, subject) from changes "
        "where tenant = %s and id = %s and state = 'pending'",
        (tenant, change_id),
    )
    cancelled = await conn.execute(
        "update changes set state = 'settled', outcome = 'cancelled', stage = 'cancelled', "
        "summary = %s, settled_at = now() where tenant = %s and id = %s and state = 'pending'",
        (summary, tenant, change_id),
    )
    if not cancelled.rowcount:
        return False
    # The next change of the subject need not wait for a poll.
    await _wake(conn)
    return True


async def mended(conn: Connection, tenant: str, change_id: str, mend: Overlay) -> None:
    """What is decided for this change alone: its plans are made as if it held."""
    await conn.execute(
        "update changes set mend = %s::jsonb where tenant = %s and id = %s",
        (mend.model_dump_json(), tenant, change_id),
    )
