create table erasures (
    id bigint generated always as identity not null,
    tenant text not null,
    customer_id text not null,
    asked_by text not null,
    begun_at timestamptz default now() not null,
    inbox_up_to bigint default 0 not null,
    counts jsonb default '{}' not null,
    ended_at timestamptz,
    primary key (id)
);
create unique index erasures_one_open on erasures (tenant, customer_id) where ended_at is null;
