"""What customers owe, as billing says it, laid beside their accounts in the ERP; in slices by
customer, inside the database; judged as `comparing` judges documents.

Documents are told there: here is what stands on an account beside them. Of the ERP these are the
open lines of a party less what is open of its documents, of billing what it keeps for the customer,
and refunds and disputes that no document shows. Money that was entered for a document that is not
in the books stands on the account until it is. What we know and have not entered is told apart.
"""

from persistence.comparing import (
    CIRCUMSTANCES,
    SLICE,
    Comparison,
    Keys,
    Slice,
    compared,
    in_memory,
    kept,
)
from persistence.connection import Connection

MAPPED = Keys(
    "source", "mappings where tenant = %(tenant)s and kind = 'account' and valid_to is null"
)

# Movements as `differences` has them: what the process before us has settled is not ours to enter,
# and money for what was written off is income. A balance that a document uses is entered the other
# way round than one that grows.
_MOVEMENTS = """
    select s.currency, 0::bigint as erp,
      case when s.kind in ('balance', 'goodwill') or s.about is null and s.kind = 'payment' then 0
        else -s.minor end as billing,
      case when s.entry_id is not null then 0 when s.kind = 'balance' then s.minor
        else -s.minor end as waits
    from settlements s left join documents d
      on d.tenant = s.tenant and d.document_id = coalesce(s.document_id, s.about)
    where s.tenant = %(tenant)s and s.customer_id = any(p.customers)
      and (s.document_id is null or s.kind in ('balance', 'goodwill'))
      and s.at >= %(since)s and s.kind not in ('credit_note', 'write_off')
      and not coalesce(d.state = 'before_cutover' and d.erp_document_id is null, false)
      and (s.kind = 'balance' or s.document_id is null)
      and not (s.kind in ('payment', 'paid_elsewhere') and exists (
        select from settlements off where off.tenant = s.tenant and off.document_id = s.about
          and off.kind = 'write_off'))
    union all
    select s.currency, 0, -s.minor, 0 from settlements s
    where s.tenant = %(tenant)s and s.customer_id = any(p.customers)
      and s.entry_id is not null and s.settles is null and s.document_id is not null
      and s.kind not in ('credit_note', 'write_off')
"""

# Billing's lists may not show a customer that has documents: Stripe's leave out those of a test
# clock. Of them counts what billing said when their account was last read; where it never was, what
# it keeps for them is unknown, which is not zero.
_UNLISTED = """
not exists (select from fact_balances b where b.tenant = %(tenant)s and b.customer_id = c)
and not exists (select from accounts a where a.tenant = %(tenant)s and a.customer_id = c)
and exists (select from documents d where d.tenant = %(tenant)s and d.customer_id = c)
"""

# What takes a document back may stay open by what had been paid of it: that stands on the account.
# A party that several customers share is looked at once.
_RECEIVABLES = f"""
with a as materialized (
  select source, target ->> 'legal_entity' as place, target ->> 'erp_party' as party
  from mappings
  where tenant = %(tenant)s and kind = 'account' and valid_to is null and {MAPPED.within}
    and (%(customer)s::text is null or source = %(customer)s)
  order by source limit %(limit)s),
p as materialized (
  select row_number() over () as n, a.place, a.party, w.* from a cross join lateral (
    select min(m.source) as customer, array_agg(m.source) as customers from mappings m
    where m.tenant = %(tenant)s and m.kind = 'account' and m.valid_to is null
      and m.target ->> 'erp_party' = a.party and m.target ->> 'legal_entity' = a.place) w
  where (%(entity)s::text is null or a.place = %(entity)s)
    and (a.source = w.customer or %(customer)s::text is not null)),
apart as materialized (
  select p.n, t.currency, sum(t.erp)::bigint as erp,
    sum(t.billing)::bigint as billing, sum(t.waits)::bigint as waits
  from p cross join lateral (
    select e.currency, e.minor as erp, 0::bigint as billing, 0::bigint as waits
    from fact_entries e where e.tenant = %(tenant)s and e.place = p.place
      and e.account = p.party and e.kind = 'receivable'
    union all
    select d.currency, -d.open_minor, 0, 0 from fact_documents d
    where d.tenant = %(tenant)s and d.system = 'erp' and d.place = p.place
      and d.account = p.party and d.open_minor <> 0
      and (d.reference is null or d.reference !~ '/(void|undo|twin)')
    union all
    select b.currency, 0, -b.minor, 0 from fact_balances b
    where b.tenant = %(tenant)s and b.customer_id = any(p.customers)
    union all
    select k ->> 'currency', 0, -(k ->> 'minor')::bigint, 0
    from accounts c, jsonb_array_elements(c.balance) k
    where c.tenant = %(tenant)s and c.customer_id = any(p.customers) and not exists (
      select from fact_balances b where b.tenant = %(tenant)s and b.customer_id = c.customer_id)
    union all {_MOVEMENTS}) t
  group by 1, 2
  having sum(t.erp) <> sum(t.billing) - sum(t.waits) or sum(t.waits) <> 0),
sides as materialized (
  select s.* from (select p.place, p.party, p.customer, p.customers, apart.currency, apart.erp,
    apart.billing, apart.waits from apart join p using (n) offset 0) s
  where not exists (select from unnest(s.customers) c where {_UNLISTED})),
x as materialized (
  select s.place || '/' || s.party || '/' || s.currency as key, 'account:' || s.customer
    as subject, s.place, s.customer, s.customers, s.currency, s.billing, w.what, w.expected,
    w.found, w.billing_minor, w.erp_minor
  from sides s
  left join lateral (select string_agg(coalesce(h.number, h.key), ', ' order by h.key) as moves
    from (select e.number, e.key from fact_entries e where e.tenant = %(tenant)s
      and e.place = s.place and e.account = s.party and e.currency = s.currency
      and e.kind = 'receivable' and e.beside and not e.ours order by e.key limit 5) h) by_hand
    on true
  cross join lateral (values
    ('account', s.erp <> s.billing - s.waits, null, 'made by hand: ' || by_hand.moves,
      s.billing - s.waits, s.erp),
    ('movements', s.waits <> 0, null, null, s.billing, s.billing - s.waits)
  ) as w (what, differs, expected, found, billing_minor, erp_minor)
  where w.differs),
judged as materialized (
  select 'receivable' as about, x.key, x.what, 'erp' as system, x.customer as customer_id,
    x.subject, x.place as legal_entity, null::timestamptz as issued_at, null as number,
    null as erp_number, x.expected, x.found, x.currency, x.billing_minor, x.erp_minor,
    'finance' as owner, asked.owner as asked_owner, asked.id as exception_id,
    coalesce(under_way.id, theirs.id) as change_id, 'in_erp' as repair,
    case
      when asked.id is not null then 'asked'
      when coalesce(under_way.id, theirs.id) is not null then 'in_flight'
      when exists (select from settlements s left join effects f
          on f.tenant = s.tenant and f.key = s.effect_key
        where s.tenant = %(tenant)s and s.customer_id = any(x.customers)
          and (s.entered_at > erp_read.began_at or s.seen_at > billing_read.began_at
            or f.state in ('planned', 'attempting', 'uncertain', 'compensating')
            or greatest(f.attempted_at, f.confirmed_at, f.compensated_at) > erp_read.began_at))
        then 'in_flight'
      when x.what = 'movements' then 'ours'
      when (select coalesce(sum(b.minor), 0) from fact_balances b where b.tenant = %(tenant)s
          and b.customer_id = any(x.customers) and b.currency = x.currency)
        <> (select coalesce(sum((k ->> 'minor')::bigint), 0) from accounts c,
          jsonb_array_elements(c.balance) k where c.tenant = %(tenant)s
          and c.customer_id = any(x.customers) and k ->> 'currency' = x.currency
          and exists (select from fact_balances b
            where b.tenant = %(tenant)s and b.customer_id = c.customer_id))
        then 'billing_changed'
      else 'by_hand' end as cause
  from x {CIRCUMSTANCES}
  left join lateral (select c.id from changes c
    where c.tenant = %(tenant)s and c.state <> 'settled' and (c.customer_id = any(x.customers)
      or c.subject in (select subscription_id from subscription_states s
        where s.tenant = %(tenant)s and s.customer_id = any(x.customers)))
    order by c.seq limit 1) theirs on true
  left join fact_reads erp_read on erp_read.tenant = %(tenant)s and erp_read.system = 'erp'
    and erp_read.place = x.place
  left join fact_reads billing_read on billing_read.tenant = %(tenant)s
    and billing_read.system = 'billing' and billing_read.place = ''),
{kept()}
select (select count(*) from a), (select max(source) from a), (select count(*) from kept)
"""  # noqa: S608 - put together from constants


async def receivables(
    conn: Connection,
    of: Comparison,
    *,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """Whether what stands on the account of each customer beside documents is what billing says."""
    values = {**of.values, "after": after, "upto": upto, "limit": limit, "tracks": ["books"]}
    return await compared(conn, _RECEIVABLES, values)


_LEFT_OUT = f"""
select count(*) from mappings, lateral (select source as c) customer
where tenant = %(tenant)s and kind = 'account' and valid_to is null
  and (%(customer)s::text is null or source = %(customer)s)
  and (%(entity)s::text is null or target ->> 'legal_entity' = %(entity)s) and {_UNLISTED}
"""  # noqa: S608 - put together from constants


async def unlisted(conn: Connection, of: Comparison) -> int:
    """Customers whose accounts are not compared, because billing's lists do not show what it keeps
    for them."""
    row = await (await conn.execute(_LEFT_OUT.encode(), of.values)).fetchone()
    return row[0] if row else 0


_OF_NOBODY = """
not exists (select from mappings m where m.tenant = %(tenant)s and m.kind = 'account'
  and m.valid_to is null and m.target ->> 'erp_party' = account
  and m.target ->> 'legal_entity' = place)
"""

# Their documents since the cutover, and what is open on their accounts: that is of no month. Most
# are somebody's, and go no further: only the others are told apart.
_UNMAPPED = f"""
select count(*) from (
  select place, account from fact_documents
  where tenant = %(tenant)s and system = 'erp' and stands
    and issued_on >= (%(since)s::timestamptz)::date
    and (%(from)s::timestamptz is null
      or issued_on >= (%(from)s)::date and issued_on < (%(to)s)::date)
    and (%(entity)s::text is null or place = %(entity)s) and {_OF_NOBODY}
  union
  select place, account from fact_entries
  where tenant = %(tenant)s and kind = 'receivable' and account is not null
    and %(from)s::timestamptz is null and (%(entity)s::text is null or place = %(entity)s)
    and {_OF_NOBODY}) p
"""  # noqa: S608 - put together from constants


async def unmapped(conn: Connection, of: Comparison) -> int:
    """Parties in the ERP with documents or open lines that no customer is mapped to, so that
    nothing of theirs is compared; of one customer none."""
    if of.customer_id is not None:
        return 0
    await in_memory(conn)
    row = await (await conn.execute(_UNMAPPED.encode(), of.values)).fetchone()
    return row[0] if row else 0
