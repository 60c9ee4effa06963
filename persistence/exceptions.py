"""The exception work queue."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from canonical_models.amendment import account_subject
from canonical_models.exceptions import Raised, Resolution, Track
from canonical_models.process import ProcessKind
from canonical_models.states import ExceptionState, WokenBy
from canonical_models.views import ExceptionView
from persistence import waking
from persistence.causes import ALL, Which
from persistence.connection import Connection
from persistence.rows import all_of, columns, fetch, fetch_one

_COLUMNS = columns(
    ExceptionView,
    exception_id="id",
    cause_id="cause",
    at_risk="case when at_risk_currency is not null then jsonb_build_object("
    "'minor', at_risk_minor, 'currency', at_risk_currency) end",
)
_SELECT = f"select {_COLUMNS} from exceptions"  # noqa: S608 - put together from constants

#: What was tried again and has failed for the same cause is the same question: the trigger keeps
#: in its history that it was decided meanwhile.
_AGAIN = f"""
update exceptions set state = 'open', resolution = null, resolved_by = null, note = null,
  resolved_at = null, message = %(message)s, at_risk_minor = %(minor)s,
  at_risk_currency = %(currency)s, owner = %(owner)s, failure_class = %(class)s, woken = null
where tenant = %(tenant)s and id = %(again)s and state = 'resolved'
  and change_id = %(change)s and track = %(track)s and code = %(code)s and system = %(system)s
  and subject is not distinct from %(subject)s
returning {_COLUMNS}
"""  # noqa: S608 - put together from constants

#: What is said anew where the same is asked again: both sides of a difference may have moved.
_OPEN = f"""
insert into exceptions (id, tenant, change_id, workflow_id, track, belongs_to, subscription_id,
  customer_id, step, system, failure_class, code, subject, fingerprint, owner, message,
  at_risk_minor, at_risk_currency, due_at)
values (%(id)s, %(tenant)s, %(change)s, %(workflow)s, %(track)s, %(belongs_to)s, %(subscription)s,
  %(customer)s, %(step)s, %(system)s, %(class)s, %(code)s, %(subject)s, %(fingerprint)s, %(owner)s,
  %(message)s, %(minor)s, %(currency)s, now() + %(due)s)
on conflict (tenant, change_id, track) where state = 'open' do update set
  message = excluded.message, at_risk_minor = excluded.at_risk_minor,
  at_risk_currency = excluded.at_risk_currency, owner = excluded.owner,
  failure_class = excluded.failure_class
returning {_COLUMNS}
"""  # noqa: S608 - put together from constants

_RESOLVE = """
update exceptions set state = 'resolved', resolution = %(resolution)s, resolved_by = %(by)s,
  note = %(note)s, resolved_at = now()
where tenant = %(tenant)s and state = 'open' and """

_ESCALATE = f"""
update exceptions set escalated_at = now()
where id = %s and state = 'open' and escalated_at is null returning {_COLUMNS}
"""  # noqa: S608 - put together from constants

#: What has answered itself says how, where its saga was told to look: by then the others of its
#: cause are mended, too, and are told.
_ANSWERED = """
update exceptions set state = 'resolved', resolution = 'cancelled', resolved_by = 'trueup',
  resolved_at = now(), note = case woken
    when 'look' then 'mended outside, in ' || system || ' or billing: a look has found it so'
    when 'cause' then 'mended with its cause' else %(note)s end
where tenant = %(tenant)s and state = 'open' and {which}
returning id, cause, woken
"""


def fingerprint(tenant: str, code: str, subject: str | None) -> str:
    """Equal for exceptions that one correction mends."""
    return hashlib.sha256(f"{tenant}\0{code}\0{subject or ''}".encode()).hexdigest()[:16]


async def open_(conn: Connection, raised: Raised, *, due: timedelta) -> ExceptionView:
    """The exception that is open now of this track of the change, made if there is none. One of
    the same step and cause keeps its id and its clock, and says what is so now; so does one that
    was tried `again` and has failed."""
    belongs_to, subscription_id, customer_id = await _whose(conn, raised)
    at_risk = raised.amount_at_risk
    cause = fingerprint(raised.tenant, raised.code, raised.subject)
    # A question that its saga no longer waits on, because it was cancelled, is not asked again.
    await _answered(
        conn,
        "change_id = %(change)s and track = %(track)s "
        "and (step <> %(step)s or fingerprint <> %(cause)s)",
        {
            "tenant": raised.tenant,
            "change": raised.change_id,
            "track": raised.track,
            "step": raised.step,
            "cause": cause,
            "note": f"the saga went on to: {raised.step}",
        },
    )
    values = {
        "id": f"exc_{secrets.token_hex(8)}",
        "tenant": raised.tenant,
        "change": raised.change_id,
        "workflow": raised.process.workflow_id if raised.process else None,
        "track": raised.track,
        "belongs_to": belongs_to,
        "subscription": subscription_id,
        "customer": customer_id,
        "step": raised.step,
        "system": raised.system,
        "class": raised.failure_class,
        "code": raised.code,
        "subject": raised.subject,
        "fingerprint": cause,
        "owner": raised.owner,
        "message": raised.message,
        "minor": at_risk.minor if at_risk else None,
        "currency": at_risk.currency if at_risk else None,
        "due": due,
        "again": raised.again,
    }
    if raised.again is not None:
        again = await fetch_one(conn, ExceptionView, _AGAIN, values)
        if again is not None:
            return again
    (asked,) = await fetch(conn, ExceptionView, _OPEN, values)
    return asked


async def get(
    conn: Connection, tenant: str, exception_id: str, *, locked: bool = False
) -> ExceptionView | None:
    one = f"{_SELECT} where tenant = %s and id = %s" + (" for update" if locked else "")
    return await fetch_one(conn, ExceptionView, one, (tenant, exception_id))


async def open_of(
    conn: Connection, tenant: str, subjects: Collection[str]
) -> tuple[ExceptionView, ...]:
    """What is asked of changes of these subjects, the oldest first."""
    return await fetch(
        conn,
        ExceptionView,
        f"{_SELECT} where tenant = %s and state = 'open' and belongs_to = any(%s) "
        "order by opened_at, id",
        (tenant, list(subjects)),
    )


async def whose(conn: Connection, tenant: str, exception_ids: Collection[str]) -> dict[str, str]:
    """By case, the subscription that it is of; else the customer, or what else it belongs to."""
    found = await conn.execute(
        "select id, coalesce(subscription_id, customer_id, belongs_to) from exceptions "
        "where tenant = %s and id = any(%s)",
        (tenant, list(exception_ids)),
    )
    return dict(await found.fetchall())


async def open_about(
    conn: Connection, tenant: str, customer_id: str, change_ids: Collection[str]
) -> tuple[ExceptionView, ...]:
    """What is asked of the customer, or of one of these changes, the oldest first."""
    return await fetch(
        conn,
        ExceptionView,
        f"{_SELECT} where tenant = %s and state = 'open' "
        "and (customer_id = %s or change_id = any(%s)) order by opened_at, id",
        (tenant, customer_id, list(change_ids)),
    )


async def page(
    conn: Connection,
    tenant: str,
    *,
    state: ExceptionState | None = ExceptionState.OPEN,
    change_id: str | None = None,
    which: Which = ALL,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ExceptionView, ...]:
    """Newest first; `before` is `opened_at` and id of the last one seen."""
    wanted = all_of(
        {
            "state = %(state)s": state,
            "change_id = %(change)s": change_id,
            **which.conditions(),
            "(opened_at, id) < (%(at)s, %(id)s)": before,
        }
    )
    at, last = before or (None, None)
    return await fetch(
        conn,
        ExceptionView,
        f"{_SELECT} where tenant = %(tenant)s and {wanted} "
        "order by opened_at desc, id desc limit %(limit)s",
        {
            **asdict(which),
            "tenant": tenant,
            "state": state,
            "change": change_id,
            "at": at,
            "id": last,
            "limit": limit,
        },
    )


async def tried_before(conn: Connection, tenant: str, change_id: str, code: str) -> str | None:
    """The newest exception of this code that the change was let go on from by `retry`."""
    found = await conn.execute(
        "select id from exceptions where tenant = %s and change_id = %s and code = %s "
        "and resolution = 'retry' order by opened_at desc limit 1",
        (tenant, change_id, code),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def resolve(conn: Connection, tenant: str, resolution: Resolution) -> bool:
    """Whether it was open until now."""
    return await _close(
        conn,
        "id = %(id)s",
        {"id": resolution.exception_id},
        tenant=tenant,
        resolution=resolution.action.value,
        by=resolution.by,
        note=resolution.note,
    )


async def cancel_of_change(conn: Connection, tenant: str, change_id: str) -> None:
    """The change was cancelled: nobody needs to decide any more."""
    await _close(
        conn,
        "change_id = %(change)s",
        {"change": change_id},
        tenant=tenant,
        resolution="cancelled",
        by="operator",
        note="the change was cancelled",
    )


async def drop(conn: Connection, tenant: str, change_id: str, *, note: str) -> None:
    """Nobody is left who could hear what is decided."""
    await _close(
        conn,
        "change_id = %(change)s",
        {"change": change_id},
        tenant=tenant,
        resolution="cancelled",
        by="trueup",
        note=note,
    )


async def withdraw(
    conn: Connection, tenant: str, change_id: str, *, note: str, track: Track
) -> None:
    """What was asked on this track has answered itself."""
    await _answered(
        conn,
        "change_id = %(change)s and track = %(track)s",
        {"tenant": tenant, "change": change_id, "track": track, "note": note},
    )


async def escalate(conn: Connection, exception_id: str) -> ExceptionView | None:
    """As it is now, where it is open and nobody has said before that it is late."""
    return await fetch_one(conn, ExceptionView, _ESCALATE, (exception_id,))


async def _whose(conn: Connection, raised: Raised) -> tuple[str, str | None, str | None]:
    """(subject, subscription, customer) that the exception is about."""
    process = raised.process
    if process is not None and process.kind is ProcessKind.PAYOUT:
        # Of no customer.
        return process.key, None, None
    if process is not None:
        account = account_subject(process.customer_id or process.key)
        subject = process.subscription_id or account
        return subject, process.subscription_id, process.customer_id
    found = await conn.execute(
        "select subject, subscription_id, customer_id from changes where id = %s",
        (raised.change_id,),
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError(f"{raised.code} is asked of {raised.change_id}, which does not exist")
    return row[0], row[1], row[2]


async def _answered(conn: Connection, which: str, values: dict[str, Any]) -> None:
    closed = await conn.execute(_ANSWERED.format(which=which).encode(), values)
    for exception_id, cause, woken in await closed.fetchall():
        if woken == WokenBy.LOOK:
            await waking.wake_cause(
                conn, values["tenant"], cause, but=exception_id, why=WokenBy.LOOK
            )


async def _close(
    conn: Connection,
    which: str,
    values: dict[str, Any],
    *,
    tenant: str,
    resolution: str,
    by: str,
    note: str,
) -> bool:
    closed = await conn.execute(
        (_RESOLVE + which).encode(),
        values | {"tenant": tenant, "resolution": resolution, "by": by, "note": note},
    )
    return closed.rowcount > 0


async def asked_by(conn: Connection, tenant: str, workflow_ids: Collection[str]) -> dict[str, str]:
    """The open exception of each of these processes that asks a person."""
    found = await conn.execute(
        "select workflow_id, id from exceptions "
        "where tenant = %s and state = 'open' and change_id = any(%s) and workflow_id = change_id",
        (tenant, list(workflow_ids)),
    )
    return {row[0]: row[1] for row in await found.fetchall()}
