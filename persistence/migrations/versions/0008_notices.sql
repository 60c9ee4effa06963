create table at_work (
    name text not null,
    part text not null,
    build text,
    since timestamptz default now() not null,
    seen_at timestamptz default now() not null,
    primary key (name),
    constraint at_work_part check (part in ('worker', 'api'))
);

create table digests (
    tenant text not null,
    team text not null,
    told_to timestamptz,
    due_at timestamptz default now() not null,
    claimed_until timestamptz,
    sent_at timestamptz,
    failures integer default 0 not null,
    failing_since timestamptz,
    error text,
    primary key (tenant, team),
    constraint digests_team check (team in ('finance', 'support', 'operations'))
);

create index changes_apart on changes (tenant, outcome, seq)
    where outcome in ('compensated', 'cancelled');
create index changes_lost on changes (tenant, seq) where requeued > 0;
