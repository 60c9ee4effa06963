-- What a change puts at risk counts once in a cause, whether its books, its access or both ask: as the
-- books say it, or as the access does where these do not know. It is unknown where neither knows.
--
-- `moved` are cases that were opened, said anew or closed by one statement, `before` are those of them
-- that were there, as they were. The rows of their causes are locked until the commit, and what stands
-- beside a case is read after that, so two who open the two cases of a change count it once.
create function move_causes(moved text[], before exceptions[]) returns void language plpgsql as $$
begin
    insert into causes (tenant, id, code, system, subject, owner, state, opened_at, newest_at, due_at)
    select distinct on (tenant, cause) tenant, cause, code, system, subject, owner,
        case when state = 'open' then 'open' else 'closed' end, opened_at, opened_at, due_at
    from exceptions where id = any(moved)
    order by tenant, cause, state, opened_at, id
    on conflict do nothing;
    perform from causes where (tenant, id) in (
        select tenant, cause from exceptions where id = any(moved))
    order by tenant, id for update;

    with touched as (
        select distinct tenant, change_id, cause from exceptions where id = any(moved)
    ), asked as (
        select e.* from touched join exceptions e using (tenant, change_id, cause)
        where e.state = 'open'
    ), sides as (
        select 1 as side, tenant, cause, change_id, track, at_risk_minor, at_risk_currency from asked
        union all
        select -1, tenant, cause, change_id, track, at_risk_minor, at_risk_currency from asked
        where not exists (select from unnest(moved) as m(id) where m.id = asked.id)
        union all
        select -1, tenant, cause, change_id, track, at_risk_minor, at_risk_currency
        from unnest(before) where state = 'open'
    ), once as (
        select distinct on (side, tenant, cause, change_id) side, tenant, cause,
            at_risk_minor as minor, at_risk_currency as currency,
            count(*) over (partition by side, tenant, cause, change_id) as cases
        from sides
        order by side, tenant, cause, change_id, at_risk_minor is null, track desc
    ), amounts as (
        insert into cause_amounts (tenant, cause, currency, minor, cases)
        select tenant, cause, currency, sum(side * minor)::bigint, sum(side)
        from once where minor is not null group by tenant, cause, currency
        having sum(side * minor) <> 0 or sum(side) <> 0
        on conflict (tenant, cause, currency) do update set
            minor = cause_amounts.minor + excluded.minor,
            cases = cause_amounts.cases + excluded.cases
    ), deltas as (
        select tenant, cause, sum(side * cases) as cases,
            coalesce(sum(side * cases) filter (where minor is null), 0) as unknown
        from once group by tenant, cause
    ), theirs as (
        select tenant, cause, (array_agg(owner order by opened_at desc, id))[1] as owner,
            max(opened_at) as newest_at
        from exceptions where id = any(moved) group by tenant, cause
    )
    update causes c set
        owner = theirs.owner,
        open_cases = c.open_cases + coalesce(d.cases, 0),
        unknown_cases = c.unknown_cases + coalesce(d.unknown, 0),
        state = case when c.open_cases + coalesce(d.cases, 0) > 0 then 'open' else 'closed' end,
        closed_at = case when c.open_cases + coalesce(d.cases, 0) > 0 then null else now() end,
        newest_at = greatest(c.newest_at, theirs.newest_at),
        opened_at = coalesce((select e.opened_at from exceptions e where e.tenant = c.tenant
            and e.cause = c.id and e.state = 'open' order by e.opened_at, e.id limit 1), c.opened_at),
        due_at = coalesce((select e.due_at from exceptions e where e.tenant = c.tenant
            and e.cause = c.id and e.state = 'open' order by e.due_at limit 1), c.due_at)
    from theirs left join deltas d using (tenant, cause)
    where c.tenant = theirs.tenant and c.id = theirs.cause;

    delete from cause_amounts a using (
        select distinct tenant, cause from exceptions where id = any(moved)) as touched
    where a.tenant = touched.tenant and a.cause = touched.cause and a.cases = 0;
end
$$;

create or replace function keep_causes() returns trigger language plpgsql as $$
declare
    moved text[];
    before exceptions[];
begin
    if tg_op = 'INSERT' then
        select array_agg(id) into moved from came;
        if moved is null then
            return null;
        end if;
        perform move_causes(moved, '{}');
        insert into case_history (tenant, about, by, what, note)
        select tenant, id, 'trueup', 'opened', message from came order by tenant, cause, id;
        return null;
    end if;
    select array_agg(came.id), array_agg(row(was.*)::exceptions) into moved, before
    from came join was using (id)
    where (was.state, was.at_risk_minor, was.at_risk_currency, was.owner, was.escalated_at)
        is distinct from (came.state, came.at_risk_minor, came.at_risk_currency, came.owner,
            came.escalated_at);
    if moved is null then
        return null;
    end if;
    perform move_causes(moved, before);
    insert into case_history (tenant, about, by, what, note)
    select came.tenant, came.id, said.by, said.what, said.note
    from came join was using (id), lateral (
        select 1 as turn,
            case when came.state = 'open' then 'trueup' else coalesce(came.resolved_by, 'trueup') end,
            case when came.state = 'open' then 'failed_again' else came.resolution end,
            case when came.state = 'open' then came.message else came.note end
        where came.state <> was.state
        union all
        select 2, 'trueup', 'escalated', 'past its service level'
        where was.escalated_at is null and came.escalated_at is not null
    ) as said(turn, by, what, note)
    order by came.tenant, came.cause, came.id, said.turn;
    return null;
end
$$;
drop function move_cause(text, text, text, boolean, bigint, text, boolean, bigint, text);

-- What is open now, counted anew.
lock table exceptions in share row exclusive mode;
create temporary table counted on commit drop as
select distinct on (tenant, cause, change_id) tenant, cause,
    at_risk_minor as minor, at_risk_currency as currency,
    count(*) over (partition by tenant, cause, change_id) as cases
from exceptions where state = 'open'
order by tenant, cause, change_id, at_risk_minor is null, track desc;
delete from cause_amounts;
insert into cause_amounts (tenant, cause, currency, minor, cases)
select tenant, cause, currency, sum(minor), count(*)
from counted where minor is not null group by tenant, cause, currency;
update causes c set unknown_cases = now_so.unknown
from (select tenant, cause, coalesce(sum(cases) filter (where minor is null), 0) as unknown
    from counted group by tenant, cause) as now_so
where c.tenant = now_so.tenant and c.id = now_so.cause and c.unknown_cases <> now_so.unknown;
