"""Access laid beside what billing sells: subscriptions as they were agreed, and support as it was
told. In slices by key, inside the database; judged as `comparing` judges documents.
"""

from persistence.comparing import CIRCUMSTANCES, SLICE, Comparison, Keys, Slice, compared, kept
from persistence.connection import Connection

SOLD = Keys("subscription_id", "fact_subscriptions where tenant = %(tenant)s")
SHOWN = Keys("organization", "support_contributions where tenant = %(tenant)s")

#: What billing has ended and was never brought here is nobody's any more.
_SUBSCRIPTIONS = f"""
with s as materialized (
  select subscription_id, customer_id, status, items from fact_subscriptions
  where tenant = %(tenant)s and {SOLD.within}
    and (%(customer)s::text is null or customer_id = %(customer)s)
  order by subscription_id limit %(limit)s),
-- Most have one item, and agree: they go no further.
sides as materialized (
  select s.subscription_id as key, s.subscription_id as subject, s.customer_id, s.items,
    s.status as says, a.agreed, a.synced_at, a.items as agreed_items
  from s left join lateral (
    select snapshot ->> 'status' as agreed, synced_at,
      case jsonb_array_length(snapshot -> 'items') when 1 then jsonb_build_array(
        jsonb_build_array(snapshot #> '{{items,0,plan,item}}', snapshot #> '{{items,0,quantity}}'))
      else (
        select coalesce(jsonb_agg(jsonb_build_array(i #> '{{plan,item}}', i -> 'quantity')
          order by i #>> '{{plan,item}}' collate "C", (i ->> 'quantity')::bigint), '[]')
        from jsonb_array_elements(snapshot -> 'items') i) end as items
    from subscription_states a
    where a.tenant = %(tenant)s and a.subscription_id = s.subscription_id limit 1) a on true
  where a.agreed is null or s.status <> a.agreed or s.items <> a.items),
x as materialized (
  select s.*, w.what, w.expected, w.found from sides s cross join lateral (values
    ('missing', s.agreed is null and s.says <> all(%(ended)s), s.says, null),
    ('status', s.says <> s.agreed, s.says, s.agreed),
    ('items', s.items <> s.agreed_items, s.items::text, s.agreed_items::text)
  ) as w (what, differs, expected, found) where w.differs),
judged as materialized (
  select 'subscription' as about, x.key, x.what, 'entitlements' as system, x.customer_id, x.subject,
    null as legal_entity, null::timestamptz as issued_at, null as number, null as erp_number,
    x.expected, x.found, null as currency, null::bigint as billing_minor,
    null::bigint as erp_minor, 'operations' as owner, asked.owner as asked_owner,
    asked.id as exception_id, under_way.id as change_id, 'sync' as repair,
    case when asked.id is not null then 'asked' when under_way.id is not null then 'in_flight'
      when x.synced_at > (select began_at from fact_reads where tenant = %(tenant)s
        and system = 'billing' and place = '') then 'in_flight'
      when exists (select from access_holds h where h.tenant = %(tenant)s
        and h.subscription_id = x.key) then 'decided'
      else 'billing_changed' end as cause
  from x {CIRCUMSTANCES}),
{kept()}
select (select count(*) from s), (select max(subscription_id) from s), (select count(*) from kept)
"""  # noqa: S608 - put together from constants

# The merge is `planning.support.merged_support`: the highest tier, the latest end, all features.
# Support tells organisations without looking at capitals, and nothing of the last minute.
_SUPPORT = f"""
with c as materialized (
  select distinct organization from support_contributions
  where tenant = %(tenant)s and {SHOWN.within}
    and (%(customer)s::text is null or customer_id = %(customer)s)
  order by organization limit %(limit)s),
-- Most are of one subscription, and show just that: they go no further.
shown as materialized (
  select c.organization as key, o.organization, o.tier as shown_tier,
    o.contract_end as shown_end, o.features as shown_features
  from c
  left join lateral (select * from fact_organizations o
    where o.tenant = %(tenant)s and o.organization = lower(c.organization) limit 1) o on true
  cross join lateral (select count(*) as parts, (array_agg(k.contribution))[1] as said
    from support_contributions k
    where k.tenant = %(tenant)s and k.organization = c.organization) k
  where (k.parts = 1 and o.tier = any(%(tiers)s::text[]) and k.said ->> 'tier' = o.tier
    and k.said -> 'features' = o.features
    and date_trunc('second', (k.said ->> 'contract_end')::timestamptz)
      is not distinct from o.contract_end) is not true),
sides as materialized (
  select s.*, min(k.customer_id) as customer_id, max(k.updated_at) as moved_at,
    (%(tiers)s::text[])[max(array_position(%(tiers)s::text[], k.contribution ->> 'tier'))] as tier,
    date_trunc('second', max((k.contribution ->> 'contract_end')::timestamptz)) as ends,
    (select coalesce(jsonb_agg(f order by f collate "C"), '[]') from (
      select distinct jsonb_array_elements_text(o.contribution -> 'features') as f
      from support_contributions o
      where o.tenant = %(tenant)s and o.organization = s.key) held) as features,
    (array_agg(k.subscription_id order by k.updated_at desc))[1] as subject
  from shown s cross join lateral (select * from support_contributions k
    where k.tenant = %(tenant)s and k.organization = s.key offset 0) k
  group by s.key, s.organization, s.shown_tier, s.shown_end, s.shown_features),
x as materialized (
  select s.*, w.what, w.expected, w.found from sides s
  cross join lateral (values
    ('missing', s.organization is null
      and (s.tier is not null or s.ends is not null or s.features <> '[]'), s.tier, null),
    ('tier', s.organization is not null and s.shown_tier is distinct from s.tier, s.tier,
      s.shown_tier),
    ('contract_end', s.organization is not null and s.shown_end is distinct from s.ends,
      s.ends::text, s.shown_end::text),
    ('features', s.shown_features <> s.features, s.features::text, s.shown_features::text)
  ) as w (what, differs, expected, found) where w.differs),
judged as materialized (
  select 'support' as about, x.key, x.what, 'support' as system, x.customer_id, x.subject,
    null as legal_entity, null::timestamptz as issued_at, null as number, null as erp_number,
    x.expected, x.found, null as currency, null::bigint as billing_minor,
    null::bigint as erp_minor, 'support' as owner, asked.owner as asked_owner,
    asked.id as exception_id, under_way.id as change_id, 'publish' as repair,
    case when asked.id is not null then 'asked' when under_way.id is not null then 'in_flight'
      when x.moved_at > told.until then 'in_flight'
      when exists (select from effects f where f.writes_set = %(sets)s || x.key
        and (f.state in ('attempting', 'uncertain', 'compensating')
          or greatest(f.attempted_at, f.confirmed_at, f.compensated_at) > told.until))
        then 'in_flight'
      when exists (select from processes p
        where p.workflow_id = 'entitlement/' || %(tenant)s || '/' || x.customer_id || '/support'
          and p.news > p.acknowledged) then 'in_flight'
      when exists (select from target_states t where t.tenant = %(tenant)s
        and t.target = 'support' and t.customer_id = x.customer_id and t.state = 'refused')
        then 'decided'
      when x.what = 'missing' and not exists (select from effects f
        where f.writes_set = %(sets)s || x.key and f.state = 'confirmed') then 'ours'
      else 'by_hand' end as cause
  from x {CIRCUMSTANCES}
  cross join lateral (select began_at - interval '2 minutes' as until from fact_reads
    where tenant = %(tenant)s and system = 'support' and place = '') told),
{kept()}
select (select count(*) from c), (select max(organization) from c), (select count(*) from kept)
"""  # noqa: S608 - put together from constants

_TRACKS = ["books", "access"]
_ENDED = ["cancelled", "incomplete"]

_TARGET = """
insert into differences as known (tenant, about, key, what, system, customer_id, subject,
  found, cause, owner, repair)
select %(tenant)s, 'target', customer, 'features', %(target)s, customer, 'account:' || customer,
  said, cause,
  'operations', case cause when 'decided' then 'decide' else 'publish' end
from unnest(%(customers)s::text[], %(said)s::text[]) as given (customer, said),
  lateral (select case when exists (select from target_states t where t.tenant = %(tenant)s
    and t.target = %(target)s and t.customer_id = customer and t.state = 'refused')
    then 'decided' else 'by_hand' end as cause) judged
on conflict (tenant, about, key, what, system) do update set found = excluded.found,
  cause = excluded.cause, repair = excluded.repair,
  opened_at = case when known.closed_at is null then known.opened_at else clock_timestamp() end,
  repaired_at = case when known.closed_at is null then known.repaired_at end,
  seen_at = clock_timestamp(), closed_at = null
"""


async def subscriptions(
    conn: Connection,
    of: Comparison,
    *,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """Whether every system has agreed to what billing sells now."""
    values = {**of.values, "after": after, "upto": upto, "limit": limit, "tracks": _TRACKS}
    return await compared(conn, _SUBSCRIPTIONS, {**values, "ended": _ENDED})


async def support(
    conn: Connection,
    of: Comparison,
    *,
    tiers: tuple[str, ...],
    sets: str,
    after: str = "",
    upto: str | None = None,
    limit: int = SLICE,
) -> Slice:
    """Whether each organisation shows what it should. `tiers` are from the lowest to the highest,
    `sets` is what the names of sets of writes of organisations begin with."""
    values = {**of.values, "after": after, "upto": upto, "limit": limit, "tracks": _TRACKS}
    return await compared(conn, _SUPPORT, {**values, "tiers": list(tiers), "sets": sets})


async def target(
    conn: Connection, tenant: str, name: str, differing: tuple[tuple[str, str], ...]
) -> None:
    """Customers of whom the target holds something else than it should, with what in words."""
    if differing:
        values = {
            "tenant": tenant,
            "target": name,
            "customers": [customer for customer, _ in differing],
            "said": [said for _, said in differing],
        }
        await conn.execute(_TARGET, values)
