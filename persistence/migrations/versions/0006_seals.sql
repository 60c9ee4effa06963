create table seals (
    tenant text not null,
    number bigint not null,
    source text not null,
    place text not null,
    part text default '' not null,
    objects text[] not null,
    at timestamptz default now() not null,
    sealed_at timestamptz default now() not null,
    kept jsonb not null,
    salt bytea,
    digest bytea not null,
    link bytea not null,
    primary key (tenant, number),
    constraint seals_once unique (tenant, source, place, part)
);
create index seals_by_object on seals using gin (objects);
create index seals_by_time on seals (tenant, at);

create table unsealed (
    id bigint generated always as identity,
    tenant text not null,
    source text not null,
    place text not null,
    part text default '' not null,
    primary key (id)
);

-- A seal is never changed, but that its salt may be erased. This keeps mistakes out, not an owner of
-- the database: what such a one changes is found by the chain.
create function seal_stays() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.salt is null
    and (to_jsonb(new) - 'salt') = (to_jsonb(old) - 'salt') then
    return new;
  end if;
  raise exception 'a seal is never changed or deleted' using errcode = 'restrict_violation';
end $$;
create trigger seals_stay before update or delete on seals
  for each row execute function seal_stays();

-- One statement for all the rows of a statement: the intake writes hundreds with one.
create function inbox_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place) select tenant, 'inbox', id::text from added order by id;
  return null;
end $$;
create trigger inbox_unsealed after insert on inbox
  referencing new table as added for each statement execute function inbox_to_seal();
create function outbox_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place) select tenant, 'outbox', seq::text from added order by seq;
  return null;
end $$;
create trigger outbox_unsealed after insert on outbox
  referencing new table as added for each statement execute function outbox_to_seal();

-- An effect is sealed where it stands in another system, and once more where it does not any longer.
create function effect_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place, part)
  values (new.tenant, 'effects', new.key, new.state || '/' || new.attempt);
  return null;
end $$;
create trigger effects_unsealed after insert or update of state on effects
  for each row when (new.state in ('confirmed', 'compensated'))
  execute function effect_to_seal();

-- A decision is sealed as it was made, and what became of it.
create function decision_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place, part) values (new.tenant, 'decisions', new.id, tg_argv[0]);
  return null;
end $$;
create trigger decisions_unsealed after insert on decisions
  for each row execute function decision_to_seal('made');
create trigger decisions_unsealed_outcome after insert or update of delivered_at on decisions
  for each row when (new.delivered_at is not null) execute function decision_to_seal('outcome');

-- What was there before is sealed as it is.
insert into unsealed (tenant, source, place, part)
  select tenant, 'decisions', id, part from decisions, unnest(array['made', 'outcome']) as part
  where part = 'made' or delivered_at is not null order by seq;
insert into unsealed (tenant, source, place) select tenant, 'inbox', id::text from inbox order by id;
insert into unsealed (tenant, source, place) select tenant, 'outbox', seq::text from outbox order by seq;
insert into unsealed (tenant, source, place, part)
  select tenant, 'effects', key, state || '/' || attempt from effects
  where state in ('confirmed', 'compensated') order by created_at, key;
