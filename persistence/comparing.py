"""Billing's documents laid beside the ERP's, in slices by key, inside the database.

What differs is judged by what we have written ourselves: changes, questions, effects, decisions,
and our record of the document. Nothing is waited for: a write that is under way, or was carried out
after the system was read, says so by its row.

What stands beside a row is looked up by its key (`limit 1`), whatever the statistics say: a slice
costs as much in a large table as in a small one. Of most rows nothing differs, so that is found out
first, and only of the others what it is and why.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from persistence.connection import Connection

#: Rows of a slice: within a second, with all that is looked up beside each.
SLICE = 10_000


@dataclass(frozen=True)
class Keys:
    """What slices go by: a column of the rows of a table."""

    column: str
    rows: str

    @property
    def within(self) -> str:
        """Behind `after`, and up to `upto`, which is the last there is where it is None."""
        last = f"select max({self.column}) from {self.rows}"  # noqa: S608 - constants
        return f"{self.column} > %(after)s and {self.column} <= coalesce(%(upto)s::text, ({last}))"


BILLED = Keys(
    "key", "fact_documents where tenant = %(tenant)s and system = 'billing' and place = ''"
)
BOOKED = Keys(
    "key", "fact_documents where tenant = %(tenant)s and system = 'erp' and place = %(place)s"
)


@dataclass(frozen=True)
class Slice:
    """What was looked at behind `after`, how many of them differ and how many could not be
    compared; `after` is None at the end."""

    looked_at: int
    differing: int
    after: str | None
    left_out: int = 0


@dataclass(frozen=True)
class Comparison:
    """Of a tenant. `since` is the cutover; `from_` and `to` bound the days of documents. None is
    without a bound."""

    tenant: str
    since: datetime
    customer_id: str | None = None
    legal_entity: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    #: Whether billing may be told what was paid past it.
    tell: bool = False

    @property
    def values(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "since": self.since,
            "customer": self.customer_id,
            "entity": self.legal_entity,
            "from": self.from_,
            "to": self.to,
            "tell": self.tell,
        }


#: Of rows `x` with `subject` and `key`: a question to people, and a change that is to be made.
CIRCUMSTANCES = """
left join lateral (
  select q.id, q.owner from exceptions q
  where q.tenant = %(tenant)s and q.state = 'open' and q.belongs_to = x.subject
    and (q.track = any(%(tracks)s) or q.track = 'process' and q.workflow_id is null)
  order by q.subject = x.key desc nulls last, q.opened_at limit 1) asked on true
left join lateral (
  select c.id from changes c where c.tenant = %(tenant)s and c.subject = x.subject
    and c.state <> 'settled' order by c.seq limit 1) under_way on true
"""

_KEEP = """
kept as (
  insert into differences as known (tenant, about, key, what, system, customer_id, subject,
    legal_entity, issued_at, number, erp_number, expected, found, currency, billing_minor,
    erp_minor, cause, owner, repair, exception_id, change_id, opened_at, seen_at)
  select %(tenant)s, about, key, what, system, customer_id, subject, legal_entity, issued_at,
    number, erp_number, expected, found, currency, billing_minor, erp_minor, cause,
    case when cause = 'asked' then asked_owner
      when cause in ('in_flight', 'billing_changed', 'ours') then 'operations' else owner end,
    case cause when 'asked' then 'decide' when 'decided' then 'decide' when 'in_flight' then 'wait'
      when 'by_hand' then repair else {ours} end,
    case when cause = 'asked' then exception_id end, change_id,
    clock_timestamp(), clock_timestamp()
  from judged
  on conflict (tenant, about, key, what, system) do update set customer_id = excluded.customer_id,
    subject = excluded.subject, legal_entity = excluded.legal_entity,
    issued_at = excluded.issued_at, number = excluded.number, erp_number = excluded.erp_number,
    expected = excluded.expected, found = excluded.found, currency = excluded.currency,
    billing_minor = excluded.billing_minor, erp_minor = excluded.erp_minor,
    cause = excluded.cause, owner = excluded.owner, repair = excluded.repair,
    exception_id = excluded.exception_id, change_id = excluded.change_id,
    opened_at = case when known.closed_at is null then known.opened_at else excluded.opened_at end,
    repaired_at = case when known.closed_at is null then known.repaired_at end,
    seen_at = excluded.seen_at, closed_at = null
  returning 1)
"""


def kept(*, ours: str = "'sync'") -> str:
    """Of rows `judged`: kept as they are now, since when they are so. `ours` is the column or word
    of what sets right what nobody made by hand."""
    return _KEEP.format(ours=ours)


_DOCUMENTS = f"""
with b as materialized (
  select key, kind, stands, account, number, currency, gross_minor, tax_minor, open_minor,
    issued_at, collected, subscription_id
  from fact_documents
  where tenant = %(tenant)s and system = 'billing' and place = '' and {BILLED.within}
    and issued_at >= %(since)s and (%(customer)s::text is null or account = %(customer)s)
    and (%(from)s::timestamptz is null or issued_at >= %(from)s and issued_at < %(to)s)
  order by key limit %(limit)s),
-- Of most nothing differs: they go no further. What is told of the others is `x`.
sides as materialized (
  select b.key, b.kind, b.stands, b.account, b.number, b.currency, b.gross_minor, b.tax_minor,
    b.open_minor, b.issued_at, b.collected, d.document_id is not null as known,
    d.state as is_now, d.hold,
    coalesce(d.subject, b.subscription_id, 'account:' || b.account) as subject, d.legal_entity,
    d.generation, d.party, d.seen_at,
    coalesce(d.effect_key, 'document:' || %(tenant)s || '/' || b.key) as effect_key,
    (d.posted ->> 'document_date')::date as posted_on,
    d.erp_document_id, d.erp_gross_minor, d.erp_tax_minor,
    d.gross_minor is distinct from b.gross_minor or (d.status = 'void') = b.stands
      or d.remaining_minor <> coalesce(b.open_minor, d.remaining_minor) as news,
    e.key as erp_key, coalesce(e.stands, false) as erp_stands, e.account as erp_account,
    e.number as erp_number, e.currency as erp_currency, e.gross_minor as erp_gross,
    e.tax_minor as erp_tax, e.open_minor as erp_open, e.issued_on as erp_on,
    coalesce(d.state in ('posted', 'before_cutover') and e.stands, false) as in_books
  from b
  left join lateral (select * from documents d
    where d.tenant = %(tenant)s and d.document_id = b.key limit 1) d on true
  left join lateral (select * from fact_documents e where e.tenant = %(tenant)s
    and e.system = 'erp' and e.place = d.legal_entity and e.key = d.erp_document_id limit 1) e
    on true
  left join lateral (select true as there from fact_documents t where t.tenant = %(tenant)s
    and t.reference in (b.key, b.key || '/' || d.generation) and t.system = 'erp'
    and (t.key, t.place) is distinct from (d.erp_document_id, d.legal_entity) limit 1) named on true
  left join lateral (select true as there from fact_documents t where t.tenant = %(tenant)s
    and t.billing_number = b.number and t.system = 'erp'
    and (t.key, t.place) is distinct from (d.erp_document_id, d.legal_entity) limit 1) numbered
    on true
  where not coalesce(d.state = 'before_cutover' and d.erp_document_id is null, false)
    and (named.there or numbered.there or not b.stands or e.stands is not true
      or d.state not in ('posted', 'before_cutover') or e.gross_minor <> b.gross_minor
      or e.currency <> b.currency or e.tax_minor <> b.tax_minor or e.open_minor <> b.open_minor
      or e.account <> d.party or e.issued_on <> (d.posted ->> 'document_date')::date)),
-- What else stands in the ERP by the same name, and was not taken back.
twins as materialized (
  select s.key, string_agg(coalesce(t.number, t.key), ', ' order by t.key) as named,
    sum(t.gross_minor) as gross, bool_and(t.ours) as ours
  from sides s cross join lateral (
    select x.place, x.key, x.number, x.gross_minor, x.ours, x.reference from fact_documents x
    where x.tenant = %(tenant)s and x.reference in (s.key, s.key || '/' || s.generation)
      and x.system = 'erp' and x.stands and x.kind = s.kind
    union
    select x.place, x.key, x.number, x.gross_minor, x.ours, x.reference from fact_documents x
    where x.tenant = %(tenant)s and x.billing_number = s.number
      and x.system = 'erp' and x.stands and x.kind = s.kind) t
  left join lateral (select true as back from effects f where f.tenant = %(tenant)s
    and (f.key = 'document:' || %(tenant)s || '/' || t.reference
        and f.state in ('compensating', 'compensated')
      or f.key = 'document:' || %(tenant)s || '/' || t.reference || '/void'
        and f.state = 'confirmed') limit 1) undone on true
  left join lateral (select true as back from fact_documents r where r.tenant = %(tenant)s
    and r.system = 'erp' and r.stands and r.reference in
      (t.reference || '/twin-' || t.key, t.reference || '/undo-' || t.key) limit 1) reversed
    on true
  where (t.key, t.place) is distinct from (s.erp_document_id, s.legal_entity)
    and undone.back is null and reversed.back is null
  group by s.key),
x as materialized (
  select s.*, t.ours as twins_ours, w.what, w.expected, w.found, w.billing_minor, w.erp_minor
  from sides s left join twins t using (key) cross join lateral (values
    ('missing', s.stands and not s.in_books, null, t.named, s.gross_minor, 0::bigint),
    ('void', not s.stands and s.is_now = 'posted' and s.erp_stands, null, null, 0::bigint,
      s.erp_gross),
    ('doubled', s.in_books and t.named is not null, null, t.named, s.gross_minor,
      (s.erp_gross + t.gross)::bigint),
    ('amount', s.in_books and s.stands
      and (s.erp_gross, s.erp_currency) <> (s.gross_minor, s.currency),
      s.currency, s.erp_currency, s.gross_minor, s.erp_gross),
    ('tax', s.in_books and s.stands and s.erp_tax <> s.tax_minor, null, null, s.tax_minor,
      s.erp_tax),
    ('open', s.in_books and s.stands and s.erp_open <> s.open_minor, null,
      case when not s.collected and s.erp_open between 1 and s.open_minor - 1
        then 'settled in part there, which billing cannot be told' end,
      s.open_minor, s.erp_open),
    ('party', s.in_books and s.erp_account <> s.party, s.party, s.erp_account, null, null),
    ('date', s.in_books and s.erp_on <> s.posted_on, s.posted_on::text, s.erp_on::text, null,
      null)
  ) as w (what, differs, expected, found, billing_minor, erp_minor)
  where w.differs),
judged as materialized (
  select 'document' as about, x.key, x.what, 'erp' as system, x.account as customer_id, x.subject,
    coalesce(x.legal_entity, m.target ->> 'legal_entity') as legal_entity, x.issued_at, x.number,
    x.erp_number, x.expected, x.found, x.currency, x.billing_minor, x.erp_minor,
    'finance' as owner, asked.owner as asked_owner, asked.id as exception_id,
    under_way.id as change_id,
    case when x.what = 'open' and x.erp_open = 0 and x.open_minor > 0 and not x.collected
        and %(tell)s then 'tell'
      when x.what in ('open', 'void') then 'sync' else 'in_erp' end as repair,
    case
      when asked.id is not null then 'asked'
      when under_way.id is not null then 'in_flight'
      when x.seen_at > (select began_at from fact_reads where tenant = %(tenant)s
        and system = 'billing' and place = '') then 'in_flight'
      when f.state in ('planned', 'attempting', 'uncertain', 'compensating')
        or greatest(f.attempted_at, f.confirmed_at, f.compensated_at) > erp_read.began_at
        then 'in_flight'
      when exists (select from settlements s where s.tenant = %(tenant)s
        and s.document_id = x.key and s.entered_at > erp_read.began_at) then 'in_flight'
      when x.hold is not null or coalesce(newest.left_out ? x.key, false) then 'decided'
      when not x.known or x.news then 'billing_changed'
      when x.what = 'doubled' then case when x.twins_ours then 'ours' else 'by_hand' end
      when x.is_now in ('posted', 'before_cutover') and x.erp_document_id is not null
        and (x.what in ('missing', 'party', 'date')
          -- All that settles it was entered, and yet.
          or x.what = 'open' and not exists (select from settlements s
            where s.tenant = %(tenant)s and s.document_id = x.key and s.entry_id is null)
          or x.what in ('amount', 'tax') and ((x.erp_gross, x.erp_tax) is distinct from
              (x.erp_gross_minor, x.erp_tax_minor)
            or (f.result #>> '{{tax,minor}}')::bigint <> x.erp_tax
            or (f.result #>> '{{net,minor}}')::bigint <> x.erp_gross - x.erp_tax))
        then 'by_hand'
      else 'ours' end as cause
  from x
  {CIRCUMSTANCES}
  left join lateral (select target from mappings m where m.tenant = %(tenant)s
    and m.kind = 'account' and m.source = x.account and m.valid_from <= now()
    and (m.valid_to is null or m.valid_to > now()) limit 1) m on true
  left join fact_reads erp_read on erp_read.tenant = %(tenant)s and erp_read.system = 'erp'
    and erp_read.place = coalesce(x.legal_entity, m.target ->> 'legal_entity')
  left join lateral (select * from effects f where f.key = x.effect_key
    and f.tenant = %(tenant)s limit 1) f on true
  left join lateral (select c.plan #> '{{books,left_out}}' as left_out from changes c
    where c.tenant = %(tenant)s and c.subject = x.subject and c.plan is not null
    order by c.seq desc limit 1) newest on x.what = 'missing'
  where %(entity)s::text is null
    or coalesce(x.legal_entity, m.target ->> 'legal_entity') = %(entity)s),
{kept()}
select (select count(*) from b), (select max(key) from b), (select count(*) from kept)
"""  # noqa: S608 - put together from constants

# What of ours stands there for a document that we know is told above, and what corrects one that
# was taken back is its other half.
_UNKNOWN = f"""
with e as materialized (
  select key, place, stands, account, number, reference, billing_number, currency, gross_minor,
    issued_on, ours
  from fact_documents
  where tenant = %(tenant)s and system = 'erp' and place = %(place)s and {BOOKED.within}
  order by key limit %(limit)s),
-- Of most we know the document: the others are few.
alone as materialized (
  select e.* from e
  left join lateral (select d.document_id from documents d where d.tenant = %(tenant)s
    and d.legal_entity = %(place)s and d.erp_document_id = e.key limit 1) d on true
  where e.stands and d.document_id is null and e.issued_on >= (%(since)s::timestamptz)::date
    and (%(from)s::timestamptz is null
      or e.issued_on >= (%(from)s)::date and e.issued_on < (%(to)s)::date)),
x as materialized (
  select e.key as erp_key, e.place || '/' || e.key as key, e.number as erp_number,
    e.billing_number, e.currency, e.gross_minor, e.issued_on, e.ours, m.source as customer_id,
    'account:' || m.source as subject
  from alone e
  join lateral (select source from mappings m where m.tenant = %(tenant)s and m.kind = 'account'
    and m.target ->> 'erp_party' = e.account and m.target ->> 'legal_entity' = e.place
    and (%(customer)s::text is null or m.source = %(customer)s)
    and m.valid_from <= now() and (m.valid_to is null or m.valid_to > now())
    order by source limit 1) m on true
  left join lateral (select true as known from documents k where k.tenant = %(tenant)s
    and k.document_id = split_part(e.reference, '/', 1) limit 1) by_reference on true
  left join lateral (select true as known from fact_documents k where k.tenant = %(tenant)s
    and k.system = 'billing' and k.place = '' and k.key = split_part(e.reference, '/', 1)
    limit 1) in_billing on true
  left join lateral (select true as known from documents k where k.tenant = %(tenant)s
    and k.number = e.billing_number limit 1) by_number on true
  left join lateral (select true as known from documents k where k.tenant = %(tenant)s
    and k.customer_id = m.source and k.posted -> 'credits' ? e.key
    and k.legal_entity = e.place limit 1) credits on true
  where coalesce(by_reference.known, in_billing.known, by_number.known, credits.known) is null),
judged as materialized (
  select 'document' as about, x.key, 'unknown' as what, 'erp' as system, x.customer_id, x.subject,
    %(place)s as legal_entity, x.issued_on::timestamptz as issued_at, x.billing_number as number,
    x.erp_number, null as expected, coalesce(x.erp_number, x.erp_key) as found, x.currency,
    0::bigint as billing_minor, x.gross_minor as erp_minor, 'finance' as owner,
    asked.owner as asked_owner, asked.id as exception_id, under_way.id as change_id,
    'in_erp' as repair,
    case when x.ours and under_way.id is not null then 'in_flight' when x.ours then 'ours'
      else 'by_hand' end as cause
  from x {CIRCUMSTANCES}
  where %(entity)s::text is null or %(entity)s = %(place)s),
{kept()}
select (select count(*) from e), (select max(key) from e), (select count(*) from kept)
"""  # noqa: S608 - put together from constants

_UNTAXED = """
select count(*), (array_agg(coalesce(b.number, b.key) order by b.issued_at desc))[:3]
from fact_documents b
where b.tenant = %(tenant)s and b.system = 'billing' and b.place = '' and b.tax_minor is null
  and b.issued_at >= %(since)s and b.stands
  and (%(customer)s::text is null or b.account = %(customer)s)
  and (%(from)s::timestamptz is null or b.issued_at >= %(from)s and b.issued_at < %(to)s)
  and (%(entity)s::text is null or exists (select from documents d where d.tenant = b.tenant
    and d.document_id = b.key and d.legal_entity = %(entity)s))
"""

_BOOKS = ["books"]


async def documents(
    conn: Connection,
    of: Comparison,
    *,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """Of billing: whether each stands in the books once, as billing has it."""
    values = {**of.values, "after": after, "upto": upto, "limit": limit, "tracks": _BOOKS}
    return await compared(conn, _DOCUMENTS, values)


async def unknown(
    conn: Connection,
    of: Comparison,
    place: str,
    *,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """In a legal entity's books, on a customer's account: what billing never issued."""
    values = {**of.values, "place": place, "after": after, "upto": upto, "limit": limit}
    return await compared(conn, _UNKNOWN, {**values, "tracks": _BOOKS})


async def untaxed(conn: Connection, of: Comparison) -> tuple[int, tuple[str, ...]]:
    """Documents of which billing does not say the tax, so that it is not compared: how many, and
    the newest of them by number."""
    row = await (await conn.execute(_UNTAXED, of.values)).fetchone()
    count, newest = row or (0, None)
    return count, tuple(newest or ())


async def in_memory(conn: Connection) -> None:
    """For this transaction: a slice is sorted in memory, nothing is compiled for it, and nothing is
    kept of what is looked up once."""
    await conn.execute(
        "select set_config('work_mem', '32MB', true), set_config('jit', 'off', true), "
        "set_config('enable_memoize', 'off', true)"
    )


async def compared(conn: Connection, query: str, values: dict[str, Any]) -> Slice:
    await in_memory(conn)
    row = await (await conn.execute(query.encode(), values)).fetchone()
    looked_at, last, differing = row or (0, None, 0)
    return Slice(looked_at, differing, after=last if looked_at == values["limit"] else None)
