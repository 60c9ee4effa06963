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
    salts jsonb not null,
    digest bytea not null,
    link bytea not null,
    primary key (tenant, number),
    constraint seals_once unique (tenant, source, place, part)
);
create index seals_by_object on seals using gin (objects);
create index seals_by_time on seals (tenant, at);

create table approved_plans (
    id text not null,
    tenant text not null,
    change_id text not null,
    digest text not null,
    plan jsonb,
    approved_by text not null,
    approved_at timestamptz default now() not null,
    primary key (id)
);

create table unsealed (
    id bigint generated always as identity,
    tenant text not null,
    source text not null,
    place text not null,
    part text default '' not null,
    primary key (id)
);

-- A seal is never changed, but that its salts may be erased. This keeps mistakes out, not an owner of
-- the database: what such a one changes is found by the chain.
create function seal_stays() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.salts <@ old.salts
    and (to_jsonb(new) - 'salts') = (to_jsonb(old) - 'salts') then
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

create function approved_plan_to_seal() returns trigger language plpgsql as $$
begin
  insert into unsealed (tenant, source, place) values (new.tenant, 'approved_plans', new.id);
  return null;
end $$;
create trigger approved_plans_unsealed after insert on approved_plans
  for each row execute function approved_plan_to_seal();

-- With what is dropped or erased goes its salt, whoever does it: then nobody can try guesses on what
-- stood there.
create function body_goes() returns trigger language plpgsql as $$
begin
  update seals set salts = salts - 'body'
    where tenant = new.tenant and source = 'inbox' and place = new.id::text;
  return null;
end $$;
create trigger inbox_salts after update of body on inbox
  for each row when (octet_length(new.body) = 0) execute function body_goes();
create function event_goes() returns trigger language plpgsql as $$
begin
  update seals set salts = salts - case when new.event is null then array['event', 'reason']
      else array['reason'] end
    where tenant = new.tenant and source = 'outbox' and place = new.seq::text;
  return null;
end $$;
create trigger outbox_salts after update of event on outbox
  for each row when (new.event is null or new.event #>> '{data,reason}' = 'erased')
  execute function event_goes();
create function plan_goes() returns trigger language plpgsql as $$
begin
  update seals set salts = salts - 'plan'
    where tenant = new.tenant and source = 'approved_plans' and place = new.id;
  return null;
end $$;
create trigger approved_plans_salts after update of plan on approved_plans
  for each row when (new.plan is null) execute function plan_goes();
create function words_go() returns trigger language plpgsql as $$
begin
  update seals set salts = salts - array_remove(array[
      case when new.address is null then 'address' end,
      case when new.before is null then 'before' end,
      case when new.after is null then 'after' end,
      case when new.reason in ('', 'erased') then 'reason' end], null)
    where tenant = new.tenant and source = 'decisions' and place = new.id;
  return null;
end $$;
create trigger decisions_salts after update of address, before, after, reason on decisions
  for each row execute function words_go();

-- What was there before is sealed as it is.
insert into unsealed (tenant, source, place, part)
  select tenant, 'decisions', id, part from decisions, unnest(array['made', 'outcome']) as part
  where part = 'made' or delivered_at is not null order by seq;
insert into unsealed (tenant, source, place) select tenant, 'inbox', id::text from inbox order by id;
insert into unsealed (tenant, source, place) select tenant, 'outbox', seq::text from outbox order by seq;
insert into unsealed (tenant, source, place, part)
  select tenant, 'effects', key, state || '/' || attempt from effects
  where state in ('confirmed', 'compensated') order by created_at, key;
