create table batches (
    tenant text not null,
    id text not null,
    kind text not null,
    subject text not null,
    given jsonb not null,
    state text default 'running' not null,
    rate integer,
    trial boolean default false not null,
    listed boolean default true not null,
    cursor text,
    why text,
    next_at timestamptz default now() not null,
    looked_at timestamptz default now() not null,
    begun_by text not null,
    begun_at timestamptz default now() not null,
    ended_at timestamptz,
    primary key (tenant, id),
    constraint batches_kind check (kind in ('adopt', 'replay', 'preview', 'release')),
    constraint batches_state check (state in ('running', 'paused', 'stopped', 'ended')),
    constraint batches_ended_when
        check ((state in ('stopped', 'ended')) = (ended_at is not null))
);
create unique index batches_one_open on batches (tenant, kind, subject)
    where state in ('running', 'paused');
create index batches_by_tenant on batches (tenant, begun_at);

create table batch_items (
    tenant text not null,
    batch_id text not null,
    number integer not null,
    key text not null,
    given jsonb,
    outcome text default 'not_begun' not null,
    reason text,
    change_id text,
    found jsonb,
    attempts integer default 0 not null,
    at timestamptz default now() not null,
    primary key (tenant, batch_id, number),
    constraint batch_items_outcome check (outcome in ('not_begun', 'handed_over', 'at_work',
        'done', 'needs_approval', 'waits', 'set_aside', 'failed'))
);
create unique index batch_items_key on batch_items (tenant, batch_id, key);
create index batch_items_by_outcome on batch_items (tenant, batch_id, outcome, number);

alter table changes add column mend jsonb;

-- Of those that have not come to their end the newest may be resumed; its list goes on from the page
-- that it had reached.
insert into batches (tenant, id, kind, subject, given, state, listed, cursor, why, begun_by,
    begun_at, ended_at)
select tenant, id, 'adopt', 'customers',
    jsonb_build_object('rehearsal', rehearsal, 'customer', customer_id, 'cutover', cutover),
    came_to, came_to <> 'paused', case when came_to = 'paused' then cursor end,
    coalesce(error, case when came_to <> 'ended' then 'begun by version 0.1.0' end), started_by,
    started_at, case when came_to <> 'paused' then coalesce(ended_at, now()) end
from (
    select *, case when state = 'ended' then 'ended'
        when row_number() over (partition by tenant, state = 'ended' order by started_at desc) = 1
        then 'paused' else 'stopped' end as came_to
    from adoptions
) found;

insert into batch_items (tenant, batch_id, number, key, outcome, reason, found, at)
select tenant, adoption_id,
    row_number() over (partition by tenant, adoption_id order by at, customer_id), customer_id,
    case when result = 'agreed' then 'done'
        when causes @> '[{"cause": "unreachable"}]' then 'failed' else 'waits' end,
    left(causes -> 0 ->> 'message', 2000),
    jsonb_build_object('customer_id', customer_id, 'findings', causes, 'figures', figures), at
from adoption_customers;
