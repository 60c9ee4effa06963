"""The exception work queue."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from canonical_models.amendment import account_subject
from canonical_models.exceptions import Raised, Resolution, Track
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence.connection import Connection
from persistence.rows import all_of, columns, fetch, fetch_one

_COLUMNS = columns(
    ExceptionView,
    exception_id="id",
    at_risk="case when at_risk_currency is not null then jsonb_build_object("
    "'minor', at_risk_minor, 'currency', at_risk_currency) end",
)
_SELECT = f"select {_COLUMNS} from exceptions"  # noqa: S608 - put together from constants

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


def fingerprint(tenant: str, code: str, subject: str | None) -> str:
    """Equal for exceptions that one correction mends."""
    return hashlib.sha256(f"{tenant}\0{code}\0{subject or ''}".encode()).hexdigest()[:16]


async def open_(conn: Connection, raised: Raised, *, due: timedelta) -> ExceptionView:
    """The exception that is open now of this track of the change, made if there is none. One of
    the same step and cause keeps its id and its clock, and says what is so now."""
    belongs_to, subscription_id, customer_id = await _whose(conn, raised)
    at_risk = raised.amount_at_risk
    cause = fingerprint(raised.tenant, raised.code, raised.subject)
    # A question that its saga no longer waits on, because it was cancelled, is not asked again.
    await _close(
        conn,
        "change_id = %(change)s and track = %(track)s "
        "and (step <> %(step)s or fingerprint <> %(cause)s)",
        {
            "change": raised.change_id,
            "track": raised.track,
            "step": raised.step,
            "cause": cause,
        },
        tenant=raised.tenant,
        resolution="cancelled",
        by="trueup",
        note=f"the saga went on to: {raised.step}",
    )
    (asked,) = await fetch(
        conn,
        ExceptionView,
        _OPEN,
        {
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
        },
    )
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


async def page(
    conn: Connection,
    tenant: str,
    *,
    state: ExceptionState | None = ExceptionState.OPEN,
    owner: str | None = None,
    change_id: str | None = None,
    fingerprint: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ExceptionView, ...]:
    """Newest first; `before` is `opened_at` and id of the last one seen."""
    which = all_of(
        {
            "state = %(state)s": state,
            "owner = %(owner)s": owner,
            "change_id = %(change)s": change_id,
            "fingerprint = %(fingerprint)s": fingerprint,
            "(opened_at, id) < (%(at)s, %(id)s)": before,
        }
    )
    at, last = before or (None, None)
    return await fetch(
        conn,
        ExceptionView,
        f"{_SELECT} where tenant = %(tenant)s and {which} "
        "order by opened_at desc, id desc limit %(limit)s",
        {
            "tenant": tenant,
            "state": state,
            "owner": owner,
            "change": change_id,
            "fingerprint": fingerprint,
            "at": at,
            "id": last,
            "limit": limit,
        },
    )


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


async def withdraw(
    conn: Connection, tenant: str, change_id: str, *, note: str, track: Track | None = None
) -> None:
    """What was asked has answered itself, on this track or on all."""
    await _close(
        conn,
        all_of({"change_id = %(change)s": change_id, "track = %(track)s": track}),
        {"change": change_id, "track": track},
        tenant=tenant,
        resolution="cancelled",
        by="trueup",
        note=note,
    )


async def escalate(conn: Connection, exception_id: str) -> ExceptionView | None:
    await conn.execute(
        "update exceptions set escalated_at = now() "
        "where id = %s and state = 'open' and escalated_at is null",
        (exception_id,),
    )
    return await fetch_one(conn, ExceptionView, f"{_SELECT} where id = %s", (exception_id,))


async def _whose(conn: Connection, raised: Raised) -> tuple[str, str | None, str | None]:
    """(subject, subscription, customer) that the exception is about."""
    process = raised.process
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
