create table key_usage (
    tenant text not null,
    key_id text not null,
    operation text not null,
    first_used_at timestamptz default now() not null,
    last_used_at timestamptz default now() not null,
    primary key (tenant, key_id, operation)
);

create table kept_answers (
    tenant text not null,
    key_id text not null,
    name text not null,
    asked text not null,
    status integer,
    headers jsonb,
    body text,
    begun_at timestamptz default now() not null,
    expires_at timestamptz not null,
    primary key (tenant, key_id, name),
    constraint kept_answers_whole check ((status is null) = (body is null)
        and (status is null) = (headers is null))
);

create index kept_answers_expiring on kept_answers (expires_at);
