alter table changes drop constraint changes_outcome;
alter table changes add constraint changes_outcome
    check (outcome in ('completed', 'no_change', 'compensated', 'cancelled', 'shadowed')) not valid;
alter table changes validate constraint changes_outcome;
alter table batches drop constraint batches_kind;
alter table batches add constraint batches_kind
    check (kind in ('adopt', 'replay', 'preview', 'release', 'backfill', 'trial'));

create table shadow_changes (
    tenant text not null,
    change_id text not null,
    seq bigint generated always as identity,
    subject text not null,
    customer_id text,
    planned_at timestamptz default now() not null,
    comes text not null,
    code text,
    asked_about text,
    foreseen jsonb,
    plan jsonb,
    subscription jsonb,
    documents jsonb,
    primary key (tenant, change_id),
    unique (seq),
    constraint shadow_changes_comes check
        (comes in ('goes_through', 'then_waits', 'needs_approval', 'not_affected', 'untold'))
);
create index shadow_changes_by_customer on shadow_changes (tenant, customer_id, seq);
create index shadow_changes_by_subject on shadow_changes (tenant, subject, seq);

create table shadow_items (
    tenant text not null,
    about text not null,
    key text not null,
    change_id text not null,
    subject text not null,
    customer_id text not null,
    number text,
    legal_entity text,
    expected jsonb,
    state text default 'waiting' not null,
    differences jsonb not null,
    found text[] default '{}' not null,
    planned_at timestamptz default now() not null,
    since timestamptz default now() not null,
    compared_at timestamptz,
    tried_at timestamptz,
    primary key (tenant, about, key),
    constraint shadow_items_about check (about in ('document', 'support', 'target')),
    constraint shadow_items_state check (state in ('waiting', 'agrees', 'differs'))
);
create index shadow_items_by_state on shadow_items (tenant, state, planned_at, about, key);
create index shadow_items_due on shadow_items (tenant, tried_at nulls first)
    where expected is not null;
create index shadow_items_by_change on shadow_items (tenant, change_id);
create index shadow_items_by_customer on shadow_items (tenant, customer_id);
