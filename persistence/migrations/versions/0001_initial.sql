-- The first schema. tests/persistence compares it with persistence/tables.

create table access_holds (
    tenant text not null,
    subscription_id text not null,
    hold jsonb not null,
    held_at timestamptz default now() not null,
    primary key (tenant, subscription_id)
);

create table accounts (
    tenant text not null,
    customer_id text not null,
    profile_digest text default '' not null,
    deleted boolean default false not null,
    balance jsonb,
    synced_at timestamptz default now() not null,
    primary key (tenant, customer_id)
);

create table adoption_customers (
    tenant text not null,
    adoption_id text not null,
    customer_id text not null,
    result text not null,
    causes jsonb not null,
    figures jsonb not null,
    at timestamptz default now() not null,
    primary key (tenant, adoption_id, customer_id),
    constraint adoption_customers_result check (result in ('agreed', 'left'))
);
create index adoption_customers_by_result on adoption_customers
    (tenant, adoption_id, result, customer_id);

create table adoptions (
    tenant text not null,
    id text not null,
    rehearsal boolean default true not null,
    customer_id text,
    cutover timestamptz default now() not null,
    cursor text,
    state text default 'running' not null,
    counts jsonb default '{}' not null,
    error text,
    started_by text not null,
    started_at timestamptz default now() not null,
    ended_at timestamptz,
    primary key (tenant, id),
    constraint adoptions_state check (state in ('running', 'stopped', 'ended')),
    constraint adoptions_ended_when check ((state = 'running') = (ended_at is null))
);
create index adoptions_by_tenant on adoptions (tenant, started_at);
create unique index adoptions_one_running on adoptions (tenant) where state = 'running';

create table api_keys (
    key_hash bytea not null,
    tenant text not null,
    name text not null,
    scopes text[] not null,
    created_at timestamptz default now() not null,
    revoked_at timestamptz,
    primary key (key_hash)
);

create table approvals (
    tenant text not null,
    document_id text not null,
    content text not null,
    approved_by text not null,
    note text default '' not null,
    approved_at timestamptz default now() not null,
    primary key (tenant, document_id, content)
);

create table changes (
    id text not null,
    seq bigint generated always as identity,
    tenant text not null,
    connection text not null,
    subject text not null,
    subscription_id text,
    customer_id text,
    documents text[] default '{}' not null,
    whole boolean default false not null,
    event_id text not null,
    kind text not null,
    lane integer default 1 not null,
    state text default 'pending' not null,
    outcome text,
    stage text,
    summary text,
    run_id text,
    epoch integer default 0 not null,
    taken_in_by text,
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
    constraint changes_state check (state in ('pending', 'starting', 'running', 'waiting',
      'settled')),
    constraint changes_outcome check (outcome in ('completed', 'no_change', 'compensated',
      'cancelled', 'lost')),
    constraint changes_settled_has_outcome check ((state = 'settled') = (outcome is not null)),
    unique (seq)
);
create index changes_by_subject on changes (tenant, subject, seq);
create index changes_by_tenant on changes (tenant, seq);
create index changes_next on changes (lane, seq) where state = 'pending';
create unique index changes_one_open on changes (tenant, subject)
    where state in ('starting', 'running', 'waiting');
create index changes_pending on changes (tenant, subject, seq) where state = 'pending';

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

create table documents (
    tenant text not null,
    document_id text not null,
    connection text not null,
    subject text not null,
    customer_id text not null,
    subscription_id text,
    subscriptions text[] default '{}' not null,
    kind text not null,
    number text,
    status text not null,
    currency text not null,
    gross_minor bigint not null,
    tax_minor bigint not null,
    remaining_minor bigint not null,
    issued_at timestamptz default now() not null,
    due_at timestamptz,
    content text not null,
    document jsonb not null,
    state text default 'seen' not null,
    generation integer default 1 not null,
    hold jsonb,
    correction jsonb,
    legal_entity text,
    party text,
    erp_document_id text,
    erp_number text,
    erp_open_minor bigint,
    erp_gross_minor bigint,
    erp_tax_minor bigint,
    posted jsonb,
    posted_content text,
    effect_key text,
    change_id text,
    linked_by text,
    standing text default 'unposted' not null,
    standing_at timestamptz,
    told text default '' not null,
    seen_at timestamptz default now() not null,
    primary key (tenant, document_id),
    constraint documents_state check (state in ('seen', 'posted', 'reversed', 'before_cutover')),
    constraint documents_standing check (standing in ('unposted', 'posted', 'sent', 'part_paid',
      'paid', 'overdue', 'credited')),
    constraint documents_generation check (generation > 0),
    constraint documents_posted_whole check ((erp_document_id is null) = (posted is null)
      and (posted is null) = (num_nulls(legal_entity, posted_content, erp_open_minor,
      erp_gross_minor, erp_tax_minor) > 0)),
    constraint documents_posted check (state <> 'posted' or posted is not null),
    constraint documents_without_personal_data check (document -> 'bill_to' is null
      or document -> 'bill_to' = 'null')
);
create index documents_by_change on documents (tenant, change_id);
create index documents_by_customer on documents (tenant, customer_id, issued_at, document_id);
create index documents_by_erp_number on documents (tenant, erp_number);
create index documents_by_number on documents (tenant, number);
create index documents_by_subject on documents (tenant, subject, issued_at, document_id);
create index documents_by_subscriptions on documents using gin (subscriptions);
create index documents_by_time on documents (tenant, issued_at, document_id);
create index documents_differing on documents (tenant, issued_at, document_id)
    where (status <> 'void' and state in ('seen', 'reversed')
      or state in ('posted', 'before_cutover') and erp_document_id is not null
      and (status = 'void' or erp_open_minor <> remaining_minor
      or erp_gross_minor <> gross_minor or erp_tax_minor <> tax_minor
      or hold is not null and posted_content <> content));
create index documents_moving on documents (tenant, standing_at nulls first, document_id)
    where (erp_document_id is not null and standing not in ('paid', 'credited')
      or standing = 'paid' and status = 'open' or told <> standing and (told <> ''
      or standing <> 'unposted'));
create unique index documents_one_of_erp on documents (tenant, legal_entity, erp_document_id)
    where erp_document_id is not null;
create index documents_unsettled on documents (tenant, subject, issued_at, document_id)
    where ((status <> 'void' and state in ('seen', 'reversed')
      or state in ('posted', 'before_cutover') and erp_document_id is not null
      and (status = 'void' or erp_open_minor <> remaining_minor
      or erp_gross_minor <> gross_minor or erp_tax_minor <> tax_minor
      or hold is not null and posted_content <> content)) or remaining_minor <> 0
      and status <> 'void' or state = 'posted' and posted_content <> content);

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
    constraint effects_state check (state in ('planned', 'attempting', 'confirmed', 'uncertain',
      'rejected', 'compensating', 'compensated', 'compensation_uncertain'))
);
create index effects_by_change on effects (change_id, created_at);
create index effects_by_reference on effects (tenant, vendor_reference);

create table exceptions (
    id text not null,
    tenant text not null,
    change_id text not null,
    workflow_id text,
    track text default 'books' not null,
    belongs_to text not null,
    subscription_id text,
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
    constraint exceptions_resolution check (resolution in ('retry', 'correct', 'abort', 'approve',
      'extend', 'credit', 'write_off', 'cancelled')),
    constraint exceptions_resolved_how check ((state = 'resolved') = (resolution is not null)),
    constraint exceptions_owner check (owner in ('finance', 'support', 'operations')),
    constraint exceptions_track check (track in ('books', 'access', 'process'))
);
create index exceptions_by_cause on exceptions (tenant, fingerprint);
create index exceptions_by_change on exceptions (tenant, change_id);
create index exceptions_by_tenant on exceptions (tenant, state, opened_at);
create unique index exceptions_one_open on exceptions (change_id, track) where state = 'open';

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
    state text default 'active' not null,
    reason text,
    primary key (id),
    constraint grants_quantity check (quantity > 0),
    constraint grants_state check (state in ('active', 'suspended'))
);
create index grants_by_source on grants (tenant, source_id);
create index grants_by_subscription on grants (tenant, subscription_id);
create unique index grants_one_live on grants (tenant, customer_id, feature, source, source_id)
    where withdrawn_at is null;

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
    constraint outbox_event_once unique (tenant, event_id)
);
create index outbox_by_tenant on outbox (tenant, seq);

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

create table settlements (
    tenant text not null,
    settlement_id text not null,
    customer_id text not null,
    subject text not null,
    document_id text,
    about text,
    against text,
    kind text not null,
    minor bigint not null,
    currency text not null,
    at timestamptz default now() not null,
    settlement jsonb not null,
    legal_entity text,
    effect_key text,
    entry_id text,
    entry_number text,
    url text,
    settles text,
    seen_at timestamptz default now() not null,
    entered_at timestamptz,
    primary key (tenant, settlement_id)
);
create index settlements_balance_not_entered on settlements (tenant, customer_id)
    where entry_id is null and (kind in ('balance', 'goodwill')
        or kind = 'payment' and document_id is null and about is null);
create index settlements_by_about on settlements (tenant, about);
create index settlements_by_customer on settlements (tenant, customer_id, at);
create index settlements_by_document on settlements (tenant, document_id);
create index settlements_by_effect on settlements (effect_key);
create index settlements_by_subject on settlements (tenant, subject, at);
create index settlements_on_account on settlements (tenant, customer_id) where (document_id is null or kind in ('balance', 'goodwill'));
create index settlements_written_off on settlements (tenant, document_id)
    where kind = 'write_off';

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

create table unbilled (
    tenant text not null,
    subscription_id text not null,
    external_id text not null,
    legal_entity text not null,
    party text not null,
    document_id text,
    digest text not null,
    minor bigint not null,
    currency text not null,
    lines jsonb not null,
    problem text,
    shown_at timestamptz default now() not null,
    primary key (tenant, subscription_id)
);
;
