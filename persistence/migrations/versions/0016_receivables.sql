create table fact_entries (
  tenant text not null,
  place text not null,
  key text not null,
  kind text not null,
  account text,
  currency text not null,
  minor bigint not null,
  on_day date not null,
  number text,
  beside boolean default true not null,
  ours boolean default false not null,
  read_at timestamptz default now() not null,
  primary key (tenant, place, key),
  constraint fact_entries_kind check (kind in ('receivable', 'revenue', 'deferred'))
);
create index fact_entries_by_account on fact_entries (tenant, place, account)
  where kind = 'receivable';
create index fact_entries_by_kind on fact_entries (tenant, place, key)
  where kind <> 'receivable';

create table fact_balances (
  tenant text not null,
  customer_id text not null,
  currency text not null,
  minor bigint not null,
  read_at timestamptz default now() not null,
  primary key (tenant, customer_id, currency)
);

alter table fact_documents
  add column collected boolean default true not null,
  add column corrects text,
  add column books_currency text,
  add column earned jsonb,
  add column at_once jsonb,
  add column schedules jsonb;
create index fact_documents_by_corrected on fact_documents (tenant, place, corrects)
  where corrects is not null;
create index fact_documents_open on fact_documents (tenant, place, account)
  where system = 'erp' and open_minor <> 0;

alter table fact_reads add column until date;
-- What is kept of billing and the ERP does not say this: both are read anew.
update fact_reads set next = null, reading_since = null, whole_since = null
  where system in ('billing', 'erp');

alter table differences drop constraint differences_about;
alter table differences add constraint differences_about
  check (about in ('document', 'subscription', 'target', 'support', 'receivable', 'revenue'));
alter table differences drop constraint differences_repair;
alter table differences add constraint differences_repair
  check (repair in ('wait', 'decide', 'sync', 'publish', 'tell', 'in_erp'));
create index differences_closed on differences (closed_at) where closed_at is not null;
create index settlements_standing on settlements (tenant, customer_id)
  where entry_id is not null and settles is null and document_id is not null;
create index reconciliations_by_time on reconciliations (began_at);
