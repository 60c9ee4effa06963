create table fact_documents (
  tenant text not null,
  system text not null,
  place text not null,
  key text not null,
  kind text not null,
  stands boolean default true not null,
  account text not null,
  subscription_id text,
  number text,
  reference text,
  billing_number text,
  currency text not null,
  gross_minor bigint not null,
  tax_minor bigint,
  open_minor bigint,
  issued_at timestamptz,
  issued_on date,
  ours boolean default false not null,
  read_at timestamptz default now() not null,
  primary key (tenant, system, place, key),
  constraint fact_documents_system check (system in ('billing', 'erp'))
);
create index fact_documents_by_account on fact_documents (tenant, system, account);
create index fact_documents_by_reference on fact_documents (tenant, reference)
  where reference is not null;
create index fact_documents_by_number on fact_documents (tenant, billing_number)
  where billing_number is not null;

create table fact_subscriptions (
  tenant text not null,
  subscription_id text not null,
  customer_id text not null,
  status text not null,
  items jsonb,
  read_at timestamptz default now() not null,
  primary key (tenant, subscription_id)
);
create index fact_subscriptions_by_customer on fact_subscriptions (tenant, customer_id);

create table fact_organizations (
  tenant text not null,
  organization text not null,
  tier text,
  contract_end timestamptz,
  features jsonb not null,
  read_at timestamptz default now() not null,
  primary key (tenant, organization)
);

create table fact_reads (
  tenant text not null,
  system text not null,
  place text not null,
  next text,
  reading_since timestamptz,
  whole_since timestamptz,
  began_at timestamptz,
  whole_at timestamptz,
  requests bigint default 0 not null,
  primary key (tenant, system, place)
);

create table reconciliations (
  id text not null,
  tenant text not null,
  asked_by text not null,
  scope jsonb not null,
  began_at timestamptz default now() not null,
  ended_at timestamptz,
  result jsonb,
  primary key (id)
);
create index reconciliations_by_tenant on reconciliations (tenant, began_at);

create table differences (
  tenant text not null,
  about text not null,
  key text not null,
  what text not null,
  system text not null,
  customer_id text not null,
  subject text not null,
  legal_entity text,
  issued_at timestamptz,
  number text,
  erp_number text,
  expected text,
  found text,
  currency text,
  billing_minor bigint,
  erp_minor bigint,
  cause text not null,
  owner text not null,
  repair text not null,
  exception_id text,
  change_id text,
  opened_at timestamptz default now() not null,
  seen_at timestamptz default now() not null,
  closed_at timestamptz,
  repaired_at timestamptz,
  primary key (tenant, about, key, what, system),
  constraint differences_about
    check (about in ('document', 'subscription', 'target', 'support', 'receivable')),
  constraint differences_cause check
    (cause in ('in_flight', 'asked', 'decided', 'billing_changed', 'by_hand', 'ours')),
  constraint differences_repair check (repair in ('wait', 'decide', 'sync', 'publish', 'in_erp')),
  constraint differences_owner check (owner in ('finance', 'support', 'operations'))
);
create index differences_open on differences (tenant, about, key, what, system)
  where closed_at is null;
