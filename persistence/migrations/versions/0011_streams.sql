create table streams (
  id text not null,
  tenant text not null,
  name text not null,
  transport text not null,
  url text,
  secrets text[] not null default '{}',
  types text[] not null default '{}',
  team text,
  state text not null default 'active',
  added_by text not null,
  added_at timestamptz not null default now(),
  told_to timestamptz,
  due_at timestamptz not null default now(),
  claimed_until timestamptz,
  sent_at timestamptz,
  failures integer not null default 0,
  failing_since timestamptz,
  error text,
  primary key (id),
  constraint streams_name_once unique (tenant, name),
  constraint streams_transport check (transport in ('http', 'mail')),
  constraint streams_state check (state in ('active', 'paused')),
  constraint streams_team check (team in ('finance', 'support', 'operations')),
  constraint streams_whole check (case transport when 'http' then url is not null
    and cardinality(secrets) between 1 and 2 else team is not null end)
);

create table deliveries (
  seq bigint not null,
  stream text not null,
  tenant text not null,
  subject text not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  due_at timestamptz not null default now(),
  claimed_until timestamptz,
  tried_at timestamptz,
  delivered_at timestamptz,
  status integer,
  answer text,
  error text,
  primary key (seq, stream),
  constraint deliveries_state check (state in ('pending', 'delivered', 'dead'))
);
create index deliveries_by_stream on deliveries (stream, seq);
create index deliveries_due on deliveries (stream, due_at, seq) where state = 'pending';
create index deliveries_before on deliveries (stream, subject, seq) where state = 'pending';
create index deliveries_dead on deliveries (stream, seq) where state = 'dead';

insert into streams (id, tenant, name, transport, types, team, added_by, told_to, due_at, sent_at,
  failures, failing_since, error)
select 'mail/' || tenant || '/' || team, tenant, 'mail-' || team, 'mail',
  '{sync.exception_opened.v1,sync.exception_escalated.v1}', team, 'settings', told_to, due_at,
  sent_at, failures, failing_since, error
from digests;
drop table digests;

-- When its position was drawn, which a transaction that began before does after others.
alter table outbox alter column created_at set default clock_timestamp();
