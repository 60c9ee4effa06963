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

create table breakers (
    tenant text not null,
    connection text not null,
    state text default 'closed' not null,
    since timestamptz default now() not null,
    probe_at timestamptz,
    reason text,
    limit_seen integer,
    updated_at timestamptz default now() not null,
    primary key (tenant, connection),
    constraint breakers_state check (state in ('closed', 'open'))
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
    ready boolean default false not null,
    held boolean default false not null,
    news integer default 0 not null,
    outcome text,
    stage text,
    summary text,
    run_id text,
    epoch integer default 0 not null,
    taken_in_by text,
    taken_at integer,
    plan jsonb,
    plan_digest text,
    plan_epoch integer,
    reading integer default 0 not null,
    plan_reading integer,
    read_at timestamptz,
    snapshot jsonb,
    proof jsonb,
    attempts integer default 0 not null,
    happened jsonb default '[]' not null,
    requeued integer default 0 not null,
    occurred_at timestamptz default now() not null,
    received_at timestamptz default now() not null,
    claimed_by text,
    claimed_at timestamptz,
    started_at timestamptz,
    settled_at timestamptz,
    primary key (id),
    constraint changes_event_once unique (tenant, connection, event_id),
    constraint changes_state check (state in ('pending', 'starting', 'running', 'waiting',
      'settled')),
    constraint changes_outcome check (outcome in ('completed', 'no_change', 'compensated',
      'cancelled')),
    constraint changes_settled_has_outcome check ((state = 'settled') = (outcome is not null)),
    unique (seq)
);
create index changes_at_work on changes (seq) where state in ('running', 'waiting');
create index changes_by_state on changes (tenant, state, seq);
create index changes_by_subject on changes (tenant, subject, seq);
create index changes_cancelled on changes (tenant, subject) where outcome = 'cancelled';
create index changes_by_tenant on changes (tenant, seq);
create index changes_news on changes (tenant, subject) where news = 1 and state = 'pending';
create unique index changes_one_open on changes (tenant, subject)
    where state in ('starting', 'running', 'waiting');
create unique index changes_one_ready on changes (tenant, subject) where ready;
create index changes_pending on changes (tenant, subject, seq) where state = 'pending';
create index changes_places on changes (claimed_by, claimed_at)
    where state in ('starting', 'running');
create index changes_ready on changes (lane, tenant, seq) where ready;
create index changes_starting on changes (claimed_at) where state = 'starting';

-- One transaction at a time decides what of a subject is ready: two that did not see each other's
-- changes would leave none ready, or two. The order of locks is: the row that is open, the subject,
-- rows that are pending.
create function lock_subject(of_tenant text, of_subject text) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(of_tenant || '/' || of_subject, 7716358));
end
$$;

create function mark_changes(of_tenant text, of_subject text) returns text language plpgsql as $$
declare
    open_one text;
    marked text;
    next_one text;
begin
    perform lock_subject(of_tenant, of_subject);
    -- Whoever is claiming it now has it first.
    select id into marked from changes
    where tenant = of_tenant and subject = of_subject and ready for update;
    select state into open_one from changes where tenant = of_tenant and subject = of_subject
      and state in ('starting', 'running', 'waiting');
    if open_one is null then
        select id into next_one from (
            select id, held from changes
            where tenant = of_tenant and subject = of_subject and state = 'pending'
            order by seq limit 1) as oldest
        where not held;
    end if;
    if marked is distinct from next_one then
        update changes set ready = false where id = marked;
        update changes set ready = true where id = next_one;
    end if;
    return open_one;
end
$$;

-- The newest that is pending stands for all that the saga which waits is to be told of, once.
create function mark_news(of_tenant text, of_subject text) returns void language plpgsql as $$
begin
    update changes set news = 0
    where tenant = of_tenant and subject = of_subject and state = 'pending' and news = 1;
    update changes set news = 1 where id = (
        select id from changes
        where tenant = of_tenant and subject = of_subject and state = 'pending' and not held
        order by seq desc limit 1) and news = 0 and taken_in_by is null;
end
$$;

-- The first of a subject is marked before it is written: it need not be written twice.
create function change_is_added() returns trigger language plpgsql as $$
begin
    perform lock_subject(new.tenant, new.subject);
    new.ready = not new.held and not exists (
        select from changes where tenant = new.tenant and subject = new.subject
        and state in ('starting', 'running', 'waiting'))
      and not exists (
        select from changes where tenant = new.tenant and subject = new.subject
        and state = 'pending');
    return new;
end
$$;

create function change_was_added() returns trigger language plpgsql as $$
begin
    if exists (select from changes where tenant = new.tenant and subject = new.subject
      and state = 'waiting') then
        perform mark_news(new.tenant, new.subject);
    elsif new.state <> 'pending' or exists (select from changes
      where tenant = new.tenant and subject = new.subject and ready and seq > new.seq) then
        perform mark_changes(new.tenant, new.subject);
    end if;
    return null;
end
$$;

create function change_has_moved() returns trigger language plpgsql as $$
begin
    if mark_changes(new.tenant, new.subject) is null then
        update changes set news = 0
        where tenant = new.tenant and subject = new.subject and state = 'pending' and news = 1;
    elsif new.state = 'waiting' then
        perform mark_news(new.tenant, new.subject);
    end if;
    return null;
end
$$;

create trigger change_is_added before insert on changes for each row
    when (new.state = 'pending') execute function change_is_added();
create trigger change_was_added after insert on changes for each row
    when (new.state <> 'settled' and not new.ready) execute function change_was_added();
-- Not at a claim, which takes the mark itself, nor where a saga goes on.
create trigger change_has_moved after update of state, held on changes for each row
    when ((old.state, old.held) is distinct from (new.state, new.held)
      and (old.state = 'pending' or new.state in ('pending', 'waiting', 'settled'))
      and not (new.state = 'starting' and not new.ready))
    execute function change_has_moved();

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
    erp_status text default 'unposted' not null,
    erp_status_at timestamptz,
    erp_status_shown text default '' not null,
    seen_at timestamptz default now() not null,
    primary key (tenant, document_id),
    constraint documents_state check (state in ('seen', 'posted', 'reversed', 'before_cutover')),
    constraint documents_erp_status check (erp_status in ('unposted', 'posted', 'part_paid',
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
create index documents_moving on documents (tenant, erp_status_at nulls first, document_id)
    where (erp_document_id is not null and erp_status not in ('paid', 'credited')
      or erp_status = 'paid' and status = 'open'
      or erp_status_shown <> erp_status and (erp_status_shown <> ''
      or erp_status <> 'unposted'));
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
    place text,
    writes_set text,
    state text default 'planned' not null,
    attempt integer default 0 not null,
    lands_until timestamptz,
    made text[] default '{}' not null,
    vendor_reference text,
    url text,
    result jsonb,
    undo_reference text,
    undo_result jsonb,
    closed_by text,
    error text,
    created_at timestamptz default now() not null,
    attempted_at timestamptz,
    confirmed_at timestamptz,
    compensated_at timestamptz,
    swept_at timestamptz,
    primary key (key),
    constraint effects_state check (state in ('planned', 'attempting', 'uncertain', 'rejected',
      'confirmed', 'compensating', 'compensated'))
);
create index effects_by_change on effects (change_id, created_at);
create index effects_by_reference on effects (tenant, vendor_reference);
create index effects_of_set on effects (writes_set)
  where writes_set is not null and lands_until is not null;
create index effects_to_sweep on effects (tenant, lands_until)
  where lands_until is not null and swept_at is null
    and state in ('confirmed', 'compensated', 'uncertain');

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
    message text not null,
    at_risk_minor bigint,
    at_risk_currency text,
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
create unique index exceptions_one_open on exceptions (tenant, change_id, track)
    where state = 'open';

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

create table lanes (
    tenant text not null,
    entity text not null,
    build text not null,
    holder text,
    until timestamptz default now() not null,
    primary key (tenant, entity, build)
);

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
    event jsonb,
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
    news bigint default 1 not null,
    acknowledged bigint default 0 not null,
    ended_after bigint default 0 not null,
    changed_at timestamptz default now() not null,
    checked_at timestamptz default now() not null,
    primary key (workflow_id)
);
create index processes_unchecked on processes (checked_at) where news > ended_after;
create index processes_unacknowledged on processes (changed_at) where news > acknowledged;

create table retention (
    part text not null,
    up_to bigint default 0 not null,
    at timestamptz default now() not null,
    primary key (part)
);

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

create table support_contributions (
    tenant text not null,
    subscription_id text not null,
    customer_id text not null,
    organization text not null,
    left_at text[] default '{}' not null,
    contribution jsonb not null,
    updated_at timestamptz default now() not null,
    primary key (tenant, subscription_id)
);
create index support_contributions_by_customer on support_contributions (tenant, customer_id);
create index support_contributions_by_organization on support_contributions (tenant, organization);

create table temporal_namespace (
    one boolean default true not null,
    name text not null,
    namespace_id text not null,
    since timestamptz default now() not null,
    primary key (one),
    constraint temporal_namespace_one check (one)
);

create table target_states (
    tenant text not null,
    target text not null,
    customer_id text not null,
    revision bigint not null,
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
