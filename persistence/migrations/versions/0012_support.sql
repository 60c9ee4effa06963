create table support_cases (
    tenant text not null,
    case_id text not null,
    organization text,
    status text,
    priority text,
    url text,
    opened_at timestamptz,
    escalated_at timestamptz,
    deadlines jsonb,
    told_at timestamptz default now() not null,
    closed_at timestamptz,
    primary key (tenant, case_id)
);
create index support_cases_by_organization on support_cases (tenant, lower(organization), case_id);

create table support_desks (
    tenant text not null,
    organization text not null,
    read_at timestamptz default now() not null,
    complete boolean default true not null,
    shown jsonb,
    sla jsonb,
    primary key (tenant, organization)
);

alter table documents add column email_digest text;
create index documents_by_email on documents (tenant, email_digest) where email_digest is not null;
create index documents_owed on documents (tenant, customer_id, issued_at)
    where remaining_minor <> 0 and status <> 'void';
create index mappings_by_organization on mappings
    (tenant, lower(target ->> 'support_organization')) where kind = 'account';
create index mappings_by_party on mappings (tenant, (target ->> 'erp_party'))
    where kind = 'account';
create index subscription_states_by_customer on subscription_states (tenant, customer_id);
