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

-- What was decided is a fact. What was said with it may be erased.
create or replace function keep_decision() returns trigger language plpgsql as $$
declare
  words constant text[] := array['address', 'before', 'after', 'reason'];
  told constant text[] := array['delivered_at', 'outcome'];
begin
  if tg_op = 'UPDATE'
    and to_jsonb(new) - words - told = to_jsonb(old) - words - told
    and (old.delivered_at is null or (new.delivered_at, new.outcome) = (old.delivered_at, old.outcome))
    and (new.address is null or new.address = old.address)
    and (new.before is null or new.before = old.before)
    and (new.after is null or new.after = old.after)
    and new.reason in ('', old.reason)
  then
    return new;
  end if;
  raise exception 'decision % is kept as it was made', old.id using errcode = 'restrict_violation';
end $$;
