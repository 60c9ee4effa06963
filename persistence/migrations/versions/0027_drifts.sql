create table drifts (
    tenant text not null,
    connection text not null,
    call text not null,
    about text not null,
    operation text not null,
    path text not null,
    change text not null,
    message text not null,
    times integer not null default 1,
    since timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    primary key (tenant, connection, call, about)
);
create table recordings (
    id text not null primary key,
    tenant text not null,
    connection text not null,
    salt text not null,
    begun_by text not null,
    begun_at timestamptz not null default now(),
    until timestamptz not null default now()
);
create table recorded (
    seq bigint generated always as identity primary key,
    recording text not null references recordings (id) on delete cascade,
    entry jsonb not null,
    bytes integer not null
);
create index recorded_recording on recorded (recording, seq);
