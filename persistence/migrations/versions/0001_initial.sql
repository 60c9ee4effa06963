-- The first schema. tests/persistence compares it with persistence/tables.

create table api_keys (
    key_hash bytea not null,
    tenant text not null,
    name text not null,
    scopes text[] not null,
    created_at timestamptz default now() not null,
    revoked_at timestamptz,
    primary key (key_hash)
);

create table changes (
    id text not null,
    seq bigint generated always as identity,
    tenant text not null,
    connection text not null,
    subscription_id text not null,
    customer_id text,
    event_id text not null,
    kind text not null,
    lane integer default 1 not null,
    state text default 'pending' not null,
    outcome text,
    stage text,
    summary text,
    run_id text,
    plan jsonb,
    plan_digest text,
    snapshot jsonb,
    proof jsonb,
    attempts integer default 0 not null,
    occurred_at timestamptz default now() not null,
    received_at timestamptz default now() not null,
    claimed_at timestamptz,
    started_at timestamptz,
    settled_at timestamptz,
    primary key (id),
    constraint changes_event_once unique (tenant, connection, event_id),
    constraint changes_state check (state in ('pending', 'starting', 'running', 'waiting', 'settled')),
    constraint changes_outcome check (outcome in ('completed', 'no_change', 'compensated', 'cancelled', 'lost')),
    constraint changes_settled_has_outcome check ((state = 'settled') = (outcome is not null)),
    unique (seq)
);
create index changes_by_subscription on changes (tenant, subscription_id, seq);
create index changes_by_tenant on changes (tenant, seq);
create index changes_next on changes (lane, seq) where state = 'pending';
create unique index changes_one_open on changes (tenant, subscription_id) where state in ('starting', 'running', 'waiting');
create index changes_pending on changes (tenant, subscription_id, seq) where state = 'pending';

create table effects (
    key text not null,
    tenant text not null,
    change_id text not null,
    step text not null,
    system text not null,
    operation text not null,
    request_hash text not null,
    state text default 'planned' not null,
    attempts integer default 0 not null,
    vendor_reference text,
    url text,
    result jsonb,
    before jsonb,
    undo_reference text,
    undo_result jsonb,
    error text,
    created_at timestamptz default now() not null,
    attempted_at timestamptz,
    confirmed_at timestamptz,
    compensated_at timestamptz,
    primary key (key),
    constraint effects_state check (state in ('planned', 'attempting', 'confirmed', 'uncertain', 'rejected', 'compensating', 'compensated', 'compensation_uncertain'))
);
create index effects_by_change on effects (change_id, created_at);
create index effects_by_reference on effects (tenant, vendor_reference);

create table exceptions (
    id text not null,
    tenant text not null,
    change_id text not null,
    subscription_id text not null,
    customer_id text,
    step text not null,
    system text not null,
    failure_class text not null,
    code text not null,
    subject text,
    fingerprint text not null,
    owner text not null,
    assignee text,
    message text not null,
    at_risk_minor bigint,
    at_risk_currency text,
    evidence jsonb,
    state text default 'open' not null,
    resolution text,
    resolved_by text,
    note text,
    opened_at timestamptz default now() not null,
    due_at timestamptz default now() not null,
    escalated_at timestamptz,
    resolved_at timestamptz,
    primary key (id),
    constraint exceptions_state check (state in ('open', 'resolved')),
    constraint exceptions_resolution check (resolution in ('retry', 'correct', 'abort', 'cancelled')),
    constraint exceptions_resolved_how check ((state = 'resolved') = (resolution is not null)),
    constraint exceptions_owner check (owner in ('finance', 'support', 'operations'))
);
create index exceptions_by_cause on exceptions (tenant, fingerprint);
create index exceptions_by_change on exceptions (tenant, change_id);
create index exceptions_by_tenant on exceptions (tenant, state, opened_at);
create unique index exceptions_one_open on exceptions (change_id) where state = 'open';

create table grants (
    id bigint generated always as identity,
    tenant text not null,
    customer_id text not null,
    feature text not null,
    source text not null,
    source_id text not null,
    subscription_id text,
    change_id text not null,
    quantity bigint not null,
    starts_at timestamptz default now() not null,
    ends_at timestamptz,
    granted_at timestamptz default now() not null,
    withdrawn_at timestamptz,
    withdrawn_by text,
    primary key (id),
    constraint grants_quantity check (quantity > 0)
);
create index grants_by_subscription on grants (tenant, subscription_id);
create unique index grants_one_live on grants (tenant, customer_id, feature, source, source_id) where withdrawn_at is null;

create table inbox (
    id bigint generated always as identity,
    receipt text not null,
    tenant text not null,
    connection text not null,
    event_id text not null,
    event_type text not null,
    status text default 'received' not null,
    reason text,
    change_id text,
    body bytea not null,
    replays integer default 0 not null,
    received_at timestamptz default now() not null,
    settled_at timestamptz,
    primary key (id),
    constraint inbox_event_once unique (tenant, connection, event_id),
    constraint inbox_status check (status in ('received', 'dispatched', 'ignored', 'dead_lettered'))
);
create index inbox_by_receipt on inbox (tenant, receipt);
create index inbox_by_tenant on inbox (tenant, id);
create index inbox_received on inbox (id) where status = 'received';

create table mappings (
    id bigint generated always as identity,
    tenant text not null,
    kind text not null,
    source text not null,
    target jsonb not null,
    valid_from timestamptz default now() not null,
    valid_to timestamptz,
    set_by text not null,
    set_at timestamptz default now() not null,
    primary key (id),
    constraint mappings_kind check (kind in ('account', 'item')),
    constraint mappings_valid check (valid_to is null or valid_to > valid_from)
);
create unique index mappings_one_open on mappings (tenant, kind, source) where valid_to is null;

create table outbox (
    seq bigint generated always as identity,
    event_id text not null,
    tenant text not null,
    type text not null,
    subject text not null,
    event jsonb not null,
    created_at timestamptz default now() not null,
    primary key (seq),
    constraint outbox_event_once unique (event_id)
);
create index outbox_by_tenant on outbox (tenant, seq);

create table posted_lines (
    id bigint generated always as identity,
    tenant text not null,
    line_id text not null,
    subscription_id text not null,
    effect_key text not null,
    state text default 'claimed' not null,
    minor bigint not null,
    currency text not null,
    document_id text,
    updated_at timestamptz default now() not null,
    primary key (id),
    constraint posted_lines_state check (state in ('claimed', 'posted', 'reversed'))
);
create index posted_lines_by_subscription on posted_lines (tenant, subscription_id);
create unique index posted_lines_once on posted_lines (tenant, line_id) where state <> 'reversed';

create table subscription_states (
    tenant text not null,
    subscription_id text not null,
    customer_id text not null,
    change_id text not null,
    snapshot jsonb not null,
    synced_at timestamptz default now() not null,
    primary key (tenant, subscription_id)
);

create table support_shares (
    tenant text not null,
    subscription_id text not null,
    organization text not null,
    share jsonb not null,
    updated_at timestamptz default now() not null,
    primary key (tenant, subscription_id)
);
create index support_shares_by_organization on support_shares (tenant, organization);
