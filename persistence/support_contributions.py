"""What each subscription asks of support.

What an organisation is to show is read in the transaction that begins its write, which holds the
set (effects.lock_set): two subscriptions of one customer may change at the same time, and each sees
the other's contribution.

A contribution that moves to another organisation is remembered as left at the one before, until
that one is shown without it: the customer's process of support hears of it, in the same
transaction.
"""

from pydantic import TypeAdapter

from canonical_models.entitlement import SubscriptionSupport
from canonical_models.process import SUPPORT_TARGET, entitlement_process
from persistence import processes
from persistence.connection import Connection

CONTRIBUTIONS = TypeAdapter(tuple[SubscriptionSupport, ...])

_ASKED = """
select coalesce(json_agg(contribution order by subscription_id), '[]')::text
from support_contributions where tenant = %s and organization = %s
"""

#: Whether it is left anywhere: what it moves to is not left, and what it moves from is.
_PUT = """
insert into support_contributions as known
  (tenant, subscription_id, customer_id, organization, contribution, updated_at)
values (%(tenant)s, %(subscription)s, %(customer)s, %(organization)s, %(contribution)s::jsonb,
  now())
on conflict (tenant, subscription_id) do update set customer_id = excluded.customer_id,
  organization = excluded.organization, contribution = excluded.contribution, updated_at = now(),
  left_at = case when known.organization = excluded.organization then known.left_at
    else array_append(array_remove(known.left_at, excluded.organization), known.organization) end
returning left_at <> '{}'
"""

# What a statement has written it does not read.
_ASKED_WITH = f"""
with put_in as ({_PUT})
select
  (select coalesce(json_agg(contribution order by subscription_id), '[]')::text from (
    select subscription_id, contribution from support_contributions
    where tenant = %(tenant)s and organization = %(organization)s
      and subscription_id <> %(subscription)s
    union all select %(subscription)s, %(contribution)s::jsonb) as asked),
  (select left_at from put_in as given (left_at))
"""  # noqa: S608 - put together from constants

#: Two columns: what is asked of an organisation, and for how many seconds a write of it that is
#: under way may still be carried out.
AT_REST = """
(select coalesce(json_agg(contribution order by subscription_id), '[]')::text
  from support_contributions where tenant = %(tenant)s and organization = {organization}),
(select extract(epoch from max(lands_until) - clock_timestamp())::float8 from effects
  where writes_set = {writes_set} and lands_until > clock_timestamp()
    and state in ('attempting', 'compensating'))
"""
_AT_REST = (
    ("select" + AT_REST).format(organization="%(organization)s", writes_set="%(set)s").encode()
)

_MOVE = """
update support_contributions set organization = %(to)s, updated_at = now(),
  left_at = array_append(array_remove(left_at, %(to)s), organization)
where tenant = %(tenant)s and customer_id = %(customer)s and organization <> %(to)s
"""

_LEFT = """
select distinct unnest(left_at) from support_contributions
where tenant = %s and customer_id = %s order by 1
"""

_TAKEN_BACK = """
update support_contributions set left_at = array_remove(left_at, %(from)s)
where tenant = %(tenant)s and customer_id = %(customer)s and %(from)s = any(left_at)
  and organization <> %(from)s
"""


async def asked_for(
    conn: Connection, tenant: str, organization: str
) -> tuple[SubscriptionSupport, ...]:
    """What all of its subscriptions ask."""
    found = await conn.execute(_ASKED, (tenant, organization))
    row = await found.fetchone()
    return CONTRIBUTIONS.validate_json(row[0] if row else "[]")


async def at_rest(
    conn: Connection, tenant: str, organization: str, writes_set: str
) -> tuple[tuple[SubscriptionSupport, ...], float | None]:
    """The same, and for how many seconds a write of the organisation, by this name of a set, that
    is under way may still be carried out."""
    values = {"tenant": tenant, "organization": organization, "set": writes_set}
    row = await (await conn.execute(_AT_REST, values)).fetchone()
    asked, lands_in = row or ("[]", None)
    return CONTRIBUTIONS.validate_json(asked), lands_in


async def asked_with(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    organization: str,
    contribution: SubscriptionSupport,
    *,
    customer_id: str,
) -> tuple[SubscriptionSupport, ...]:
    """What all ask, with this subscription's contribution put in."""
    values = _values(tenant, subscription_id, organization, contribution, customer_id)
    row = await (await conn.execute(_ASKED_WITH.encode(), values)).fetchone()
    asked, left = row or ("[]", False)
    if left:
        await _tell_of_left(conn, tenant, customer_id)
    return CONTRIBUTIONS.validate_json(asked)


async def put(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    organization: str,
    contribution: SubscriptionSupport,
    *,
    customer_id: str,
    tell: bool = True,
) -> None:
    """Without `tell` the process of support is not told: it is the one that moves it."""
    values = _values(tenant, subscription_id, organization, contribution, customer_id)
    row = await (await conn.execute(_PUT, values)).fetchone()
    if tell and row is not None and row[0]:
        await _tell_of_left(conn, tenant, customer_id)


async def move(conn: Connection, tenant: str, customer_id: str, *, to: str) -> None:
    """All that is asked for the customer is asked of this organisation from now on."""
    await conn.execute(_MOVE, {"tenant": tenant, "customer": customer_id, "to": to})


async def left(conn: Connection, tenant: str, customer_id: str) -> tuple[str, ...]:
    """Organisations that still show what has moved away from them."""
    found = await conn.execute(_LEFT, (tenant, customer_id))
    return tuple(row[0] for row in await found.fetchall())


async def taken_back(conn: Connection, tenant: str, customer_id: str, organization: str) -> None:
    """The organisation no longer shows it."""
    await conn.execute(
        _TAKEN_BACK, {"tenant": tenant, "customer": customer_id, "from": organization}
    )


async def _tell_of_left(conn: Connection, tenant: str, customer_id: str) -> None:
    await processes.news(conn, [entitlement_process(tenant, customer_id, SUPPORT_TARGET)])


def _values(
    tenant: str,
    subscription_id: str,
    organization: str,
    contribution: SubscriptionSupport,
    customer_id: str,
) -> dict[str, str]:
    return {
        "tenant": tenant,
        "subscription": subscription_id,
        "customer": customer_id,
        "organization": organization,
        "contribution": contribution.model_dump_json(),
    }
