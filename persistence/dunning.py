"""Overdue invoices."""

from collections.abc import Iterable

from canonical_models.documents import BillingDocument
from canonical_models.exceptions import Action, Resolution
from canonical_models.process import Process, ProcessKind
from canonical_models.term import DunningCase, DunningStage
from persistence import processes
from persistence.connection import Connection
from persistence.rows import fetch, select

_OPEN = """
insert into dunning_cases (tenant, invoice_id, subscription_id, customer_id, overdue_since)
select %(tenant)s, due.id, %(subscription)s, %(customer)s, due.since
from unnest(%(ids)s::text[], %(since)s::timestamptz[]) as due (id, since)
on conflict (tenant, invoice_id) do update set stage = 'grace',
  reminders = case when dunning_cases.overdue_since = excluded.overdue_since
    then dunning_cases.reminders else 0 end,
  extended_days = case when dunning_cases.overdue_since = excluded.overdue_since
    then dunning_cases.extended_days else 0 end,
  suspended_at = null, outcome = null, closed_at = null, overdue_since = excluded.overdue_since,
  updated_at = now()
  where dunning_cases.stage = 'closed' and dunning_cases.closed_at < coalesce(
    (select read_at from changes where tenant = %(tenant)s and id = %(change)s), now())
"""

_NEWS = processes.NEWS_OF.format(
    kind="dunning",
    key="invoice_id",
    rows="dunning_cases where tenant = %s and subscription_id = %s and stage <> 'closed'",
).encode()

# The newest word of a person on it, where something was done about it.
_BEGUN = """
with newest as (
  select id, resolution, resolved_by, note, resolved_at from exceptions
  where tenant = %(tenant)s and change_id = %(process)s
    and resolution in ('extend', 'credit', 'write_off', 'abort')
  order by resolved_at desc limit 1
)
select id, resolution, resolved_by, note from newest
where resolution in ('credit', 'write_off') and exists (
  select from effects where tenant = %(tenant)s and change_id = %(process)s
    and attempted_at >= newest.resolved_at)
"""

_SELECT = select(DunningCase, "dunning_cases")


async def open_(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    customer_id: str,
    invoices: Iterable[BillingDocument],
    *,
    known: bool = True,
    change_id: str | None = None,
) -> None:
    """A case for each invoice that is overdue, and news for all of the subscription's cases: those
    that are `known`, where there are any, and the new ones.

    A closed case opens again; it goes on with its reminders and its extension where the invoice is
    still overdue since the same time, such as after a direct debit that came to nothing. It stays
    closed where billing was read for the change before it was closed."""
    due = [(i.document_id, i.overdue_since) for i in invoices if i.owed and i.overdue_since]
    if due:
        ids, since = map(list, zip(*due, strict=True))
        await conn.execute(
            _OPEN,
            {
                "tenant": tenant,
                "subscription": subscription_id,
                "customer": customer_id,
                "ids": ids,
                "since": since,
                "change": change_id,
            },
        )
    if due or known:
        await conn.execute(_NEWS, (tenant, subscription_id))


async def live(conn: Connection, tenant: str, subscription_id: str) -> tuple[DunningCase, ...]:
    """The subscription's cases that are not closed, oldest first."""
    return await _select(
        conn,
        "subscription_id = %s and stage <> 'closed' order by overdue_since, invoice_id",
        (tenant, subscription_id),
    )


async def get(conn: Connection, tenant: str, invoice_id: str) -> DunningCase | None:
    found = await _select(conn, "invoice_id = %s", (tenant, invoice_id))
    return found[0] if found else None


async def page(
    conn: Connection, tenant: str, *, after: str = "", limit: int = 50
) -> tuple[DunningCase, ...]:
    """Cases that are not closed, by invoice; `after` is the last one seen."""
    return await _select(
        conn,
        "invoice_id > %s and stage <> 'closed' order by invoice_id limit %s",
        (tenant, after, limit),
    )


async def put(conn: Connection, tenant: str, case: DunningCase) -> None:
    """The case as it has become."""
    await conn.execute(
        "update dunning_cases set stage = %s, reminders = %s, extended_days = %s, "
        "suspended_at = %s, outcome = %s, updated_at = now(), "
        "closed_at = case when %s then coalesce(closed_at, now()) end "
        "where tenant = %s and invoice_id = %s",
        (
            case.stage.value,
            case.reminders,
            case.extended_days,
            case.suspended_at,
            case.outcome,
            case.stage is DunningStage.CLOSED,
            tenant,
            case.invoice_id,
        ),
    )


def process(tenant: str, case: DunningCase) -> Process:
    return Process(
        kind=ProcessKind.DUNNING,
        tenant=tenant,
        key=case.invoice_id,
        subscription_id=case.subscription_id,
        customer_id=case.customer_id,
    )


async def _select(
    conn: Connection, condition: str, values: tuple[object, ...]
) -> tuple[DunningCase, ...]:
    return await fetch(conn, DunningCase, f"{_SELECT} where tenant = %s and {condition}", values)


async def begun(conn: Connection, process: Process) -> Resolution | None:
    """The decision that a run of the process had begun to carry out."""
    found = await conn.execute(_BEGUN, {"tenant": process.tenant, "process": process.workflow_id})
    row = await found.fetchone()
    if row is None:
        return None
    exception_id, action, by, note = row
    return Resolution(exception_id=exception_id, action=Action(action), by=by, note=note or "")
