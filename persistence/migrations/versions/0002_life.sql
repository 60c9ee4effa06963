-- The life of a subscription: payments, invoices, dunning, contracts, processes, targets, approvals.

alter table posted_lines add column item text, add column invoice_id text;
create index posted_lines_by_invoice on posted_lines (tenant, invoice_id);

-- What a line's document calls its item stands in the plan; which invoice asks it, in the snapshot.
-- A line of which that is not known any more is marked, so that it is never taken for one that
-- billing has deleted.
update posted_lines p set
  item = (select l ->> 'item' from changes c, jsonb_array_elements(c.plan -> 'document' -> 'lines') l
    where c.id = split_part(p.effect_key, '/', 1) and l ->> 'line_id' = p.line_id limit 1),
  invoice_id = coalesce((
    select l ->> 'invoice_id' from changes c, jsonb_array_elements(c.snapshot -> 'lines') l
    where c.tenant = p.tenant and c.subscription_id = p.subscription_id
      and l ->> 'line_id' = p.line_id and l ->> 'invoice_id' is not null limit 1), '(unknown)');

alter table grants
  add column state text default 'active' not null,
  add column reason text,
  add constraint grants_state check (state in ('active', 'suspended'));

create index grants_by_source on grants (tenant, source_id);

alter table exceptions
  add column workflow_id text,
  drop constraint exceptions_resolution,
  add constraint exceptions_resolution check (resolution in
    ('retry', 'correct', 'abort', 'approve', 'extend', 'credit', 'write_off', 'cancelled'));

create table approvals (
    tenant text not null,
    change_id text not null,
    digest text not null,
    approved_by text not null,
    note text default '' not null,
    approved_at timestamptz default now() not null,
    primary key (tenant, change_id, digest)
);

create table contracts (
    tenant text not null,
    subscription_id text not null,
    customer_id text not null,
    starts_at timestamptz default now() not null,
    ends_at timestamptz,
    renews_at timestamptz,
    time_zone text default 'UTC' not null,
    forecast text default 'none' not null,
    forecast_for timestamptz,
    forecast_amount jsonb,
    forecast_problem text,
    change_id text not null,
    updated_at timestamptz default now() not null,
    primary key (tenant, subscription_id),
    constraint contracts_forecast check (forecast in ('none', 'ready', 'blocked'))
);
create index contracts_by_renewal on contracts (tenant, renews_at);

create table dunning_cases (
    tenant text not null,
    invoice_id text not null,
    subscription_id text not null,
    customer_id text not null,
    stage text default 'grace' not null,
    overdue_since timestamptz default now() not null,
    reminders integer default 0 not null,
    extended_days integer default 0 not null,
    suspended_at timestamptz,
    outcome text,
    closed_at timestamptz,
    updated_at timestamptz default now() not null,
    primary key (tenant, invoice_id),
    constraint dunning_stage check (stage in ('grace', 'suspended', 'final', 'closed'))
);
create index dunning_by_subscription on dunning_cases (tenant, subscription_id);

create table invoices (
    tenant text not null,
    invoice_id text not null,
    subscription_id text not null,
    customer_id text not null,
    invoice jsonb not null,
    status text not null,
    standing text default 'unposted' not null,
    documents jsonb,
    standing_at timestamptz,
    told text default '' not null,
    created_at timestamptz default now() not null,
    seen_at timestamptz default now() not null,
    primary key (tenant, invoice_id),
    constraint invoices_standing check (standing in ('unposted', 'posted', 'sent', 'part_paid', 'paid', 'overdue', 'credited'))
);
create index invoices_by_customer on invoices (tenant, customer_id, created_at);
create index invoices_by_subscription on invoices (tenant, subscription_id, created_at);
create index invoices_by_time on invoices (tenant, created_at, invoice_id);
create index invoices_moving on invoices (tenant, standing_at nulls first, invoice_id)
    where standing not in ('paid', 'credited') or told <> standing or standing = 'paid' and status <> 'paid';

create table payments (
    tenant text not null,
    payment_id text not null,
    invoice_id text not null,
    subscription_id text not null,
    state text not null,
    minor bigint not null,
    currency text not null,
    effect_key text not null,
    entry_id text,
    moved_at timestamptz default now() not null,
    primary key (tenant, payment_id),
    constraint payments_state check (state in ('confirmed', 'failed', 'refunded', 'disputed', 'reinstated', 'written_off'))
);
create index payments_by_invoice on payments (tenant, invoice_id);
create index payments_by_subscription on payments (tenant, subscription_id);

create table processes (
    workflow_id text not null,
    tenant text not null,
    kind text not null,
    input jsonb not null,
    wanted bigint default 1 not null,
    told bigint default 0 not null,
    changed_at timestamptz default now() not null,
    primary key (workflow_id)
);
create index processes_untold on processes (workflow_id) where wanted > told;

create table target_states (
    tenant text not null,
    target text not null,
    customer_id text not null,
    wanted bigint not null,
    confirmed bigint default 0 not null,
    state text default 'behind' not null,
    error text,
    updated_at timestamptz default now() not null,
    primary key (tenant, target, customer_id),
    constraint targets_state check (state in ('behind', 'current', 'refused'))
);
