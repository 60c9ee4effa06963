"""Payouts, what moves billing's balance, and how clearing stood beside it."""

from collections.abc import Collection
from datetime import datetime

import orjson

from canonical_models.base import Canonical
from canonical_models.cash import (
    OF_CUSTOMERS,
    CashKind,
    CashLook,
    CashMovement,
    CashStanding,
    Payout,
    PayoutBooked,
    PayoutState,
    PayoutView,
)
from persistence.connection import Connection
from persistence.rows import all_of, fetch, fetch_one, select

_PAYOUT = select(
    PayoutView,
    "payouts",
    amount="jsonb_build_object('minor', amount_minor, 'currency', currency)",
)

_SEEN = """
insert into payouts (tenant, connection, payout_id, amount_minor, currency, status, automatic,
  created_at, arrives_on, state)
values (%(tenant)s, %(connection)s, %(payout)s, %(minor)s, %(currency)s, %(status)s,
  %(automatic)s, %(created)s, %(arrives)s, %(state)s)
on conflict (tenant, connection, payout_id) do update set
  status = excluded.status, arrives_on = excluded.arrives_on, updated_at = now()
"""

_MOVEMENT = """
insert into cash_movements (tenant, connection, movement_id, kind, currency, amount_minor,
  fee_minor, taken_minor, taken_currency, source_id, payout_id, at)
values (%(tenant)s, %(connection)s, %(id)s, %(kind)s, %(currency)s, %(amount)s, %(fee)s,
  %(taken)s, %(taken_currency)s, %(source)s, %(payout)s, %(at)s)
on conflict (tenant, connection, movement_id) do update
  set payout_id = coalesce(excluded.payout_id, cash_movements.payout_id)
"""

#: What the books do not have by a payout, by currency and kind. A payout itself has its own row for
#: its way out and, once its money came back, for that as well.
_LOOSE = """
select m.kind, m.currency, m.taken_currency, sum(m.amount_minor)::bigint as amount,
  sum(m.fee_minor)::bigint as fee, sum(m.taken_minor)::bigint as taken
from cash_movements m left join payouts p on p.tenant = m.tenant and p.connection = m.connection
  and p.payout_id = case when m.kind = 'payout' then m.source_id else m.payout_id end
where m.tenant = %(tenant)s and m.connection = %(connection)s
  and case when p.state is null then true
    when p.state = 'before' then false
    when m.kind = 'payout' and m.amount_minor > 0 then p.state <> 'returned'
    else p.state not in ('booked', 'returned') end
group by m.kind, m.currency, m.taken_currency
"""

_LOOKED = """
insert into cash_looks (tenant, connection, legal_entity, looked_at, seen_at, standings, problem,
  newest)
values (%(tenant)s, %(connection)s, %(entity)s, now(), now(), %(standings)s, null, %(newest)s)
on conflict (tenant, connection) do update set legal_entity = excluded.legal_entity,
  looked_at = now(), seen_at = now(), standings = excluded.standings, problem = null,
  newest = excluded.newest
"""

_FAILED = """
insert into cash_looks (tenant, connection, legal_entity, looked_at, standings, problem)
values (%(tenant)s, %(connection)s, %(entity)s, now(), '[]', %(problem)s)
on conflict (tenant, connection) do update set looked_at = now(), problem = excluded.problem
"""


class Loose(Canonical):
    """Movements of one kind that no booked payout has: sums in minor units of `currency`, and of
    `taken_currency` where they were taken in another one."""

    kind: CashKind
    currency: str
    taken_currency: str | None
    amount: int
    fee: int
    taken: int | None

    @property
    def of_customers(self) -> bool:
        return self.kind in OF_CUSTOMERS


async def seen(
    conn: Connection,
    tenant: str,
    connection: str,
    payout: Payout,
    *,
    state: PayoutState = PayoutState.SEEN,
) -> None:
    """As billing says it now; `state` is of one that was not known."""
    await conn.execute(
        _SEEN,
        {
            "tenant": tenant,
            "connection": connection,
            "payout": payout.payout_id,
            "minor": payout.amount.minor,
            "currency": payout.amount.currency,
            "status": payout.status,
            "automatic": payout.automatic,
            "created": payout.created_at,
            "arrives": payout.arrives_on.isoformat(),
            "state": state,
        },
    )


async def stands(
    conn: Connection,
    tenant: str,
    connection: str,
    payout_id: str,
    *,
    state: PayoutState,
    booked: PayoutBooked | None = None,
    note: str | None = None,
) -> None:
    """What became of it; what was booked before is kept where nothing else is said."""
    await conn.execute(
        "update payouts set state = %s, booked = coalesce(%s::jsonb, booked), note = %s, "
        "updated_at = now() where tenant = %s and connection = %s and payout_id = %s",
        (
            state,
            booked.model_dump_json() if booked else None,
            note,
            tenant,
            connection,
            payout_id,
        ),
    )


async def get(conn: Connection, tenant: str, connection: str, payout_id: str) -> PayoutView | None:
    return await fetch_one(
        conn,
        PayoutView,
        f"{_PAYOUT} where tenant = %s and connection = %s and payout_id = %s",
        (tenant, connection, payout_id),
    )


async def page(
    conn: Connection,
    tenant: str,
    *,
    state: PayoutState | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[PayoutView, ...]:
    """Newest first; `before` is `created_at` and id of the last one seen."""
    which = all_of(
        {"state = %(state)s": state, "(created_at, payout_id) < (%(at)s, %(id)s)": before}
    )
    at, last = before or (None, None)
    return await fetch(
        conn,
        PayoutView,
        f"{_PAYOUT} where tenant = %(tenant)s and {which} "
        "order by created_at desc, payout_id desc limit %(limit)s",
        {"tenant": tenant, "state": state, "at": at, "id": last, "limit": limit},
    )


async def unknown(
    conn: Connection, tenant: str, connection: str, payout_ids: Collection[str]
) -> tuple[str, ...]:
    """Those that nobody has told us of."""
    found = await conn.execute(
        "select payout_id from payouts where tenant = %s and connection = %s "
        "and payout_id = any(%s)",
        (tenant, connection, list(payout_ids)),
    )
    known = {row[0] for row in await found.fetchall()}
    return tuple(each for each in payout_ids if each not in known)


async def moved(
    conn: Connection,
    tenant: str,
    connection: str,
    movements: Collection[CashMovement],
    *,
    payout_id: str | None = None,
) -> None:
    """Keep them, as paid out by the payout where one is named."""
    rows = [
        {
            "tenant": tenant,
            "connection": connection,
            "id": each.movement_id,
            "kind": each.kind,
            "currency": each.amount.currency,
            "amount": each.amount.minor,
            "fee": (each.fee + each.fee_tax).minor,
            "taken": each.taken.minor if each.taken else None,
            "taken_currency": each.taken.currency if each.taken else None,
            "source": each.source_id,
            "payout": payout_id,
            "at": each.at,
        }
        for each in movements
    ]
    if rows:
        async with conn.cursor() as cursor:
            await cursor.executemany(_MOVEMENT.encode(), rows)


async def loose(conn: Connection, tenant: str, connection: str) -> tuple[Loose, ...]:
    """What no payout that is in the books has."""
    return await fetch(conn, Loose, _LOOSE, {"tenant": tenant, "connection": connection})


async def newest(conn: Connection, tenant: str, connection: str) -> str | None:
    """The last movement that was read."""
    found = await conn.execute(
        "select newest from cash_looks where tenant = %s and connection = %s",
        (tenant, connection),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def looked(
    conn: Connection,
    tenant: str,
    connection: str,
    legal_entity: str,
    standings: Collection[CashStanding],
    *,
    newest: str | None,
) -> None:
    await conn.execute(
        _LOOKED,
        {
            "tenant": tenant,
            "connection": connection,
            "entity": legal_entity,
            "standings": orjson.dumps([each.model_dump() for each in standings]).decode(),
            "newest": newest,
        },
    )


async def not_read(
    conn: Connection, tenant: str, connection: str, legal_entity: str, problem: str
) -> None:
    """The look has failed: what was seen before stays, and is old."""
    await conn.execute(
        _FAILED,
        {
            "tenant": tenant,
            "connection": connection,
            "entity": legal_entity,
            "problem": problem,
        },
    )


async def looks(conn: Connection, tenant: str) -> tuple[CashLook, ...]:
    query = select(CashLook, "cash_looks") + " where tenant = %s order by connection"
    return await fetch(conn, CashLook, query, (tenant,))
