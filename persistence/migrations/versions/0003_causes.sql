alter table exceptions
    add column cause text generated always as
        (substr(md5(tenant || E'\n' || code || E'\n' || system || E'\n' || coalesce(subject, '')), 1, 16))
        stored not null,
    add column assignee text,
    add column tags text[] default '{}' not null,
    add column woken text,
    add column news timestamptz,
    add constraint exceptions_woken check (woken in ('cause', 'look')),
    drop constraint exceptions_resolution,
    add constraint exceptions_resolution check (resolution in ('retry', 'correct', 'abort',
        'approve', 'extend', 'credit', 'write_off', 'skip', 'cancelled'));
drop index exceptions_by_tenant;
create index exceptions_by_tenant on exceptions (tenant, state, opened_at, id);
create index exceptions_by_tag on exceptions using gin (tags) where state = 'open';
create index exceptions_by_owner on exceptions (tenant, owner, opened_at, id) where state = 'open';
create index exceptions_by_assignee on exceptions (tenant, assignee, opened_at, id)
    where state = 'open';
create index exceptions_by_customer on exceptions (tenant, customer_id) where state = 'open';
create index exceptions_by_subject on exceptions (tenant, subject) where state = 'open';
create index exceptions_of_cause on exceptions (tenant, cause, state, opened_at, id);
create index exceptions_due on exceptions (tenant, cause, due_at) where state = 'open';
create index exceptions_news on exceptions (change_id)
    where news is not null and state = 'open';
create index changes_by_outcome on changes (tenant, outcome, seq) where outcome is not null;

create table causes (
    tenant text not null,
    id text not null,
    code text not null,
    system text not null,
    subject text,
    owner text not null,
    state text not null,
    open_cases integer default 0 not null,
    unknown_cases integer default 0 not null,
    opened_at timestamptz default now() not null,
    newest_at timestamptz default now() not null,
    due_at timestamptz default now() not null,
    closed_at timestamptz,
    looked_at timestamptz,
    assignee text,
    tags text[] default '{}' not null,
    constraint causes_state check (state in ('open', 'closed')),
    constraint causes_counts check (open_cases >= 0 and unknown_cases between 0 and open_cases),
    primary key (tenant, id)
);
create index causes_by_due on causes (tenant, state, due_at, id);
create index causes_by_owner on causes (tenant, state, owner, due_at, id);
create index causes_by_assignee on causes (tenant, state, assignee, due_at, id);
create index causes_by_code on causes (tenant, state, code, due_at, id);

create table cause_amounts (
    tenant text not null,
    cause text not null,
    currency text not null,
    minor bigint not null,
    cases integer not null,
    primary key (tenant, cause, currency)
);

create table case_history (
    seq bigint generated always as identity not null,
    tenant text not null,
    about text not null,
    at timestamptz default now() not null,
    by text not null,
    what text not null,
    note text,
    primary key (seq)
);
create index case_history_about on case_history (tenant, about, seq);

-- One case of the cause was open before or not, and is now or not, each with what is at risk. The
-- row of the cause is locked until the commit, so who moves several takes them in order.
create function move_cause(
    of_case text, of_tenant text, of_cause text,
    was boolean, was_minor bigint, was_currency text,
    now_is boolean, now_minor bigint, now_currency text
) returns void language plpgsql as $$
begin
    insert into causes (tenant, id, code, system, subject, owner, state, open_cases, unknown_cases,
        opened_at, newest_at, due_at)
    select tenant, cause, code, system, subject, owner, case when now_is then 'open' else 'closed' end,
        now_is::int, (now_is and now_minor is null)::int, opened_at, opened_at, due_at
    from exceptions where id = of_case
    on conflict (tenant, id) do update set
        owner = excluded.owner,
        open_cases = causes.open_cases + now_is::int - was::int,
        unknown_cases = causes.unknown_cases
            + (now_is and now_minor is null)::int - (was and was_minor is null)::int,
        state = case when causes.open_cases + now_is::int - was::int > 0
            then 'open' else 'closed' end,
        closed_at = case when causes.open_cases + now_is::int - was::int > 0 then null
            else now() end,
        newest_at = greatest(causes.newest_at, excluded.newest_at),
        opened_at = coalesce((select e.opened_at from exceptions e where e.tenant = of_tenant
            and e.cause = of_cause and e.state = 'open'
            order by e.opened_at, e.id limit 1), causes.opened_at),
        due_at = coalesce((select e.due_at from exceptions e where e.tenant = of_tenant
            and e.cause = of_cause and e.state = 'open'
            order by e.due_at limit 1), causes.due_at);
    if was and was_minor is not null then
        update cause_amounts set minor = minor - was_minor, cases = cases - 1
        where tenant = of_tenant and cause = of_cause and currency = was_currency;
    end if;
    if now_is and now_minor is not null then
        insert into cause_amounts (tenant, cause, currency, minor, cases)
        values (of_tenant, of_cause, now_currency, now_minor, 1)
        on conflict (tenant, cause, currency) do update
            set minor = cause_amounts.minor + now_minor, cases = cause_amounts.cases + 1;
    end if;
    delete from cause_amounts where tenant = of_tenant and cause = of_cause and cases = 0;
end
$$;

create function keep_causes() returns trigger language plpgsql as $$
declare
    of record;
begin
    if tg_op = 'INSERT' then
        for of in select * from came order by tenant, cause, id loop
            perform move_cause(of.id, of.tenant, of.cause, false, null, null,
                of.state = 'open', of.at_risk_minor, of.at_risk_currency);
            insert into case_history (tenant, about, by, what, note)
            values (of.tenant, of.id, 'trueup', 'opened', of.message);
        end loop;
        return null;
    end if;
    for of in
        select came.*, was.state as was_state, was.at_risk_minor as was_minor,
            was.at_risk_currency as was_currency, was.escalated_at as was_escalated
        from came join was using (id)
        where (was.state, was.at_risk_minor, was.at_risk_currency, was.owner, was.escalated_at)
            is distinct from (came.state, came.at_risk_minor, came.at_risk_currency, came.owner,
                came.escalated_at)
        order by came.tenant, came.cause, came.id
    loop
        perform move_cause(of.id, of.tenant, of.cause,
            of.was_state = 'open', of.was_minor, of.was_currency,
            of.state = 'open', of.at_risk_minor, of.at_risk_currency);
        if of.state <> of.was_state then
            insert into case_history (tenant, about, by, what, note)
            select of.tenant, of.id,
                case when of.state = 'open' then 'trueup' else coalesce(of.resolved_by, 'trueup') end,
                case when of.state = 'open' then 'failed_again' else of.resolution end,
                case when of.state = 'open' then of.message else of.note end;
        end if;
        if of.was_escalated is null and of.escalated_at is not null then
            insert into case_history (tenant, about, by, what, note)
            values (of.tenant, of.id, 'trueup', 'escalated', 'past its service level');
        end if;
    end loop;
    return null;
end
$$;

-- What was there before.
insert into causes (tenant, id, code, system, subject, owner, state, open_cases, unknown_cases,
    opened_at, newest_at, due_at, closed_at)
select tenant, cause, min(code), min(system), min(subject), min(owner),
    case when bool_or(state = 'open') then 'open' else 'closed' end,
    count(*) filter (where state = 'open'),
    count(*) filter (where state = 'open' and at_risk_minor is null),
    coalesce(min(opened_at) filter (where state = 'open'), min(opened_at)), max(opened_at),
    coalesce(min(due_at) filter (where state = 'open'), max(due_at)),
    case when not bool_or(state = 'open') then max(resolved_at) end
from exceptions group by tenant, cause;
insert into cause_amounts (tenant, cause, currency, minor, cases)
select tenant, cause, at_risk_currency, sum(at_risk_minor), count(*) from exceptions
where state = 'open' and at_risk_minor is not null group by tenant, cause, at_risk_currency;
insert into case_history (tenant, about, at, by, what, note)
select tenant, about, at, by, what, note from (
    select tenant, id as about, opened_at as at, 'trueup' as by, 'opened' as what, message as note
    from exceptions
    union all
    select tenant, id, escalated_at, 'trueup', 'escalated', 'past its service level'
    from exceptions where escalated_at is not null
    union all
    select tenant, id, resolved_at, resolved_by, resolution, note
    from exceptions where state = 'resolved') as known
where at is not null and by is not null order by at;

create trigger cause_gains after insert on exceptions
    referencing new table as came for each statement execute function keep_causes();
create trigger cause_moves after update on exceptions
    referencing old table as was new table as came for each statement
    execute function keep_causes();
