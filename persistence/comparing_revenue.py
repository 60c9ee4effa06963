"""What is earned in each month by the service periods of billing's documents, laid beside revenue
and deferred revenue in the ERP; in slices by document, inside the database; judged as `comparing`
judges documents.

The rule is that of the books: a line of which the period crosses the end of a month is earned by
the day, all others on the day of the document; what is deferred of a document is what is not earned
yet. Months before that of the document are left to the ERP as far as its schedule says so: they may
have been closed. A minor unit a month and schedule is the ERP's rounding, and in a schedule's last
month one for each month of it. What people have credited by hand, and billing does not know, is
earned no more from the next month on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from persistence.comparing import CIRCUMSTANCES, SLICE, Comparison, Keys, Slice, in_memory, kept
from persistence.connection import Connection


def _month(day: str) -> str:
    """Months since the year 0, of a column."""
    return f"(date_part('year', {day})::int * 12 + date_part('month', {day})::int - 1)"


KNOWN = Keys("document_id", "documents where tenant = %(tenant)s")

# Moments are days of the legal entity; a period ends before its end. Months are counted, and shares
# are of floating point: both are exact here, and quick.
_REVENUE = f"""
with b as materialized (
  select row_number() over () as n, d.*,
    coalesce(zones.zone, m.zone, %(zone)s) as zone
  from (
    select document_id, subject, customer_id, number, currency, gross_minor - tax_minor as net,
      legal_entity as place, erp_document_id, effect_key, document -> 'lines' as lines,
      date_trunc('month', coalesce(posted ->> 'posting_date',
        posted ->> 'document_date')::timestamp)::date as booked_on
    from documents
    where tenant = %(tenant)s and {KNOWN.within} and state = 'posted'
      and issued_at >= %(since)s and (%(customer)s::text is null or customer_id = %(customer)s)
      and (%(entity)s::text is null or legal_entity = %(entity)s)
    order by document_id limit %(limit)s) d
  -- Few have one of their own: an index of these alone is looked through.
  left join lateral (select m.target ->> 'time_zone' as zone from mappings m
    where m.tenant = %(tenant)s and m.kind = 'account' and m.source = d.customer_id
      and m.valid_to is null and (m.target ->> 'time_zone') is not null limit 1) m on true
  left join unnest(%(entities)s::text[], %(zones)s::text[]) as zones (entity, zone)
    on zones.entity = d.place),
s as materialized (
  select b.n, b.document_id, b.subject, b.customer_id, b.number, b.currency, b.place, b.effect_key,
    b.booked_on, b.lines, b.zone, e.earned, e.at_once, e.schedules, e.books_currency,
    e.number as erp_number, e.ours,
    {_month("b.booked_on")} as booked, {_month("r.until")} as until, r.began_at,
    {_month("by_hand.since")} as credited,
    greatest(0, 1 + by_hand.net / nullif(b.net, 0)::float8) as left_of_it
  from b cross join lateral (select * from fact_documents e where e.tenant = %(tenant)s
    and e.system = 'erp' and e.place = b.place and e.key = b.erp_document_id
    and e.earned is not null limit 1) e
  join fact_reads r on r.tenant = %(tenant)s and r.system = 'erp' and r.place = b.place
  left join lateral (
    select min(c.issued_on) as since, sum(c.gross_minor - c.tax_minor) as net
    from fact_documents c where c.tenant = %(tenant)s and c.place = b.place
      and c.corrects = b.erp_document_id and c.system = 'erp' and c.stands and not c.ours
      and not exists (select from documents k where k.tenant = %(tenant)s
        and k.legal_entity = c.place and k.erp_document_id = c.key)) by_hand on true),
told as not materialized (select * from s where books_currency = currency),
l as materialized (
  select l.*, round(net::float8 * (last - start + 1) / (last - first + 1)) as share,
    {_month("start")} as start_month
  from (
    select l.*, case when spread then coalesce(moved.start, first) end as start
    from (
      select l.*, first_month < last_month
          and (l.at_once = '[]' or not l.at_once @> to_jsonb(l.net))
          -- What was over before the first month that is open is earned at once.
          and (last_month >= booked or exists (
            select from jsonb_array_elements(l.schedules) one
            where (one ->> 1)::date = l.last)) as spread
      from (
        select told.n, told.booked, told.booked_on, told.at_once, told.schedules,
          told.credited is not null as credited, days.*,
          {_month("first")} as first_month, {_month("last")} as last_month
        from told cross join lateral jsonb_array_elements(told.lines) line
        cross join lateral (select (line #>> '{{net,minor}}')::bigint as net,
          ((line ->> 'period_start')::timestamptz at time zone zone)::date as first,
          ((line ->> 'period_end')::timestamptz at time zone zone)::date - 1 as last offset 0) days
        offset 0) l
      offset 0) l
    -- What begins in a month before the document may begin later in the ERP.
    left join lateral (
      select min((one ->> 0)::date) as start from jsonb_array_elements(l.schedules) one
      where (one ->> 1)::date = l.last and (one ->> 0)::date > l.first
        and (one ->> 0)::date <= l.booked_on) moved on l.spread and l.first_month < l.booked
    offset 0) l),
-- Rows of a document and month: revenue and deferred as they should be, as they are, and what
-- rounding may do.
moved as (
  -- What is spread is earned by the day from when it begins; the rest is of the document's day.
  select n, booked as month, net - coalesce(share, 0) as should, coalesce(share, 0) as keeps,
    0::float8 as earned, 0::float8 as kept, 0 as rounds, credited from l
  union all
  select n, m, earns, -earns, 0, 0,
    case when m = last_month then last_month - start_month + 1 else 1 end, false
  from l, generate_series(start_month, last_month) m,
    lateral (select make_date(m / 12, m %% 12 + 1, 1) as first,
      make_date((m + 1) / 12, (m + 1) %% 12 + 1, 1) as next) month,
    lateral (select round(share * (least(last + 1, next) - greatest(start, month.first))
      / (last - start + 1)) as earns) part
  union all
  select told.n, left(k.key, 4)::int * 12 + right(k.key, 2)::int - 1, 0, 0,
    (k.value ->> 0)::float8, (k.value ->> 1)::float8, 0, told.credited is not null
  from told cross join lateral jsonb_each(told.earned) k),
months as materialized (
  select n, month, sum(should) as should, sum(keeps) as keeps, sum(earned) as earned,
    sum(kept) as kept, sum(rounds) as rounds
  from moved group by 1, 2
  having bool_or(credited) or abs(sum(should) - sum(earned)) > sum(rounds)
    or abs(sum(should) + sum(keeps) - sum(earned) - sum(kept)) > sum(rounds)),
x as materialized (
  select t.place || '/' || to_char(o.on_day, 'YYYY-MM') || '/' || t.document_id as key, t.*,
    o.month, o.on_day, w.what, w.billing_minor, w.erp_minor, o.earned = 0 and o.kept = 0 as nothing
  from told t
  join (select *, make_date(month / 12, month %% 12 + 1, 1) as on_day from months) o using (n)
  cross join lateral (select case when o.month > t.credited then t.left_of_it else 1 end as left_,
    o.rounds + (o.month > coalesce(t.credited, o.month))::int as rounds) part
  cross join lateral (values
    ('revenue', abs(round(o.should * left_) - o.earned) > part.rounds,
      round(o.should * left_)::bigint, o.earned::bigint),
    -- What is not the other half of that.
    ('deferred', abs(round((o.should + o.keeps) * left_) - o.earned - o.kept) > part.rounds,
      round(o.keeps * left_)::bigint, o.kept::bigint)
  ) as w (what, differs, billing_minor, erp_minor)
  where w.differs and (t.until is null or o.month <= t.until)
    and (%(from)s::timestamptz is null
      or o.on_day::timestamp at time zone %(zone)s >= %(from)s
      and o.on_day::timestamp at time zone %(zone)s < %(to)s)),
judged as materialized (
  select 'revenue' as about, x.key, x.what, 'erp' as system, x.customer_id, x.subject,
    x.place as legal_entity, x.on_day::timestamp at time zone %(zone)s as issued_at,
    x.number, x.erp_number, null as expected,
    case when x.month > x.credited then 'goes on although it was credited by hand' end as found,
    x.currency, x.billing_minor, x.erp_minor, 'finance' as owner, asked.owner as asked_owner,
    asked.id as exception_id, under_way.id as change_id, 'in_erp' as repair,
    case when asked.id is not null then 'asked' when under_way.id is not null then 'in_flight'
      when f.state in ('planned', 'attempting', 'uncertain', 'compensating')
        or greatest(f.attempted_at, f.confirmed_at, f.compensated_at) > x.began_at
        then 'in_flight'
      when x.month > x.credited or not x.ours or not x.nothing then 'by_hand'
      else 'ours' end as cause
  from x {CIRCUMSTANCES}
  left join lateral (select * from effects f where f.key = x.effect_key
    and f.tenant = %(tenant)s limit 1) f on true),
{kept(ours="repair")}
select (select count(*) from b), (select max(document_id) from b), (select count(*) from kept),
  (select count(*) from s where books_currency <> currency)
"""  # noqa: S608 - put together from constants

# What people have moved there without a document: one row a month.
_ENTRIES = f"""
with e as materialized (
  select kind, currency, date_trunc('month', on_day)::date as month, sum(minor)::bigint as minor,
    string_agg(distinct coalesce(number, key), ', ') as moves, count(*) as lines
  from fact_entries
  where tenant = %(tenant)s and place = %(place)s and kind <> 'receivable' and not ours and beside
    and on_day >= (%(since)s::timestamptz)::date
    and (%(from)s::timestamptz is null
      or on_day >= (%(from)s::timestamptz at time zone %(zone)s)::date
      and on_day < (%(to)s::timestamptz at time zone %(zone)s)::date)
  group by 1, 2, 3),
judged as materialized (
  select 'revenue' as about,
    %(place)s || '/' || to_char(month, 'YYYY-MM') || '/' || currency as key, kind as what,
    'erp' as system, '' as customer_id, '' as subject, %(place)s as legal_entity,
    month::timestamp at time zone %(zone)s as issued_at, null as number, null as erp_number,
    null as expected, 'made by hand: ' || left(moves, 300) as found, currency,
    0::bigint as billing_minor, minor as erp_minor, 'finance' as owner, null as asked_owner,
    null as exception_id, null as change_id, 'in_erp' as repair, 'by_hand' as cause
  from e where minor <> 0),
{kept()}
select coalesce((select sum(lines) from e), 0)::bigint, null, (select count(*) from kept)
"""  # noqa: S608 - put together from constants


_ASIDE = """
select count(*) filter (where state = 'reversed'), count(*) filter (where state <> 'reversed')
from documents
where tenant = %(tenant)s and state in ('reversed', 'before_cutover')
  and erp_document_id is not null and (%(customer)s::text is null or customer_id = %(customer)s)
  and (%(entity)s::text is null or legal_entity = %(entity)s)
"""


@dataclass(frozen=True)
class Zones:
    """Where months begin and end: of the tenant, and of legal entities that have their own."""

    tenant: str | None = None
    entities: Mapping[str, str] | None = None

    @property
    def values(self) -> dict[str, Any]:
        own = self.entities or {}
        return {
            "zone": self.tenant or "UTC",
            "entities": list(own),
            "zones": list(own.values()),
        }


async def revenue(
    conn: Connection,
    of: Comparison,
    zones: Zones,
    *,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """Of documents in the books: whether each month has what their service periods give. Documents
    in another currency than the books' are left out, and counted."""
    values = {**of.values, **zones.values, "after": after, "upto": upto, "limit": limit}
    await in_memory(conn)
    row = await (await conn.execute(_REVENUE.encode(), {**values, "tracks": ["books"]})).fetchone()
    looked_at, last, differing, left_out = row or (0, None, 0, 0)
    return Slice(
        looked_at, differing, after=last if looked_at == limit else None, left_out=left_out
    )


async def aside(conn: Connection, of: Comparison) -> tuple[int, int]:
    """How many documents stand in the ERP of which revenue is not compared: those that were taken
    back, and those of the process before us."""
    row = await (await conn.execute(_ASIDE, of.values)).fetchone()
    return row or (0, 0)


async def by_hand(conn: Connection, of: Comparison, zones: Zones, place: str) -> Slice:
    """What people have moved on accounts of revenue without a document. Of one customer nothing can
    be said of it."""
    values = {**of.values, **zones.values, "place": place}
    row = await (await conn.execute(_ENTRIES.encode(), values)).fetchone()
    looked_at, _, differing = row or (0, None, 0)
    return Slice(looked_at, differing, after=None)
