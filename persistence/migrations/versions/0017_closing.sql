create table periods (
    tenant text not null,
    legal_entity text not null,
    period text not null,
    state text default 'open' not null,
    by text not null,
    at timestamptz default now() not null,
    attempt text,
    closing_until timestamptz,
    close_id text,
    version integer default 0 not null,
    reopened jsonb,
    tried_at timestamptz,
    standing jsonb,
    primary key (tenant, legal_entity, period),
    constraint periods_state check (state in ('open', 'closing', 'closed')),
    constraint periods_closed check (state <> 'closed' or close_id is not null),
    constraint periods_closing check ((state = 'closing') = (closing_until is not null))
);

create table closes (
    id text not null,
    tenant text not null,
    legal_entity text not null,
    period text not null,
    about text not null,
    version integer not null,
    first date not null,
    last date not null,
    closed_by text not null,
    closed_at timestamptz default now() not null,
    report text not null,
    primary key (id),
    constraint closes_one_of_version unique (tenant, legal_entity, period, version),
    constraint closes_version check (version > 0)
);

-- What was sealed is a fact. This keeps mistakes out, not an owner of the database: what such a one
-- changes is found by the chain.
create function keep_close() returns trigger language plpgsql as $$
begin
  raise exception 'close % is kept as it was sealed', old.id using errcode = 'restrict_violation';
end $$;
create trigger closes_are_kept before update or delete on closes
  for each row execute function keep_close();

create function close_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place) values (new.tenant, 'closes', new.id);
  return null;
end $$;
create trigger closes_unsealed after insert on closes
  for each row execute function close_to_seal();
