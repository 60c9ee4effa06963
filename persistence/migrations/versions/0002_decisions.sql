create table decisions (
  id text primary key,
  seq bigint generated always as identity unique,
  tenant text not null,
  at timestamptz not null default now(),
  decided_by text not null,
  door text not null,
  address text,
  request_id text,
  action text not null,
  target_kind text not null,
  target_id text not null,
  change_id text,
  scope text not null default 'case',
  shown_version integer,
  shown_digest text,
  before jsonb,
  after jsonb,
  reason text not null default '',
  once text,
  delivered_at timestamptz,
  outcome text,
  constraint decisions_door check (door in ('api', 'cli', 'web_ui', 'trueup')),
  constraint decisions_scope check (scope in ('case', 'cause')),
  constraint decisions_outcome check ((delivered_at is null) = (outcome is null))
);
create unique index decisions_once on decisions (tenant, once) where once is not null;
create unique index decisions_one_underway on decisions (tenant, target_kind, target_id)
  where delivered_at is null;
create index decisions_by_target on decisions (tenant, target_kind, target_id, seq);
create index decisions_by_change on decisions (tenant, change_id, seq)
  where change_id is not null;

-- What was decided is a fact. What became of it is told once.
create function keep_decision() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.delivered_at is null
    and to_jsonb(new) - 'delivered_at' - 'outcome' = to_jsonb(old) - 'delivered_at' - 'outcome'
  then
    return new;
  end if;
  raise exception 'decision % is kept as it was made', old.id using errcode = 'restrict_violation';
end $$;
create trigger decisions_are_kept before update or delete on decisions
  for each row execute function keep_decision();
